"""After a restore: a Subscription goes on, no number ever names another event, and nothing is missed."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from carepath.service import Service, ServiceOptions
from carepath.store import subscription_numbers, subscriptions
from carepath.store.database import Database
from carepath.store.resources import Viewer
from carepath.store.times import micros
from pathways.subscriptions import Content
from tests.contract.keeping import Clock, Make, filled, restore_into, tell, write
from tests.contract.test_backup_feeds import ids, read_again
from tests.contract.test_notifications import subscribed
from tests.integration import stories


@dataclass
class Subscriber:
    """Asks for what follows the last number that it has, and remembers which event each number was."""

    id: str
    receiver: str
    cursor: int = 0
    had: dict[int, str] = field(default_factory=dict)

    def read(self, database: Database, clock: Clock, most: int = 10_000) -> None:
        """The next events, up to so many."""
        with database.read() as conn:
            (one,) = subscriptions.listed(conn, Viewer(None, micros(clock())), [self.id])
            found = subscriptions.events_of(conn, one, self.cursor, micros(clock()), limit=most)
        for event in found:
            assert self.had.setdefault(event.number, event.item.id) == event.item.id
            self.cursor = event.number

    def again(self, database: Database, clock: Clock) -> None:
        """Everything from the beginning: each number is what it was."""
        at, self.cursor = self.cursor, 0
        self.read(database, clock)
        self.cursor = max(at, self.cursor)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("had", [0, 3, 10_000])
def test_a_subscriber_goes_on_across_a_restore(
    make: Make, tmp_path: Path, kind: str, had: int
) -> None:
    """However much it had of what the backup does not know; a second time, too."""
    clock = Clock()
    database = make(kind)
    service = filled(database, clock, people=0)
    subscribers = [
        Subscriber(subscribed(database, receiver, Content.EMPTY), receiver)
        for receiver in ("*", stories.NURSING.number, stories.HOSPITAL.number, "nobody-yet")
    ]
    log = [told for _ in range(2) for told in stories.hospital_stay()]
    tell(service, log[:15])
    file = write(database, tmp_path, clock())
    for one in subscribers:
        one.read(database, clock)
    tell(service, log[15:])
    for one in subscribers:
        one.read(database, clock, had)
    expected = {one.receiver: ids(database, one.receiver) for one in subscribers}

    for _again in range(2):
        restore_into(database, file, clock(), replace=True)
        after = Service(database, ServiceOptions(now=clock))
        assert read_again(after, log) == len(log) - 15
        for one in subscribers:
            one.read(database, clock)
            one.again(database, clock)
            assert expected[one.receiver] <= {*one.had.values()}
            assert [*one.had] == sorted(one.had)


def test_whoever_sends_holds_nothing_afterwards(make: Make, tmp_path: Path) -> None:
    """A lease of then is nobody's now, and a feed that never began begins with the notice as well."""
    clock = Clock()
    database = make("sqlite")
    filled(database, clock, people=0)
    id_ = subscribed(database, "nobody-yet", Content.EMPTY)
    file = write(database, tmp_path, clock())
    at = clock()
    restore_into(database, file, at, replace=True)

    one = Subscriber(id_, "nobody-yet")
    one.read(database, clock)
    with database.read() as conn:
        held = conn.exec_driver_sql("SELECT count(*) FROM subscriptions WHERE holder IS NOT NULL")
        assert held.scalar() == 0
        assert subscription_numbers.receivers(conn) == ["nobody-yet"]
    assert [*one.had] == [micros(at)]
