"""One door in, on both stores: who may send, who must be told, and what becomes of what reaches nobody."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from carepath.service import Verdict
from carepath.store import queries, tables
from carepath.store.resources import Viewer
from carepath.store.times import micros
from pathways.events import Activity, EventCode
from pathways.facts import (
    InquiryFacts,
    Need,
    PersonFacts,
    ReferralFacts,
    ReportFacts,
    StayFacts,
    StayKind,
)
from pathways.messages import Destination, Key, KeyRank
from pathways.moments import Moment
from pathways.parties import Function, Identifier
from tests.contract import door, matters
from tests.contract.door import (
    HAMLET,
    ISLAND,
    NOW,
    NOWHERE,
    REFERRAL,
    STAY,
    TOWN,
    VILLAGE,
    Door,
    correction,
    issues,
    ref,
    someone,
)

HANDOVER = "handover-summary"
DESTINATION = "Bundle.entry[0].resource.destination"


def kept(broker: Door) -> int:
    """How many events are on timelines."""
    with broker.service.database.read() as conn:
        return conn.execute(select(func.count()).select_from(tables.events)).scalar_one()


# who may send


def test_an_unknown_sender_is_refused(broker: Door) -> None:
    """And does not get into the directory by asking."""
    answer = broker.tell(EventCode.ADMISSION, "stranger", "town")
    assert (answer.status, answer.verdict) == (403, Verdict.REFUSED)
    assert issues(answer)[0]["expression"] == ["Bundle.entry[0].resource.sender"]
    assert broker.tell(EventCode.ADMISSION, "stranger").status == 403
    assert kept(broker) == 0


@pytest.mark.parametrize(
    ("sender", "acting", "status"),
    [
        ("ward", "ward", 200),
        ("ward", "trust", 200),  # its parent
        ("ward", "surgery", 200),  # another unit of the same parent
        ("town-nursing", "home", 200),  # acts for it
        ("ward", "other-hospital", 403),
        ("home", "town-nursing", 403),  # acting for somebody goes one way
        ("ward", "nobody-known", 403),
    ],
)
def test_nobody_may_send_in_anothers_name(
    broker: Door, sender: str, acting: str, status: int
) -> None:
    """The organisation that acts is the sender, of its house, or acts for it."""
    answer = broker.tell(EventCode.ADMISSION, sender, acting=acting)
    assert answer.status == status
    assert kept(broker) == (1 if status == 200 else 0)


# what reaches nobody


@pytest.mark.parametrize("municipality", [None, NOWHERE])
def test_an_unknown_receiver_is_told_to_the_sender(broker: Door, municipality: str | None) -> None:
    """Where nobody else can be told either, nothing is taken in: not for the known receivers, too."""
    patient = someone(municipality)
    answer = broker.tell(EventCode.ADMISSION, "ward", "gp", "stranger", patient=patient)
    assert (answer.status, answer.verdict) == (422, Verdict.REFUSED)
    (issue,) = issues(answer)
    assert (issue["severity"], issue["expression"]) == ("error", [DESTINATION])
    assert "not in the directory" in issue["details"]["text"]
    assert kept(broker) == 0
    assert broker.feed("gp") == []


@pytest.mark.parametrize(
    ("municipality", "ke"), [(TOWN, "town-ke"), (HAMLET, "hamlet-ke"), (ISLAND, "island")]
)
def test_the_municipalitys_ke_gets_the_envelope(broker: Door, municipality: str, ke: str) -> None:
    """Ok with a warning for the sender; for KE no patient and no content, and no right to see them."""
    patient = someone(municipality)
    answer = broker.tell(EventCode.ADMISSION, "ward", "gp", "stranger", patient=patient)
    assert answer.status == 200
    (issue,) = issues(answer)
    assert (issue["severity"], issue["expression"]) == ("warning", [DESTINATION])
    assert "coordinating unit" in issue["details"]["text"]
    assert b'"code":"ok"' in answer.body
    assert broker.kinds("gp") == ["admission"]

    (item,) = broker.feed(ke)
    assert (item.kind, item.withheld) == ("misaddressed", False)
    envelope = door.read(item)
    types = {entry["resource"]["resourceType"] for entry in envelope["entry"]}
    assert types.isdisjoint({"Patient", "Encounter"})
    national = patient.identifiers[0].value
    for secret in (national, "Nordmann", "Kari", str(answer.patient), "stranger"):
        assert secret not in str(envelope)
    assert str(answer.message_id) in str(envelope)
    assert "ward" in str(envelope)
    with broker.service.database.read() as conn:
        viewer = Viewer(ke, micros(NOW))
        assert not queries.exists_patient(conn, str(answer.patient), viewer)
        assert queries.timeline(conn, (str(answer.patient),), viewer, as_of=micros(NOW)) == []


def test_the_municipality_may_be_known_from_before(broker: Door) -> None:
    """A message without address about a patient whose municipality was told, or has changed."""
    broker.tell(EventCode.ADMISSION, patient=someone(TOWN))
    for municipality, ke in ((None, "town-ke"), (VILLAGE, "village-ke")):
        if municipality:
            broker.tell(
                EventCode.MUNICIPALITY_CHANGED,
                "town-case-office",
                facts=PersonFacts(stay_municipality=municipality),
                keys=(),
            )
        answer = broker.tell(EventCode.DISCHARGE, "ward", "stranger", patient=someone(None))
        assert answer.status == 200, answer.body
        assert "misaddressed" in broker.kinds(ke)


def test_who_is_asked_is_a_receiver_too(broker: Door) -> None:
    """A referral to somebody unknown, who stands in the referral alone, does not vanish."""
    facts = ReferralFacts(identifiers=REFERRAL, performer=ref("stranger"))
    lost = broker.tell(EventCode.REFERRAL, "gp", facts=facts, keys=(), patient=someone(None))
    assert lost.status == 422, lost.body
    answer = broker.tell(EventCode.REFERRAL, "gp", facts=facts, keys=())
    assert [issue["severity"] for issue in issues(answer)] == ["warning"]
    assert broker.kinds("town-ke") == ["misaddressed"]


# a municipality is reached by function


INQUIRY = InquiryFacts(text="Når?")


@pytest.mark.parametrize(
    ("code", "facts", "unit"),
    [
        (EventCode.ADMISSION, None, "nursing"),
        (EventCode.TRANSFER, None, "nursing"),
        (EventCode.DISCHARGE, None, "nursing"),
        (EventCode.EARLY_NOTICE, None, "case-office"),
        (EventCode.DISCHARGE_READY, None, "case-office"),
        (EventCode.EMERGENCY_CONTACT, None, "on-duty"),
        (EventCode.DOCTOR_REPORT, ReportFacts(title="Epikrise"), "doctor"),
        (EventCode.INQUIRY, INQUIRY, "case-office"),
    ],
)
def test_a_municipality_addressed_as_a_whole_is_reached_by_function(
    broker: Door, code: EventCode, facts: StayFacts | ReportFacts | None, unit: str
) -> None:
    """The unit that answers for the event gets it, and nobody else; without it case-office, then KE."""
    for municipality, name, reached in (
        (TOWN, "town", f"town-{unit}"),
        (VILLAGE, "village", "village-case-office"),
        (HAMLET, "hamlet", "hamlet-ke"),
        (ISLAND, "island", "island"),
    ):
        person = replace(matters.patient(int(municipality)), municipality=municipality)
        keys = () if code is EventCode.INQUIRY else door.STAY_KEYS
        assert broker.told(code, "ward", name, facts=facts, keys=keys, patient=person) == {reached}


def test_a_question_to_a_municipality_belongs_to_the_unit_that_got_it(broker: Door) -> None:
    """Who was reached may forward it, and the answer is expected from them."""
    question = InquiryFacts(identifiers=REFERRAL, text="Når?")
    keys = (Key(KeyRank.CONVERSATION, "https://ehr.example/id|r1"),)
    said: dict[str, Any] = {"facts": question, "keys": keys}
    assert broker.told(EventCode.INQUIRY, "ward", "town", **said) == {"town-case-office"}
    said["facts"] = replace(question, owner=ref("town-nursing"))
    told = broker.told(EventCode.INQUIRY_FORWARDED, "town-case-office", **said)
    assert told == {"town-nursing", "ward"}


# who has a need


@pytest.mark.parametrize(
    ("need", "services", "told"),
    [
        (Need.YES, (), {"town-nursing"}),
        (Need.YES, ("nursing",), {"town-nursing"}),
        (Need.NO, (), set()),
        (Need.NO, ("nursing",), set()),
        (Need.UNKNOWN, (), set()),
        (Need.UNKNOWN, ("nursing",), {"town-nursing"}),
        (None, (), set()),
        (None, ("nursing",), {"town-nursing"}),
    ],
)
def test_need_decides_whether_the_municipality_is_told(
    broker: Door, need: Need | None, services: tuple[str, ...], told: set[str]
) -> None:
    """Yes or active services reach nursing, unknown stays on the ward's list, no reaches nobody there."""
    if services:
        overview = PersonFacts(services=services)
        broker.tell(EventCode.SERVICE_OVERVIEW, "town-case-office", facts=overview, keys=())
    facts = StayFacts(identifiers=STAY, municipal_need=need)
    assert broker.told(EventCode.ADMISSION, facts=facts) == told


def test_need_reaches_the_function_it_is_for(broker: Door) -> None:
    """Mental health where that is what the stay is about; at night whoever is on duty."""
    stay = StayFacts(identifiers=STAY, municipal_need=Need.YES, stay_kind=StayKind.MENTAL_HEALTH)
    assert broker.told(EventCode.ADMISSION, facts=stay) == {"town-mental-health"}
    contact = StayFacts(municipal_need=Need.YES)
    told = broker.told(EventCode.EMERGENCY_CONTACT, "legevakt", facts=contact, keys=())
    assert told == {"town-on-duty"}
    contact = StayFacts(municipal_need=Need.NO)
    assert broker.told(EventCode.EMERGENCY_CONTACT, "legevakt", facts=contact, keys=()) == set()


def test_need_is_remembered_and_what_is_named_goes_before_it(broker: Door) -> None:
    """A message that says nothing of the need goes by the stay's; a receiver is told whatever the need."""
    stay = StayFacts(identifiers=STAY, municipal_need=Need.NO)
    assert broker.told(EventCode.ADMISSION, "ward", "town", facts=stay) == {"town-nursing"}
    assert broker.told(EventCode.DEPARTURE_PLANNED) == set()
    assert broker.told(EventCode.LEAVE_START, facts=replace(stay, municipal_need=Need.YES)) == {
        "town-nursing"
    }
    assert broker.told(EventCode.DEPARTURE_PLANNED) == {"town-nursing"}


# the GP


@pytest.mark.parametrize(
    ("code", "sender", "copied"),
    [
        (EventCode.EMERGENCY_CONTACT, "legevakt", True),
        (EventCode.REFERRAL, "legevakt", True),
        (EventCode.HOSPITAL_CHOICE, "legevakt", True),
        (EventCode.DOCTOR_REPORT, "ward", True),
        (EventCode.DEATH, "ward", True),
        (EventCode.REFERRAL, "gp", False),  # it is their own
        (EventCode.ADMISSION, "ward", False),
        (EventCode.DISCHARGE, "ward", False),
    ],
)
def test_the_gp_gets_copies(broker: Door, code: EventCode, sender: str, copied: bool) -> None:
    """Of what the table says, when the patient has one who is known."""
    facts = {
        EventCode.REFERRAL: ReferralFacts(identifiers=REFERRAL, performer=ref("ward")),
        EventCode.HOSPITAL_CHOICE: ReferralFacts(identifiers=REFERRAL, performer=ref("ward")),
        EventCode.DOCTOR_REPORT: ReportFacts(title="Epikrise"),
    }.get(code)
    keys = () if isinstance(facts, ReferralFacts) else door.STAY_KEYS
    told = broker.told(code, sender, facts=facts, keys=keys, patient=someone(gp="gp"))
    assert ("gp" in told) is copied
    assert broker.told(code, sender, facts=facts, keys=keys, patient=someone()) == told


# newcomers and participants


def test_a_newcomer_gets_the_handover_summary_once(broker: Door) -> None:
    """Before the message that brought them in; whoever began the pathway needs none."""
    broker.told(EventCode.ADMISSION, "ward", "town-nursing")
    report = ReportFacts(title="Sykepleierapport", text="Sover dårlig.")
    broker.told(EventCode.ADMISSION_REPORT, "town-nursing", "ward", facts=report)
    for _ in range(2):
        broker.told(EventCode.DISCHARGE_READY, "ward", "town-case-office")
    assert broker.kinds("town-nursing") == ["admission"]
    assert HANDOVER not in broker.kinds("ward")
    assert broker.kinds("town-case-office") == [HANDOVER, "discharge-ready", "discharge-ready"]

    summary = str(door.read(broker.feed("town-case-office")[0]))
    assert "Sykepleierapport" in summary
    assert "Sover dårlig" not in summary  # a title is not the report
    with broker.service.database.read() as conn:
        sent = select(func.count()).where(tables.outbox.c.kind == HANDOVER)
        assert conn.execute(sent).scalar_one() == 1


def test_a_newcomer_to_another_matter_of_the_patient_is_one_too(broker: Door) -> None:
    """The pathway is the patient's, not the stay's: one summary, whatever brings them in."""
    broker.told(EventCode.ADMISSION, "ward", "town-nursing")
    said: dict[str, Any] = {
        "facts": ReferralFacts(identifiers=REFERRAL, performer=ref("surgery")),
        "keys": (),
    }
    assert broker.told(EventCode.REFERRAL, "gp", **said) == {"surgery"}
    assert broker.kinds("surgery") == [HANDOVER, "referral"]
    assert broker.told(EventCode.TRANSFER, "ward", "surgery") >= {"surgery"}
    assert broker.kinds("surgery") == [HANDOVER, "referral", "transfer"]


def test_participants_get_the_later_messages_of_the_stay(broker: Door) -> None:
    """Whoever was told of the stay, as receiver or as copy, is told of its end; others are not."""
    broker.told(EventCode.ADMISSION, "ward", "town-nursing")
    copy = (Destination(ref("other-hospital"), copy=True),)
    broker.told(EventCode.DISCHARGE_READY, "ward", destinations=copy)
    facts = StayFacts(identifiers=(Identifier("https://ehr.example/id", "s2"),))
    keys = (Key(KeyRank.STAY, "https://ehr.example/id|s2"),)
    broker.told(EventCode.ADMISSION, "surgery", "home", facts=facts, keys=keys)
    expected = {"town-nursing", "town-case-office", "other-hospital"}
    assert broker.told(EventCode.DISCHARGE) == expected


@pytest.mark.parametrize("activity", [Activity.REVISE, Activity.CANCEL])
@pytest.mark.parametrize("sender", ["ward", "surgery"])
def test_a_correction_reaches_those_told_before(
    broker: Door, activity: Activity, sender: str
) -> None:
    """Whoever it names, and in whichever unit of the house it is written."""
    broker.told(EventCode.ADMISSION, "ward", "town-nursing", "gp")
    broker.told(EventCode.EARLY_NOTICE, "ward", "other-hospital")
    told = broker.told(EventCode.ADMISSION, sender, **correction(activity, 0))
    assert {"town-nursing", "gp"} <= told
    assert "other-hospital" not in told  # was told of another message


def test_a_correction_of_a_correction_reaches_all_of_them(broker: Door) -> None:
    """Those the first message reached, and those the revision added."""
    broker.told(EventCode.ADMISSION, "ward", "town-nursing")
    broker.told(EventCode.ADMISSION, "ward", "gp", **correction(Activity.REVISE, 0))
    told = broker.told(EventCode.ADMISSION, **correction(Activity.CANCEL, 1))
    assert {"town-nursing", "gp"} <= told


# test messages


@pytest.mark.parametrize("test_first", [True, False])
def test_test_messages_are_kept_apart(broker: Door, test_first: bool) -> None:
    """The real person with the same number has nothing of them, and is found by the number."""
    order = [True, False] if test_first else [False, True]
    answers = {test: broker.tell(EventCode.ADMISSION, test=test) for test in order}
    more = broker.tell(EventCode.DISCHARGE, test=True)
    real = str(answers[False].patient)
    assert answers[True].patient == more.patient != real
    with broker.service.database.read() as conn:
        viewer = Viewer(None, micros(NOW))
        shown = queries.timeline(conn, (real,), viewer, as_of=micros(NOW))
        assert [entry.message_id for entry in shown] == [answers[False].message_id]
        (identifier,) = someone().identifiers
        keys = broker.service.database.keys
        assert queries.find_patient(conn, keys, identifier) == real
        assert queries.find_patient(conn, keys, Identifier("", identifier.value)) == real


# order


def test_who_is_told_does_not_depend_on_when_it_happened(broker: Door) -> None:
    """A late message reaches its receivers as any other."""
    broker.told(EventCode.DISCHARGE, "ward", "town-nursing")
    before = matters.BEGIN - timedelta(days=2)
    told = broker.told(EventCode.ADMISSION, "ward", "gp", happened=Moment(before), written=before)
    assert told == {"gp"}


def test_an_entry_tells_the_senders_function(broker: Door) -> None:
    """As the directory had it when the message came: who says so, and in which part of the house."""
    answer = broker.tell(EventCode.OFFER_READY, "town-case-office")
    viewer = Viewer(None, micros(NOW))
    with broker.service.database.read() as conn:
        [entry] = queries.timeline(conn, (str(answer.patient),), viewer, as_of=micros(NOW))
    assert entry.sender_function is Function.CASE_OFFICE
