"""What an operator watches, as both stores know it; and that the page says it."""

import re
from datetime import UTC, datetime

import pytest

from carepath.api.metrics import Metrics
from carepath.store import deliveries, feed, numbering, positions, streams, transports
from carepath.store.database import Database, migrate
from carepath.store.figures import figures
from carepath.store.tables import parked
from carepath.store.times import micros
from carepath.store.transports import Judged, State
from pathways.parties import Party
from tests.contract.keeping import Make
from tests.contract.stored import put, sent

NOW = micros(datetime(2026, 11, 20, 12, tzinfo=UTC))
MINUTE = 60_000_000


@pytest.fixture(params=["sqlite", "postgresql"])
def database(make: Make, request: pytest.FixtureRequest) -> Database:
    """An empty store of each kind."""
    made = make(request.param)
    migrate(made.writer.url.render_as_string(hide_password=False))
    return made


def page(database: Database) -> dict[str, float]:
    """Every figure of ours that is told, by name and labels."""
    metrics = Metrics()
    with database.read() as conn:
        metrics.look_up(figures(conn, NOW), NOW / 1_000_000)
    lines = re.findall(r"^(carepath_\S+) (\S+)$", metrics.page().decode(), re.MULTILINE)
    return {name: float(value) for name, value in lines}


def test_nothing_waits_in_an_empty_store(database: Database) -> None:
    """All figures without a label are there from the beginning, with 0; and so are faults of ours."""
    found = page(database)
    assert found['carepath_parked_open{reason="fault"}'] == 0
    assert found["carepath_outbox_unnumbered_seconds"] == found["carepath_answers_unsent"] == 0
    assert found["carepath_intake_missing_records"] == 0
    assert found['carepath_subscriptions{status="error"}'] == 0


def test_receivers_own_networks(database: Database) -> None:
    """What waits there, what nobody has said a word of, what was refused; of who has none any more, nothing."""
    party = Party("north", "Nord", transport="mllp://north.example:2575")
    with database.write() as conn:
        transports.follow(conn, party)
    sent(database, "north", "a", "b", "c", created=NOW - 9 * MINUTE)
    with database.write() as conn:
        numbering.number(conn)
        transports.claim(conn, "mllp", "me", now=0, until=1, limit=1)
        judged = (Judged(state=State.SENT), Judged(state=State.REFUSED, reason="AE"))
        for number, one in enumerate(judged, 1):
            item = feed.after(conn, "north", number - 1, NOW, limit=1)[0]
            transports.begin(conn, item, "north", "mllp", "m", NOW - 4 * MINUTE)
            transports.judge(conn, item.id, one, NOW)
            transports.move(conn, "north", "me", number - 1, number, NOW)
    found = page(database)
    assert found['carepath_network_unsent{receiver="north"}'] == 1
    assert found['carepath_network_unsent_seconds{receiver="north"}'] == 540
    assert found['carepath_network_unconfirmed{receiver="north"}'] == 1
    assert found['carepath_network_unconfirmed_seconds{receiver="north"}'] == 240
    assert found['carepath_network_refused{receiver="north"}'] == 1
    assert found['carepath_network_paused{receiver="north"}'] == 0
    with database.write() as conn:
        transports.follow(conn, Party("north", "Nord"))
    assert not any(name.startswith("carepath_network_") for name in page(database))


def test_what_waits_and_for_how_long(database: Database) -> None:
    """Without a number, not handed over, not published: how much and since when."""
    sent(database, "north", "a", "b", "c", created=NOW - 9 * MINUTE)
    with database.write() as conn:
        numbering.number(conn)
        feed.delivered(conn, {"north": 1}, NOW)
        streams.enter(conn, ["north"])
        deliveries.pause(conn, deliveries.TOPICS, "north", paused=True)
    sent(database, "south", "d", created=NOW - 3 * MINUTE)

    found = page(database)
    assert found["carepath_outbox_unnumbered"] == 1
    assert found["carepath_outbox_unnumbered_seconds"] == 180
    assert found['carepath_feed_undelivered{receiver="north"}'] == 2
    assert found['carepath_feed_undelivered_seconds{receiver="north"}'] == 540
    assert found['carepath_kafka_unpublished{receiver="north"}'] == 3
    assert found['carepath_kafka_unpublished_seconds{receiver="north"}'] == 540
    assert found['carepath_kafka_paused{receiver="north"}'] == 1


def test_it_ends_when_nothing_waits_any_more(database: Database) -> None:
    """The next look takes the figures back."""
    sent(database, "north", "a", created=NOW - MINUTE)
    with database.write() as conn:
        numbering.number(conn)
        feed.delivered(conn, {"north": 1}, NOW)
    found = page(database)
    assert found['carepath_feed_undelivered_seconds{receiver="north"}'] == 0
    assert found["carepath_outbox_unnumbered_seconds"] == 0


def test_parked_by_reason_and_missing(database: Database) -> None:
    """Only open ones count; a reason whose messages were settled falls to 0."""
    told = {"received": NOW, "sender": "x", "media_type": "x", "source": b"x"}
    states = [("a", "conflict", "open"), ("b", "conflict", "dropped"), ("c", "invalid", "placed")]
    put(database, parked, *({"id": i, "reason": r, "state": s, **told} for i, r, s in states))
    with database.write() as conn:
        positions.missed(conn, 2)
        positions.missed(conn, 3)

    found = page(database)
    assert found['carepath_parked_open{reason="conflict"}'] == 1
    assert found['carepath_parked_open{reason="invalid"}'] == 0
    assert found["carepath_intake_missing_records"] == 5


def test_a_feed_begun_anew_counts_what_is_there(database: Database) -> None:
    """The jump in its numbers is nothing that waits."""
    sent(database, "north", "a", "b", created=NOW - MINUTE)
    with database.write() as conn:
        numbering.number(conn)
        feed.begin_anew(conn, NOW)
    assert page(database)['carepath_feed_undelivered{receiver="north"}'] == 3
    with database.write() as conn:
        feed.delivered(conn, {"north": NOW}, NOW)
    sent(database, "north", "c", created=NOW)
    with database.write() as conn:
        numbering.number(conn)
    assert page(database)['carepath_feed_undelivered{receiver="north"}'] == 1
