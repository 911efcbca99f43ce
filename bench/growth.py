"""What a message costs where much is stored already: by everybody, and about the same patient."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice

import orjson

from bench import stores
from bench.costs import Clock, Contest, Work, database_clock
from bench.figures import Figure
from bench.messages import messages, stay, stream
from bench.pipe import handled
from carepath.delivery.relay import Relay
from carepath.service import Service
from carepath.store.database import Database

PART = "Growth"
FEW, MANY = 10_000, 1_000_000
ROUNDS = 20
HISTORY = 2_000
_PATIENT = 1
_AIM = 1.2


def run() -> Iterator[Figure]:
    """Cost with ten thousand and a million events stored, and for a patient with two thousand, on both stores."""
    for store in stores.STORES:
        yield from _stored(store)
        yield from _patient(store)


def _stored(store: str) -> Iterator[Figure]:
    """The same messages to both, in turns, a hundred and one at a time."""
    with ExitStack() as stack:
        opened = {
            events: stack.enter_context(
                stores.opened(stack.enter_context(stores.fresh(store, events)))
            )
            for events in (FEW, MANY)
        }
        services = {str(events): Service(database) for events, database in opened.items()}
        for size, rounds in ((100, ROUNDS), (1, ROUNDS // 5)):
            ways = {name: _delivered(service, size) for name, service in services.items()}
            clocks = {str(events): _clock(database) for events, database in opened.items()}
            contest, source = Contest(ways, clocks), stream()
            for number in range(rounds + 5):
                if number == 5:
                    contest.costs.clear()
                batch = list(islice(source, 100))
                contest.round(dict.fromkeys(ways, batch))
            yield from _told(
                store, contest, (str(FEW), str(MANY)), f"events stored, {size} at a time"
            )


def _delivered(service: Service, size: int) -> Work:
    """Taken in, and given places in the feeds: numbering is a cost of storing much, too."""
    relay = Relay(service.database)
    take = handled(service, size)

    def work(batch: Sequence[bytes]) -> None:
        for at in range(0, len(batch), size):
            take(batch[at : at + size])
            while relay.round():
                pass

    return work


def _clock(database: Database) -> Clock:
    with database.read() as connection:
        return database_clock(connection)


def _patient(store: str) -> Iterator[Figure]:
    """Whole stays, message by message: of a patient with a long history, and each of somebody new."""
    with stores.fresh(store) as url, stores.opened(url) as database:
        service = Service(database)
        known = handled(service, 100)
        known(messages(300))
        known([orjson.dumps(m) for _ in range(HISTORY // 8) for m in stay(_PATIENT)])
        one = handled(service, 1)
        ways = {"0": one, str(HISTORY): one}
        contest = Contest(ways, dict.fromkeys(ways, _clock(database)))
        for number in range(ROUNDS + 3):
            if number == 3:
                contest.costs.clear()
            contest.round(
                {
                    "0": [orjson.dumps(m) for m in stay()],
                    str(HISTORY): [orjson.dumps(m) for m in stay(_PATIENT)],
                }
            )
        yield from _told(store, contest, ("0", str(HISTORY)), "events of the patient")


def _told(store: str, contest: Contest, names: tuple[str, str], label: str) -> Iterator[Figure]:
    few, many = (contest.costs[name] for name in names)
    for name, cost in zip(names, (few, many), strict=True):
        text = f"{int(name):,} {label}: CPU per message"
        yield Figure(part=PART, store=store, name=text, value=cost.each, unit="µs")
    yield Figure(
        part=PART,
        store=store,
        name=f"{int(names[1]):,} / {int(names[0]):,} {label}: CPU",
        value=many.each / few.each,
        unit="×",
        aim=_AIM,
    )
    yield Figure(
        part=PART,
        store=store,
        name=f"{int(names[1]):,} / {int(names[0]):,} {label}: time",
        value=many.wall / few.wall,
        unit="×",
    )
