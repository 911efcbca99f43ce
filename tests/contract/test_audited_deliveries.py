"""What goes to Kafka has its lines before it is in the air; so has what the operator is shown at the command line."""

from collections.abc import Iterator

import pytest
from sqlalchemy import delete

from carepath.delivery.kafka import Publisher
from carepath.delivery.recorder import Recorder, delivered
from carepath.delivery.relay import Relay
from carepath.service import Service
from carepath.store import audit, numbering, streams, times
from carepath.store.audit import Asked
from carepath.store.database import Database, DatabaseError
from carepath.store.tables import access_log, parked
from carepath.wiring.store import Store
from pathways.access import PERSON, Basis, Purpose, Role
from pathways.access_log import Act, Line
from schemas.broker import Broker
from tests.contract.logged import line
from tests.contract.stored import granted, opened, put, sent, taken_in


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Two parties have topics; each was sent one message about p, the north one more about q, and a receipt."""
    with opened(database_url) as database:
        for event, patient in (("e1", "p"), ("e2", "q")):
            taken_in(database, event, b'{"resourceType":"Bundle","type":"message","entry":[]}')
            granted(database, "north", event, patient=patient)
        granted(database, "south", "e1", patient="p")
        sent(database, "north", "n1", event="e1", patient="p")
        sent(database, "north", "n2", event="e2", patient="q")
        receipt = "acknowledgement"
        sent(database, "north", "n3", event="e1", kind=receipt, patient="p", body=b"{}")
        sent(database, "south", "s1", event="e1", patient="p")
        sent(database, "south", "s2", event="e2", patient="q")  # without a right to it
        with database.write() as conn:
            numbering.number(conn)
            streams.enter(conn, ["north", "south"])
            streams.claim(conn, ["north", "south"], "me", now=0, until=2**60)
        yield database


def lines(database: Database) -> list[Line]:
    """All lines, oldest first."""
    with database.read() as conn:
        return audit.listed(conn, database.keys, Asked(), limit=100)[::-1]


def loaded(database: Database) -> int:
    """How many records the publisher takes on, of both."""
    publisher = Publisher(
        database, Relay(database), Broker(bootstrap=("nowhere:1",)), base_url="http://x"
    )
    flights = publisher._load(["north", "south"])  # noqa: SLF001 -- what is between the store and Kafka
    return sum(len(flight.records) for flight in flights)


def test_records_have_a_line_for_each_patient_and_receiver(database: Database) -> None:
    """Receipts say nothing of anybody, and what is withheld neither."""
    assert loaded(database) == 5
    found = lines(database)
    assert {(one.who.party, one.patient, one.shown["Bundle"]) for one in found} == {
        ("north", "p", ("n1",)),
        ("north", "q", ("n2",)),
        ("south", "p", ("s1",)),
    }
    assert {(one.act, one.interaction, one.outcome) for one in found} == {
        (Act.DELIVERY, "kafka", "sent")
    }
    assert {one.request for one in found} == {
        f"carepath.updates.{org}" for org in ("north", "south")
    }
    assert {one.basis for one in found} == {(Basis.ADDRESSED,)}
    assert {one.who.role for one in found} == {Role.SYSTEM}


def test_nothing_is_taken_on_without_its_lines(database: Database) -> None:
    """The log cannot be written: no record goes into the air."""
    with database.write() as conn:
        conn.exec_driver_sql("ALTER TABLE access_log RENAME COLUMN act TO acted")
    with pytest.raises(DatabaseError):
        loaded(database)


def test_a_recorder_keeps_nothing_where_there_is_nothing(database: Database) -> None:
    """No transaction is begun for it."""
    with database.write() as conn:
        conn.exec_driver_sql("ALTER TABLE access_log RENAME COLUMN act TO acted")
    Recorder(database).written([])


def test_who_is_sent_it() -> None:
    """An organisation's system, the operator, or a person with a feed of their own."""
    disclosed = {"p": {"Bundle": ("b",)}, "q": {"Bundle": ("c",)}}
    system, _ = delivered("north", "websocket", disclosed, "s")
    assert (system.who.role, system.who.party, system.who.person) == (Role.SYSTEM, "north", None)
    assert (system.patient, system.interaction, system.request) == ("p", "websocket", "s")
    assert (system.act, system.outcome, system.shown) == (Act.DELIVERY, "sent", disclosed["p"])
    assert abs(times.micros(system.at) - times.now()) < 60_000_000
    operator = delivered(None, "events", disclosed, "s")[1]
    assert (operator.who.role, operator.who.purpose) == (Role.OPERATOR, Purpose.OPERATIONS)
    assert operator.patient == "q"
    person = delivered(f"{PERSON}k", "rest-hook", disclosed, "s")[0]
    assert (person.who.role, person.who.person, person.who.party) == (
        *(Role.PATIENT, f"{PERSON}k", None),
    )
    assert person.who.purpose is Purpose.PATIENT_REQUEST
    assert delivered("north", "kafka", {}, "s") == []


def test_lines_are_read_back_by_patient_party_and_time(database: Database) -> None:
    """In pages, newest first."""
    made = [line(1000 * at, f"p{at % 2}") for at in range(1, 7)]
    with database.write() as conn:
        conn.execute(delete(access_log))
        audit.write(conn, database.keys, made)

    def found(asked: Asked, limit: int = 10, before: str | None = None) -> list[int]:
        with database.read() as conn:
            some = audit.listed(conn, database.keys, asked, limit=limit, before=before)
        return [made.index(one) + 1 for one in some]

    assert found(Asked()) == [6, 5, 4, 3, 2, 1]
    assert found(Asked(patients=["p0"])) == [6, 4, 2]
    assert found(Asked(patients=[])) == []
    assert found(Asked(parties=["ward"])) == [6, 5, 4, 3, 2, 1]
    assert found(Asked(parties=["gp"])) == []
    assert found(Asked(since=2000, until=5000)) == [4, 3, 2]
    assert found(Asked(), limit=2, before=made[3].id) == [3, 2]
    with database.read() as conn:
        assert audit.show(conn, database.keys, made[0].id, Asked(patients=["p1"])) == made[0]
        assert audit.show(conn, database.keys, made[0].id, Asked(patients=["p0"])) is None


def test_what_the_operator_is_shown_of_parked_messages_has_its_line(database: Database) -> None:
    """Of one that there is; another tells nothing and leaves none."""
    row = {"id": "x", "received": 1, "reason": "conflict", "state": "open", "patient": "p"}
    put(database, parked, {**row, "media_type": "application/json", "source": b"{}"})
    store = Store(database, Service(database), "http://x/fhir")
    assert store.parked_source("x") == b"{}"
    assert store.parked_source("y") is None
    (made,) = lines(database)
    assert (made.patient, made.interaction, made.shown) == ("p", "parked", {"Binary": ("x",)})
    assert (made.who.role, made.who.client) == (Role.OPERATOR, "command line")
