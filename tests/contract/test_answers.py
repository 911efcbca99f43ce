"""Answers owed to endpoints, on both stores: written once, handed out to one sender, kept until taken."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from carepath.store import answers
from carepath.store.answers import Owed
from carepath.store.database import Database
from tests.contract.stored import opened

NORTH, SOUTH = "https://north.example/fhir", "https://south.example/fhir"
LEASE = 1000


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty store."""
    with opened(database_url) as database:
        yield database


def owe(database: Database, *ids: str, url: str = NORTH, now: int = 0) -> None:
    """Note answers, each with its id for a body."""
    for id_ in ids:
        with database.write() as conn:
            answers.owe(conn, Owed(id=id_, party="p", url=url, body=id_.encode()), now)


def due(database: Database, now: int, besides: tuple[str, ...] = (), limit: int = 10) -> list[Owed]:
    """What one sender gets to send."""
    with database.write() as conn:
        found = answers.waiting(conn, now, besides=besides)
        claimed = answers.due(conn, now, lease=now + LEASE, besides=besides, limit=limit)
        assert found is bool(claimed)
        return sorted(claimed, key=lambda owed: owed.id)


def test_each_address_gets_its_oldest_first(database: Database) -> None:
    """One at a time for an address, and none for those that are being sent to."""
    owe(database, "b", now=1)
    owe(database, "a", now=2)
    owe(database, "c", url=SOUTH, now=3)

    assert [owed.id for owed in due(database, 2, besides=(SOUTH,))] == ["b"]
    assert [owed.id for owed in due(database, 3)] == ["a", "c"]
    assert due(database, 3) == []


def test_a_dead_senders_answer_is_due_again(database: Database) -> None:
    """When its lease has ended, not before; the bytes are the same."""
    owe(database, "a")
    (first,) = due(database, 5)

    assert due(database, 4 + LEASE) == []
    assert due(database, 5 + LEASE) == [first]
    assert first.body == b"a"


def test_what_was_taken_is_never_sent_by_ourselves(database: Database) -> None:
    """It is due again only when its sender asks once more, and then as it was."""
    owe(database, "a")
    (first,) = due(database, 0)
    with database.write() as conn:
        answers.settled(conn, "a", 200, 1)

    assert due(database, 10 * LEASE) == []
    with database.read() as conn:
        assert answers.unsent(conn) == 0
    with database.write() as conn:
        answers.owe(conn, Owed(id="a", party="p", url=NORTH, body=b"another"), 20 * LEASE)
    assert due(database, 20 * LEASE) == [first]


def test_asking_again_while_it_waits_changes_nothing(database: Database) -> None:
    """It keeps its place and its tries, and is there once."""
    owe(database, "a")
    (first,) = due(database, 0)
    with database.write() as conn:
        answers.failed(conn, first, None, 50)
    owe(database, "a", now=10)

    assert due(database, 49) == []
    assert [owed.tries for owed in due(database, 50)] == [1]


def test_a_failing_address_is_left_alone(database: Database) -> None:
    """All its answers wait; those of others do not."""
    owe(database, "a", "b")
    owe(database, "c", url=SOUTH)
    failing, _ = due(database, 0)
    with database.write() as conn:
        answers.failed(conn, failing, 503, 50)
    assert due(database, 49) == []

    assert [owed.id for owed in due(database, 50)] == ["a"]
    with database.read() as conn:
        assert answers.unsent(conn) == 3


def test_racing_senders_share_the_work(database: Database) -> None:
    """Four senders at once: everything is handed out, nothing twice."""
    ids = [f"id{n:02}" for n in range(24)]
    for n, id_ in enumerate(ids):
        owe(database, id_, url=f"{NORTH}/{n}")

    def send(_sender: int) -> list[str]:
        return [owed.id for _ in range(6) for owed in due_quietly(database)]

    with ThreadPoolExecutor(4) as pool:
        handed = [id_ for found in pool.map(send, range(4)) for id_ in found]

    assert sorted(handed) == ids


def due_quietly(database: Database) -> list[Owed]:
    """A few answers for one of several senders."""
    with database.write() as conn:
        return answers.due(conn, 1, lease=LEASE, besides=(), limit=6)
