"""Sending over receivers' own networks, as both stores keep it: the cursor, the leases, what became of each message."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, event, select, text
from typer.testing import Result

from carepath.cli.deliveries import app
from carepath.cli.output import Trouble
from carepath.store import deliveries, feed, numbering, retention, streams, tables, transports
from carepath.store.database import Database
from carepath.store.deliveries import Delivery
from carepath.store.feed import Item
from carepath.store.retention import Cutoffs
from carepath.store.transports import Again, Cursor, Judged, Refused, State
from pathways.parties import Party
from tests.contract.commands import Cli, Commands, done
from tests.contract.stored import granted, opened, put, sent, taken_in

SOON, LATE = 1_000_000_000, 9_000_000_000
PARTY = Party("north", "Nord", dialect="hl7v2", transport="mllp://north.example:2575")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """``north``, reached over MLLP, has three messages of ``ward``'s in its feed."""
    with opened(database_url) as database:
        follow(database, PARTY)
        add(database, 3)
        yield database


def follow(database: Database, party: Party) -> None:
    """The directory says so."""
    with database.write() as conn:
        transports.follow(conn, party)


def add(database: Database, count: int, first: int = 0) -> None:
    """More messages for ``north``."""
    for n in range(first, first + count):
        taken_in(database, f"e{n}", b"<xml/>", sender="ward")
        granted(database, "north", f"e{n}")
        more = {"event": f"e{n}", "message_id": f"m-e{n}", "patient": "p"}
        sent(database, "north", f"n{n}", created=n, **more)
    with database.write() as conn:
        numbering.number(conn)


def claim(database: Database, holder: str = "me", now: int = 0, carrier: str = "mllp") -> list[str]:
    """Who is ``holder``'s to serve now."""
    with database.write() as conn:
        return transports.claim(conn, carrier, holder, now=now, until=now + SOON, limit=10)


def item(database: Database, number: int) -> Item:
    """A place in the feed of ``north``."""
    with database.read() as conn:
        return feed.after(conn, "north", number - 1, SOON, limit=1)[0]


def begin(database: Database, number: int, now: int = 5) -> transports.Sending:
    """It is about to be sent."""
    with database.write() as conn:
        told = ("north", "mllp", f"MSG{number}", now)
        return transports.begin(conn, item(database, number), *told)


def settle(database: Database, number: int, judged: Judged, holder: str = "me") -> None:
    """What came of it."""
    with database.write() as conn:
        transports.judge(conn, f"n{number - 1}", judged, 7)
        transports.move(conn, "north", holder, number - 1, number, 7)


def again(database: Database, number: int, later: Again) -> None:
    """It has to be sent again."""
    with database.write() as conn:
        transports.again(conn, f"n{number - 1}", "north", "me", later)


def cursor(database: Database, holder: str = "me") -> Cursor | None:
    """Where it stands."""
    with database.read() as conn:
        return transports.cursor(conn, "north", holder)


def listed(database: Database) -> Delivery:
    """What the operator sees of it."""
    with database.read() as conn:
        [found] = deliveries.listed(conn, deliveries.NETWORKS)
        return found


def confirmed(database: Database) -> list[str | None]:
    """What ``north`` said of each message."""
    with database.read() as conn:
        wanted = select(tables.outbox.c.confirmed_code).order_by(tables.outbox.c.number)
        return [*conn.execute(wanted).scalars()]


# --- who has a network


def test_a_network_gets_what_comes_from_then_on(database: Database) -> None:
    """From when the directory says so; named again or moved it goes on, taken away and given anew it begins anew."""
    assert (listed(database).published, listed(database).waiting) == (0, 3)
    claim(database)
    begin(database, 1)
    settle(database, 1, Judged(state=State.CONFIRMED))
    follow(database, Party("north", "Nord", dialect="kith", transport="edi"))
    assert (listed(database).over, listed(database).published) == ("edi", 1)
    follow(database, Party("north", "Nord"))
    with database.read() as conn:
        assert deliveries.listed(conn, deliveries.NETWORKS) == []
    follow(database, PARTY)
    assert (listed(database).published, listed(database).waiting) == (3, 0)


# --- who sends


def test_one_holder_at_a_time_and_never_too_early(database: Database) -> None:
    """A lease ends by itself, is renewed, or is given back; who failed waits; what is paused or another's is let be."""
    assert claim(database, carrier="edi") == []
    assert claim(database) == ["north"]
    assert claim(database, "other") == []
    with database.write() as conn:
        transports.keep(conn, ["north"], "me", LATE)
    assert claim(database, "other", now=SOON + 1) == []
    begin(database, 1)
    again(database, 1, Again(LATE + 5, "no connection"))
    assert (listed(database).fault, cursor(database)) == ("no connection", Cursor(sent=0, tries=1))
    with database.write() as conn:
        transports.release(conn, "north", "other")  # not its own
        transports.release(conn, "north", "me")
    assert claim(database, "other", now=LATE) == []
    assert claim(database, "other", now=LATE + 5) == ["north"]
    assert cursor(database) is None
    with database.write() as conn:
        deliveries.pause(conn, deliveries.NETWORKS, "north", paused=True)
    assert cursor(database, "other") is None
    assert claim(database, "third", now=LATE * 3) == []


def test_who_waits_has_not_tried(database: Database) -> None:
    """Nothing is sent before then, and what failed is not more than before."""
    claim(database)
    begin(database, 1)
    again(database, 1, Again(0, "no answer", unsure=True))
    with database.write() as conn:
        transports.wait(conn, "north", "me", Again(LATE, "not known yet"))
        transports.wait(conn, "north", "other", Again(0, "not its own"))
        transports.release(conn, "north", "me")
    assert listed(database).fault == "not known yet"
    assert claim(database, now=LATE - 1) == []
    assert claim(database, now=LATE) == ["north"]
    assert cursor(database) == Cursor(sent=0, tries=1)


# --- one message


def test_what_may_have_been_sent_is_known(database: Database) -> None:
    """Unless it certainly was not; what was judged is not sent again, and its receiver's word stands."""
    claim(database)
    assert begin(database, 1).state is State.WAITING
    assert begin(database, 1, now=6).state is State.SENDING
    assert begin(database, 1, now=7).tried == 6
    again(database, 1, Again(0, "no answer", unsure=True))
    assert begin(database, 1).state is State.SENDING
    again(database, 1, Again(0, "no connection"))
    assert begin(database, 1).state is State.WAITING
    settle(database, 1, Judged(state=State.SENT, reference="edi-1"))
    assert begin(database, 1).state is State.SENT
    assert cursor(database) == Cursor(sent=1, tries=0)
    with database.write() as conn:
        assert transports.judge(conn, "n0", Judged(state=State.CONFIRMED), 8)
        assert not transports.judge(conn, "n0", Judged(state=State.REFUSED, reason="late"), 9)
        assert not transports.judge(conn, "n0", Judged(state=State.SENT, reference="edi-2"), 9)
        known = transports.known_by(conn, "mllp", "edi-1")
    assert known is not None
    assert (known.item, known.state, known.message_id) == ("n0", State.CONFIRMED, "MSG1")
    assert confirmed(database) == ["ok", None, None]


def test_what_nobody_knows_can_be_asked_for(database: Database) -> None:
    """And whose message it was."""
    claim(database)
    for number in (1, 2):
        begin(database, number)
    settle(database, 1, Judged(state=State.REFUSED, reason="AE"))
    with database.read() as conn:
        assert [one.message_id for one in transports.unsure(conn, "mllp")] == ["MSG2"]
        assert transports.unsure(conn, "edi") == []
        assert transports.sender_of(conn, "n0") == ("ward", "m-e0")
        assert transports.sender_of(conn, "nobody") is None
        assert transports.refused(conn, "north") == [Refused(1, "MSG1", "AE")]
    assert confirmed(database) == ["fatal-error", None, None]


def test_a_cursor_that_was_set_back_stays_there(database: Database) -> None:
    """As does one that is another's by now; what is given again is sent as if for the first time."""
    claim(database)
    for number in (1, 2):
        begin(database, number)
        settle(database, number, Judged(state=State.SENT, reference=f"r{number}"))
    begin(database, 3)
    with database.write() as conn:
        deliveries.replay(conn, deliveries.NETWORKS, "north", 1)
    settle(database, 3, Judged(state=State.SENT))
    stands = listed(database)
    assert (stands.published, stands.replay_upto, stands.unconfirmed) == (1, 2, 1)
    assert begin(database, 2).state is State.WAITING
    settle(database, 2, Judged(state=State.SENT), holder="other")
    assert listed(database).published == 1


def test_content_waits_until_the_network_has_it(database: Database) -> None:
    """Whatever Kafka has had."""
    with database.write() as conn:
        streams.enter(conn, ["north"])
        streams.claim(conn, ["north"], "kafka", now=0, until=1)
        streams.settle(conn, "kafka", [streams.Mark("north", 0, 3)], 1)
        feed.delivered(conn, {"north": 3}, 1)
    cutoffs = Cutoffs(bodies=datetime(2100, 1, 1, tzinfo=UTC))
    assert retention.expire(database, cutoffs, dry_run=True)["messages' own bytes"] == 0
    claim(database)
    for number in (1, 2):
        begin(database, number)
        settle(database, number, Judged(state=State.SENT))
    assert retention.expire(database, cutoffs, dry_run=True)["messages' own bytes"] == 2


def test_what_is_confirmed_is_not_read(database: Database) -> None:
    """However much there is: both databases go by the index of what is not."""
    state = {"party": "north", "carrier": "mllp", "message_id": "m", "tried": 5}
    done = {**state, "state": State.CONFIRMED, "settled": 6}
    put(database, tables.sent_on, *({**done, "item": f"c{n}", "number": n} for n in range(5000)))
    begin(database, 1)
    with database.write() as conn:
        conn.execute(text("ANALYZE"))
    asked: tuple[Callable[[Connection], object], ...] = (
        lambda conn: transports.unsure(conn, "mllp"),
        transports.unconfirmed_since,
        lambda conn: transports.refused(conn, "north"),
        lambda conn: deliveries.listed(conn, deliveries.NETWORKS),
    )
    for ask in asked:
        assert "ix_sent_on_unconfirmed" in plan(database, ask)


def plan(database: Database, ask: Callable[[Connection], object]) -> str:
    """How the database goes about what is asked."""
    asked: list[tuple[str, Any]] = []
    with database.read() as conn:

        def note(*told: Any) -> None:
            asked.append(told[2:4])

        event.listen(conn, "before_cursor_execute", note)
        ask(conn)
        event.remove(conn, "before_cursor_execute", note)
        [(statement, values)] = [told for told in asked if "sent_on" in told[0]]
        explain = "EXPLAIN QUERY PLAN" if conn.dialect.name == "sqlite" else "EXPLAIN"
        return str(conn.exec_driver_sql(f"{explain} {statement}", values).all())


# --- EDI's notifications


def test_offsets_are_kept_for_each_her_id(database: Database) -> None:
    """All have been read since the oldest of them was, and never before each was."""
    with database.write() as conn:
        assert transports.edi_seen(conn, "101") == 0
        transports.edi_keep(conn, "101", 17, 400)
        assert transports.edi_polled(conn, ["101", "201"]) == 0
        transports.edi_keep(conn, "201", 3, 300)
        assert transports.edi_polled(conn, ["101", "201"]) == 300
        transports.edi_keep(conn, "201", 6, 0)
        assert (transports.edi_seen(conn, "101"), transports.edi_seen(conn, "201")) == (17, 6)
        assert transports.edi_polled(conn, ["101", "201"]) == 0


# --- the command line


@pytest.fixture
def cli(commands: Commands) -> Cli:
    """Call the command."""
    return commands(app)


def trouble(result: Result) -> str:
    """What it said when it could not be done."""
    assert isinstance(result.exception, Trouble), result.output
    return str(result.exception)


def test_the_operator_sees_and_mends(cli: Cli, database: Database) -> None:
    """Where it stands, why, and what was refused; who has a topic too, is asked which."""
    claim(database)
    begin(database, 1)
    settle(database, 1, Judged(state=State.REFUSED, reason="AE: 204 Unknown key identifier"))
    begin(database, 2)
    again(database, 2, Again(LATE, "no connection"))
    [line] = done(cli("list")).splitlines()[1:]
    assert line.split()[:5] == ["north", "mllp", "3", "1", "2"]
    assert line.rstrip().endswith("no connection, 1 refused")
    assert "AE: 204 Unknown key identifier" in done(cli("refused", "north"))
    done(cli("pause", "north"))
    assert "paused" in done(cli("list"))
    done(cli("resume", "north"))
    assert claim(database, "other", now=SOON + 1) == ["north"]
    assert done(cli("replay", "north", "--from", "1")).startswith("1 updates are published again")
    assert listed(database).published == 0
    with database.write() as conn:
        streams.enter(conn, ["north"])
    assert trouble(cli("pause", "north")) == "north is reached over kafka or mllp."
    done(cli("pause", "north", "--over", "mllp"))
    assert listed(database).paused
    assert trouble(cli("pause", "north", "--over", "edi")) == "north is not reached over edi."
