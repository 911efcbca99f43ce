"""FHIR JSON and FHIR XML: what the same messages cost to read in each, and what an answer costs to write in XML.

No store is used.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

from bench.costs import Contest, Work
from bench.figures import Figure
from bench.messages import messages
from fhir_mappings import xml
from fhir_mappings.inbound import Options, read
from pathways.messages import Message

PART: Final = "JSON and XML"
ROUNDS: Final = 20
_BATCH: Final = 50
_STORE: Final = "none"


def run() -> Iterator[Figure]:
    """CPU per message of reading and writing, and the ratio of XML to JSON."""
    in_json = messages(_BATCH)
    batches = {"json": in_json, "xml": [xml.from_json(one) for one in in_json], "write": in_json}
    options = Options(received=datetime.now(UTC))
    reading = _each(partial(_read, options))
    contest = Contest({"json": reading, "xml": reading, "write": _each(xml.from_json)})
    warm_up = Contest(contest.ways)
    for number in range(ROUNDS + 5):
        (contest if number >= 5 else warm_up).round(batches)
    costs = contest.costs
    for name, label in (
        ("json", "read JSON"),
        ("xml", "read XML"),
        ("write", "JSON to XML"),
    ):
        yield _figure(f"{label}: CPU per message", costs[name].each, "µs")
    yield _figure("read XML / read JSON", costs["xml"].each / costs["json"].each, "×", 2.0)
    for name in ("json", "xml"):
        size = sum(map(len, batches[name])) / _BATCH / 1024
        yield _figure(f"a message in {name.upper()}", size, "KiB")


def _each(work: Callable[[bytes], object]) -> Work:
    def whole(batch: Sequence[bytes]) -> None:
        for one in batch:
            work(one)

    return whole


def _read(options: Options, source: bytes) -> None:
    """As the service reads it: parsed, checked, mapped. Every message is to be sound."""
    found = read(source, options)
    assert isinstance(found, Message), found


def _figure(name: str, value: float, unit: str, aim: float | None = None) -> Figure:
    return Figure(part=PART, store=_STORE, name=name, value=value, unit=unit, aim=aim)
