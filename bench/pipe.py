"""The raw pipe, and ``Service.handle`` beside it, in this process and on the same messages.

The raw pipe is a yardstick: ``fhir.resources`` parses the Bundle, one insert keeps a hundred of them, nothing
else. It is no lower bound: the broker lets sound messages through without making the models' objects.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from fhir.resources.R4B.bundle import Bundle
from sqlalchemy import Column, LargeBinary, MetaData, Table, Text, insert

from bench import stores
from bench.costs import Contest, Work, database_clock
from bench.figures import Figure
from bench.messages import stream
from carepath.service import Service, Submission
from carepath.store.database import Database

PART = "The raw pipe"
ROUNDS = 20
_BATCH = 100
_kept = Table(
    "raw_pipe",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("source", LargeBinary, nullable=False),
)


def raw(database: Database) -> Work:
    """Parse each message, keep all in one transaction; nothing else."""
    with database.write() as connection:
        _kept.metadata.create_all(connection)

    def work(batch: Sequence[bytes]) -> None:
        source = iter(batch)
        while some := list(islice(source, _BATCH)):
            rows = [{"id": Bundle.model_validate_json(one).id, "source": one} for one in some]
            with database.write() as connection:
                connection.execute(insert(_kept), rows)

    return work


def handled(service: Service, size: int) -> Work:
    """What the broker does, ``size`` messages in a transaction. Every message is to be accepted."""

    def work(batch: Sequence[bytes]) -> None:
        source = iter(batch)
        while some := [Submission(message) for message in islice(source, size)]:
            answers = service.handle(some)
            assert all(answer.status == 200 for answer in answers), answers[0].body

    return work


def run() -> Iterator[Figure]:
    """CPU per message of the raw pipe and of the broker, and their ratios, on both stores."""
    for store in stores.STORES:
        with stores.fresh(store) as url, stores.opened(url) as database:
            yield from _compare(store, database)


def _compare(store: str, database: Database) -> Iterator[Figure]:
    service = Service(database)
    ways = {"raw": raw(database), "100": handled(service, 100), "16": handled(service, 16)}
    with database.read() as connection:
        clock = database_clock(connection)
    ours = {"100": stream(), "16": stream()}
    warm_up = Contest(ways)
    contest = Contest(ways, dict.fromkeys(ways, clock))
    for number in range(ROUNDS + 5):
        batches = {name: list(islice(source, _BATCH)) for name, source in ours.items()}
        (contest if number >= 5 else warm_up).round({"raw": batches["100"], **batches})
    costs = contest.costs
    for name, label in (
        ("raw", "raw pipe"),
        ("100", "handle, 100 at a time"),
        ("16", "handle, 16 at a time"),
    ):
        yield Figure(
            part=PART,
            store=store,
            name=f"{label}: CPU per message",
            value=costs[name].each,
            unit="µs",
        )
    for name in ("100", "16"):
        yield Figure(
            part=PART,
            store=store,
            name=f"handle, {name} at a time / raw pipe",
            value=costs[name].each / costs["raw"].each,
            unit="×",
            aim=2.0 if name == "100" else None,
        )
