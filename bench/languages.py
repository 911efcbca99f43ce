"""The languages that messages come in: what the same stay costs to take in, against our own profile in FHIR.

Throughput is to be at least 0.7 of that in FHIR, so processor time at most 1 / 0.7 of it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Final

from bench import stores
from bench.costs import Contest, database_clock
from bench.figures import Figure
from bench.pipe import handled
from carepath.service import Service, directory
from carepath.store.database import Database
from tests.contract.one_stay import CANNOT_SAY, LANGUAGES, PARTIES, STEPS

PART: Final = "Languages"
ROUNDS: Final = 10
_STAYS: Final = 12
_AT_ONCE: Final = 16
_MOST: Final = 1 / 0.7
_FHIR: Final = "carepath"
_people = count(1)


def run() -> Iterator[Figure]:
    """Processor time per message in each language, and its ratio to FHIR, on both stores."""
    for store in stores.STORES:
        with stores.fresh(store) as url, stores.opened(url) as database:
            with database.write() as connection:
                for party in PARTIES:
                    directory.enter(connection, database.keys, party, datetime.now(UTC))
            for language in LANGUAGES:
                if language != _FHIR:
                    yield from _compare(store, database, language)


def _compare(store: str, database: Database, language: str) -> Iterator[Figure]:
    """The steps that the language can tell of, in it and in FHIR, batch by batch in turns."""
    work = handled(Service(database), _AT_ONCE)
    ways = dict.fromkeys((_FHIR, language), work)
    with database.read() as connection:
        clock = database_clock(connection)
    warm_up = Contest(ways)
    contest = Contest(ways, dict.fromkeys(ways, clock))
    for number in range(ROUNDS + 3):
        batches = {name: _stays(name, language) for name in ways}
        (contest if number >= 3 else warm_up).round(batches)
    costs = contest.costs
    told = f"{language}, handle, {_AT_ONCE} at a time"
    yield Figure(
        part=PART,
        store=store,
        name=f"{told}: CPU per message",
        value=costs[language].each,
        unit="µs",
    )
    yield Figure(
        part=PART,
        store=store,
        name=f"{told} / the same in FHIR",
        value=costs[language].each / costs[_FHIR].each,
        unit="×",
        aim=_MOST,
    )


def _stays(name: str, language: str) -> list[bytes]:
    """What ``language`` can tell of new stays, told in the language called ``name``."""
    steps = [step for step in STEPS if step not in CANNOT_SAY.get(language, ())]
    people = [next(_people) for _ in range(_STAYS)]
    return [LANGUAGES[name](step, person) for step in steps for person in people]
