"""What retention lets go on both stores, and above all what it does not."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select

from carepath.delivery.content import bundle, event_code
from carepath.service import Service, Submission, Verdict
from carepath.service.rebuild import rebuild
from carepath.store import feed, parked, queries, streams, tables
from carepath.store.database import Database
from carepath.store.resources import Viewer
from carepath.store.retention import Cutoffs, expire, held_back
from carepath.store.tables import inbox, outbox
from carepath.store.times import micros
from tests.contract.keeping import BASE, Clock, Make, Told, filled, number, restore_into, rows
from tests.contract.keeping import write as back_up
from tests.integration import stories

RECEIVERS = (stories.NURSING.number, stories.CASE_OFFICE.number, stories.HOSPITAL.number)


class Broker:
    """A store that was told a stay by HTTP."""

    def __init__(self, database: Database) -> None:
        self.clock = Clock()
        self.service: Service = filled(database, self.clock, people=0)
        with database.write() as conn:
            conn.execute(tables.streams.delete())
        self.database = database
        self.told: list[Told] = stories.hospital_stay()
        for told in self.told:
            assert self.tell(told).verdict is Verdict.ACCEPTED
        number(database)

    def tell(self, told: Told) -> Any:
        """The answer to a message."""
        (answer,) = self.service.handle([Submission(orjson.dumps(told))])
        return answer

    def hand_over(self, *receivers: str) -> None:
        """Let receivers have all of their feeds."""
        with self.database.write() as conn:
            upto = {key: feed.last(conn, key) for key in receivers}
            feed.delivered(conn, upto, micros(self.clock()))

    def expire(self, *, dry_run: bool = False) -> dict[str, int]:
        """Let go of all that is older than now."""
        now = self.clock()
        return expire(self.database, Cutoffs(bodies=now, inbox=now), dry_run=dry_run)

    def feed(self, receiver: str) -> list[feed.Item]:
        """A receiver's whole feed."""
        with self.database.read() as conn:
            return feed.after(conn, receiver, 0, micros(self.clock()), limit=1000, size=10**9)


@pytest.fixture(params=["sqlite", "postgresql"])
def broker(make: Make, request: pytest.FixtureRequest) -> Broker:
    """A store of each kind."""
    return Broker(make(request.param))


def test_what_a_receiver_has_not_been_handed_stays(broker: Broker) -> None:
    """However old it is; who holds it back is told. The operator's own feed holds nothing back."""
    broker.hand_over(stories.HOSPITAL.number, stories.NURSING.number)
    broker.expire()
    now = broker.clock()
    with broker.database.read() as conn:
        waiting = held_back(conn, Cutoffs(bodies=now))
    office = broker.feed(stories.CASE_OFFICE.number)

    gp = broker.feed(stories.GP.number)
    assert waiting == {stories.CASE_OFFICE.number: len(office), stories.GP.number: len(gp)}
    assert not any(item.expired for item in office)
    assert all(bundle(item, BASE) for item in office)


def test_a_place_whose_content_has_gone_says_so(broker: Broker) -> None:
    """A receiver that goes back gets every number, those without content as ``expired``."""
    before = {key: broker.feed(key) for key in RECEIVERS}
    broker.hand_over(*RECEIVERS, stories.GP.number)
    assert broker.expire()["messages' own bytes"] == len(broker.told)

    for receiver in RECEIVERS:
        after = broker.feed(receiver)
        assert [(i.number, i.id) for i in after] == [(i.number, i.id) for i in before[receiver]]
        assert {event_code(item) for item in after} == {"expired"}
        assert not any(bundle(item, BASE) for item in after)


def test_kafka_counts_where_a_receiver_has_topics(broker: Broker) -> None:
    """What was read over HTTP but not published is not handed over yet."""
    broker.hand_over(*RECEIVERS, stories.GP.number)
    with broker.database.write() as conn:
        streams.enter(conn, [stories.NURSING.number])
    broker.expire()
    nursing = broker.feed(stories.NURSING.number)
    assert nursing
    assert not any(item.expired for item in nursing)


def test_a_message_that_comes_again_after_years_changes_nothing(broker: Broker) -> None:
    """Its receipt is made again with the same ids; other content under its id is a conflict as ever."""
    first = orjson.loads(broker.tell(broker.told[0]).body)
    broker.hand_over(*RECEIVERS, stories.GP.number)
    broker.expire()
    was = rows(broker.database)
    answer = broker.tell(broker.told[0])
    again = orjson.loads(answer.body)

    assert answer.verdict is Verdict.DUPLICATE
    assert again["entry"][0]["resource"]["response"] == first["entry"][0]["resource"]["response"]
    assert again["entry"][0]["resource"]["id"] == first["entry"][0]["resource"]["id"]
    assert rows(broker.database) == was

    other = orjson.loads(orjson.dumps(broker.told[0]).replace(b"Solvik", b"Sunvik"))
    assert broker.tell(other).status == 409


def test_a_refused_message_may_be_tried_anew(broker: Broker) -> None:
    """Its id is forgotten: the same bytes are judged again, and by the same rules."""
    refused = orjson.loads(orjson.dumps(broker.told[0]).replace(b"Solvik", b"Sunvik"))
    late = stories.admission(stories.Matter(stories.person()), happened=_tomorrow(broker))
    assert broker.tell(late).status == 422
    assert broker.expire()["ids of messages not accepted"] == 1
    assert broker.tell(late).status == 422
    assert broker.tell(refused).status == 409


def _tomorrow(broker: Broker) -> Any:
    return (broker.clock() + timedelta(days=1)).astimezone(stories.OSLO)


def test_facts_and_state_stay(broker: Broker) -> None:
    """Timeline, threads, grants and FHIR versions are as they were; a rebuild finds nothing to change."""
    kept = ("events", "threads", "patients", "grants", "resources", "resource_versions", "feeds")
    broker.hand_over(*RECEIVERS, stories.GP.number)
    was = rows(broker.database)
    broker.expire()
    now = rows(broker.database)
    assert {name for name in kept if was[name] != now[name]} == set()
    assert len(now["outbox"]) == len(was["outbox"])
    assert rebuild(broker.database, BASE, broker.clock()) == 0


def test_the_bytes_are_gone(broker: Broker) -> None:
    """``Binary/{id}`` has none, and the feed's own rows neither."""
    broker.hand_over(*RECEIVERS, stories.GP.number)
    broker.expire()
    with broker.database.read() as conn:
        stored = conn.execute(select(func.sum(func.length(inbox.c.source)))).scalar()
        made = conn.execute(select(func.sum(func.length(outbox.c.body)))).scalar()
        event = conn.execute(select(inbox.c.id)).scalars().first()
        assert event is not None
        found = queries.source(conn, event, Viewer(None, micros(broker.clock())))
    assert (stored, made or 0) == (0, 0)
    assert found is not None
    assert found.content == b""


def test_a_dry_run_counts_and_changes_nothing(broker: Broker) -> None:
    """It says what the real run then does; a second one finds nothing left."""
    broker.hand_over(*RECEIVERS, stories.GP.number)
    was = rows(broker.database)
    said = broker.expire(dry_run=True)
    assert rows(broker.database) == was
    assert broker.expire() == said
    assert set(broker.expire().values()) == {0}


def test_open_parked_messages_stay(broker: Broker) -> None:
    """Those that were settled lose their bytes; when and why stays."""
    conflict = orjson.loads(orjson.dumps(broker.told[0]).replace(b"Solvik", b"Sunvik"))
    other = orjson.loads(orjson.dumps(broker.told[1]).replace(b"Solvik", b"Sunvik"))
    assert [broker.tell(conflict).status, broker.tell(other).status] == [409, 409]
    with broker.database.write() as conn:
        first, second = parked.listed(conn)
        parked.close(conn, first.id, parked.State.DROPPED, "a double")
    broker.expire()
    with broker.database.read() as conn:
        assert parked.source(conn, first.id) == b""
        assert parked.source(conn, second.id)
        shown = parked.show(conn, first.id)
    assert shown is not None
    assert shown.note == "a double"


def test_nothing_goes_unless_it_is_old_and_set(broker: Broker) -> None:
    """Without a setting, and before the time, everything stays."""
    broker.hand_over(*RECEIVERS, stories.GP.number)
    was = rows(broker.database)
    long_ago = broker.clock() - timedelta(days=1)
    assert expire(broker.database, Cutoffs(), dry_run=False) == {}
    gone = expire(broker.database, Cutoffs(bodies=long_ago, inbox=long_ago), dry_run=False)
    assert set(gone.values()) == {0}
    assert rows(broker.database) == was


def test_what_has_gone_can_be_backed_up(broker: Broker, tmp_path: Path, make: Make) -> None:
    """Empty bytes come back as empty bytes."""
    broker.hand_over(*RECEIVERS, stories.GP.number)
    broker.expire()
    after = make("sqlite")
    restore_into(after, back_up(broker.database, tmp_path, broker.clock()), broker.clock())
    assert rows(after)["inbox"] == rows(broker.database)["inbox"]
