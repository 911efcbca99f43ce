"""Stays told in HL7 v2: the same as in our own profile, answered the same at every repeat, on either database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carepath.service import Answer, Service, ServiceOptions, Submission, answers, directory
from carepath.store import overview, queries
from carepath.store.database import Database
from carepath.store.resources import Viewer
from fhir_mappings import codes
from fhir_mappings.formats import HL7_V2
from fhir_mappings.hl7v2.acknowledgement import acknowledgements
from pathways.events import Activity, EventCode
from pathways.facts import ReportFacts, StayFacts, StayKind
from pathways.messages import Key, KeyRank, Message
from pathways.moments import Moment
from pathways.parties import Identifier, Party, PartyRef
from pathways.transitions import Status
from tests.contract import matters
from tests.contract.stored import EVERYTHING, opened
from tests.unit.hl7v2 import HOSPITAL, MERGE, NOW, REPORT, Letter, adt, pid, pv1

BEGUN = datetime(2026, 11, 16, 8, tzinfo=UTC)
SENDER = PartyRef((Identifier(codes.ORGANISATION_NUMBER, HOSPITAL),))
STAY = "urn:oid:1.2.3"
ALWAYS = 2**62
OPERATOR = Viewer(None, ALWAYS)


# --- one stay in two languages


def stamp(minutes: int) -> str:
    """A time stamp so many minutes into the story."""
    return f"{BEGUN + timedelta(minutes=minutes):%Y%m%d%H%M%S}+0000"


def in_hl7(trigger: str, minutes: int, person: int, ward: str = "A") -> bytes:
    """A part of the stay as an ADT feed tells it."""
    [number] = matters.patient(person).identifiers
    told = {"A03": stamp(minutes)}.get(trigger, "")
    line = pv1(visit="S1^^^&1.2.3&ISO", begins=stamp(0), ends=told).replace("MED1", ward)
    letter = adt(trigger, named(person), line, at=stamp(minutes))
    return replace(letter, id=f"{number.value}-{trigger}-{minutes}").source


def named(person: int) -> str:
    """PID of somebody, as ``matters.patient`` is described."""
    [number] = matters.patient(person).identifiers
    return f"PID|1||{number.value}^^^FNR||Nordmann^Kari"


def in_our_profile(
    code: EventCode,
    minutes: int,
    person: int,
    facts: StayFacts | ReportFacts,
    activity: Activity = Activity.NEW,
) -> bytes:
    """A part of the stay in FHIR."""
    at = BEGUN + timedelta(minutes=minutes)
    happened = Moment(BEGUN if code is EventCode.ADMISSION and activity is Activity.REVISE else at)
    message = Message(
        id=matters.message_id(minutes, person),
        format="carepath",
        envelope=None,
        content=b"",
        code=code,
        activity=activity,
        sender=SENDER,
        happened=happened,
        written=at,
        patient=matters.patient(person),
        keys=(Key(KeyRank.STAY, f"{STAY}|S1"),),
        facts=facts,
    )
    return matters.source(message)


def stay(ward: str = "A", **more: Any) -> StayFacts:
    """What every message of the stay says."""
    ids = (Identifier(STAY, "S1"),)
    return StayFacts(
        encounter_class="IMP", begins=Moment(BEGUN), ward=ward, identifiers=ids, **more
    )


def report(person: int) -> bytes:
    """The discharge report, by ORU."""
    line = pv1(visit="S1^^^&1.2.3&ISO")
    segments = ("OBR|1||E1|18842-5^Epikrise|||" + stamp(500), "OBX|1|TX|1^x||Utskrevet i dag")
    number = f"{person}-report"
    letter = replace(REPORT, segments=(named(person), line, *segments), id=number, at=stamp(500))
    return letter.source


def both(person: int) -> list[tuple[bytes, bytes]]:
    """The whole stay, part by part, in HL7 v2 and in our profile."""
    admitted = stay(stay_kind=StayKind.HOSPITAL)
    taken_back, ended = (Moment(BEGUN + timedelta(minutes=minutes)) for minutes in (300, 400))
    document = ReportFacts(
        title="Epikrise", text="Utskrevet i dag", identifiers=(Identifier("", "E1"),)
    )
    steps: list[tuple[str, int, EventCode, StayFacts, Activity]] = [
        ("A01", 0, EventCode.ADMISSION, admitted, Activity.NEW),
        ("A02", 60, EventCode.TRANSFER, stay("B"), Activity.NEW),
        ("A21", 100, EventCode.LEAVE_START, stay("B"), Activity.NEW),
        ("A22", 200, EventCode.LEAVE_END, stay("B"), Activity.NEW),
        ("A08", 210, EventCode.ADMISSION, admitted, Activity.REVISE),
        ("A03", 300, EventCode.DISCHARGE, stay("B", ends=taken_back), Activity.NEW),
        ("A13", 310, EventCode.DISCHARGE, stay("B"), Activity.CANCEL),
        ("A03", 400, EventCode.DISCHARGE, stay("B", ends=ended), Activity.NEW),
    ]
    told = [
        (
            in_hl7(trigger, minutes, person, facts.ward or ""),
            in_our_profile(code, minutes, person, facts, activity),
        )
        for trigger, minutes, code, facts, activity in steps
    ]
    own = in_our_profile(EventCode.DISCHARGE_REPORT, 500, person, document)
    return [*told, (report(person), own)]


def take(service: Service, *sources: bytes) -> str:
    """Take messages in one by one; the patient's key."""
    keys = set()
    for source in sources:
        (answer,) = service.handle([Submission(source)])
        assert answer.status == 200, answer.body
        keys.add(answer.patient)
    (key,) = keys
    assert key
    return key


def known(database: Database, key: str) -> list[Any]:
    """The timeline and the state of a patient, but for what is about arrival, and ids."""
    with database.read() as conn:
        threads = overview.matters(conn, EVERYTHING, [key], None)
        shown = queries.timeline(conn, (key,), OPERATOR, as_of=ALWAYS)
    states = [(t.family, t.status, t.facts, t.owner, t.begun, t.updated, t.task) for t in threads]
    entries = [
        (e.code, e.activity, e.happened, e.written, e.sender, {*e.marks} - {"late"}) for e in shown
    ]
    return [sorted(states, key=str), sorted(entries, key=str)]


def test_a_death_that_was_a_mistake(database_url: str) -> None:
    """A13 takes back a discharge, also one that told of a death: the person lives, and the stay goes on."""
    with serving(database_url) as service:
        dead = adt("A03", pid(*[""] * 18, "Y"), pv1(ends="20261120110000"))
        key = take(service, adt("A01").source, dead.source)
        assert _status(service, key) is Status.DECEASED
        take(service, adt("A13", at="20261120120000+0100").source)
        assert _status(service, key) is Status.IN_PROGRESS


def _status(service: Service, key: str) -> Status:
    with service.database.read() as conn:
        [thread] = overview.matters(conn, EVERYTHING, [key], None)
    return thread.status


@contextmanager
def serving(url: str, **options: Any) -> Iterator[Service]:
    """A service on the database of the test."""
    with opened(url) as database:
        yield Service(database, ServiceOptions(now=lambda: NOW, **options))


_PEOPLE = count(1)


def test_a_stay_is_the_same_in_either_language(database_url: str) -> None:
    """All in HL7 v2, all in our profile, mixed, and in any order: one timeline, one state."""
    with serving(database_url) as service:
        told = known(service.database, take(service, *(own for _, own in both(0))))

        @settings(max_examples=4)
        @given(st.permutations(range(9)), st.lists(st.booleans(), min_size=9, max_size=9))
        def mixed(order: Sequence[int], in_fhir: Sequence[bool]) -> None:
            parts = both(next(_PEOPLE))
            sources = [parts[place][in_fhir[place]] for place in order]
            assert known(service.database, take(service, *sources)) == told

        mixed()
        only_hl7 = take(service, *(hl7 for hl7, _ in both(next(_PEOPLE))))
        assert known(service.database, only_hl7) == told


# --- what the sender is told


def tell(service: Service, source: bytes) -> tuple[Answer, tuple[bytes, ...]]:
    """Take it in; the answer, and what the sender hears."""
    (answer,) = service.handle([Submission(source, HL7_V2)])
    reply = answers.reply(answer, source, service.options.now())
    return answer, acknowledgements(source, reply)


def test_the_same_message_again_gets_the_same_answer(database_url: str) -> None:
    """Byte for byte and without another effect, an hour later too; another content is a conflict."""
    clock = [NOW]
    with opened(database_url) as database:
        service = Service(database, ServiceOptions(now=lambda: clock[0]))
        future = adt("A03", at="20261224080000+0100")
        for letter in (adt("A01"), future):
            first, acks = tell(service, letter.source)
            clock[0] += timedelta(hours=1)
            again, told = tell(service, letter.source)
            assert told == acks
            assert again.event_id == first.event_id
        renewed = replace(adt("A01"), at="20261120235959+0100")
        assert tell(service, renewed.source)[1] == tell(service, adt("A01").source)[1]
        other = adt("A01", pid(), pv1(visit="V2"))
        answer, [ack] = tell(service, other.source)
        assert answer.status == 409
        assert b"\rMSA|AE|A01-20261120101500\r" in ack
        assert b"\rERR||MSH^1^10|205^" in ack
        with database.read() as conn:
            (key,) = [known.key for known in overview.recent(conn, EVERYTHING, 9)]
            assert len(queries.timeline(conn, (key,), OPERATOR, as_of=ALWAYS)) == 1


def test_a_merge_makes_one_timeline_of_two(database_url: str) -> None:
    """A40: what is known of the number given up is the patient's."""
    with serving(database_url) as service:
        old = adt("A01", pid().replace(pid().split("|")[3], "77^^^HUS^MR"), pv1())
        before = take(service, old.source)
        now = take(service, replace(adt("A01"), id="2").source)
        assert before != now
        take(service, MERGE.source)
        with service.database.read() as conn:
            assert set(queries.closure(conn, [now])) == {before, now}


@pytest.mark.parametrize(
    ("letter", "place"),
    [
        (replace(adt("A01"), sender="974795833"), b"MSH^1^4"),
        (replace(adt("A01"), receiver="940198763", charset="UNICODE UTF-8"), None),
    ],
)
def test_who_is_in_the_directory(letter: Letter, place: bytes | None, database_url: str) -> None:
    """Outside open mode nobody else sends; the broker itself needs no entry."""
    with serving(database_url, open_mode=False) as service:
        with service.database.write() as conn:
            party = Party("hospital", "Hospital", identifiers=SENDER.identifiers)
            directory.enter(conn, service.database.keys, party, NOW)
        _, [ack] = tell(service, letter.source)
        assert (b"|AA|" in ack) is (place is None)
        assert place is None or place in ack
