"""Kafka to Kafka while everything is killed: nothing lost, nothing doubled, nothing misplaced.

``tests/chaos`` has the run and its laws; that the laws can object is shown in ``tests/unit/test_oracle_kafka.py``.
"""

import gc
from collections.abc import Iterator

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.run import chaos
from tests.chaos.workplace import Workplace, workplace

MESSAGES = 5_000
WITHIN = 20.0
"""Seconds from kill -9 to the next commit. Other tests have the machine too; ``make chaos`` asks for five."""


@pytest.fixture
def place() -> Iterator[Workplace]:
    """The run's folder; it is kept when the test fails."""
    with workplace() as place:
        yield place
    gc.collect()  # while this test's filter of warnings holds


@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # kafka-python, when refused
def test_every_fault_once(place: Workplace, seed: int) -> None:
    """Under load all the while, with duplicates, late ones, corrections and poison in it."""
    outcome = chaos(
        place.folder,
        seed=seed,
        messages=MESSAGES,
        faults=[*FAULTS],
        say=print,
        within=WITHIN,
    )
    for name, figure in outcome.table:
        print(f"{name}: {figure}")  # noqa: T201 - shown when the test fails
    assert outcome.objections == []
    place.keep = False
