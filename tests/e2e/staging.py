"""Databases for tests of the pages: the demo's patient in the middle of the story, and with years of it behind her."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import orjson

from carepath.cli.demo import people
from carepath.cli.demo.story import Step, story
from carepath.service import Submission
from carepath.settings import Settings
from carepath.texts import ZONE
from carepath.wiring.store import migrate, open_store, service_on
from fhir_mappings import outbound

NUMBER = people.PATIENT.identifiers[0].value
OMITTED = ("duplicate", "delayed", "answer-again")
"""What is left out, so that something is overdue, and something owed."""


def settings(folder: Path) -> Settings:
    """A database of its own in the folder."""
    return Settings(
        database_url=f"sqlite:///{folder}/carepath.db", key_file=folder / "carepath.key"
    )


def running(now: datetime) -> Iterator[Step]:
    """The story until its second Sunday at three, the newest that lies behind: in hospital, something is overdue.

    The same on every day of the week, and at every hour.
    """
    afternoon = datetime.combine(now.astimezone(ZONE).date(), time(15), ZONE)
    until = afternoon - timedelta(days=(afternoon.weekday() - 6) % 7)
    until -= timedelta(weeks=until > now)
    for step in story(until.date() - timedelta(days=8)):
        if step.message.written <= until and step.name not in OMITTED:
            yield step


def years(entries: int, until: date) -> list[Step]:
    """The story again and again, every other week until a day: so many messages about one patient."""
    last = until - timedelta(days=14 + (until.weekday() - 5) % 7)
    each = len([*_whole(last)])
    weeks = range(-(-entries // each) - 1, -1, -1)
    told = [step for ago in weeks for step in _whole(last - timedelta(days=14 * ago))]
    return told[-entries:]


def _whole(saturday: date) -> Iterator[Step]:
    return (step for step in story(saturday) if step.name != "duplicate")


def seed(folder: Path, steps: Iterable[Step], batch: int = 1) -> None:
    """A database that knows the demo's parties and has taken in the steps, so many at once."""
    chosen = settings(folder)
    migrate(chosen)
    sources = [_source(step) for step in steps]
    with open_store(chosen) as store:
        store.enter(people.parties())
        service = service_on(chosen, store.database)
        for at in range(0, len(sources), batch):
            for answers in service.handle([Submission(one) for one in sources[at : at + batch]]):
                assert answers.status == 200, answers


def _source(step: Step) -> bytes:
    return orjson.dumps(outbound.write(step.message, base_url="http://127.0.0.1:8000/fhir"))


def now() -> datetime:
    """The real one: pages know no other."""
    return datetime.now(UTC)
