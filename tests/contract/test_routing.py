"""Whom messages reach: by function, as copy, back to who asked, by any number, and where the patient stays now."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select

from carepath.service import Submission, directory
from carepath.store import overview, parties, promises, queries, tables
from fhir_mappings.codes import FNR, HER_ID, ORGANISATION_NUMBER
from fhir_mappings.kith.names import DIALOGUE_10
from pathways.access import Basis
from pathways.events import EventCode
from pathways.facts import (
    InquiryFacts,
    Need,
    PersonFacts,
    ReportFacts,
    StayFacts,
    StayKind,
)
from pathways.messages import Key, KeyRank, Patient
from pathways.parties import Function, Identifier, Kind, Party, PartyRef
from pathways.promises import PromiseKind
from pathways.transitions import Status
from tests import norwegian as no
from tests.contract.door import (
    NOW,
    PARTIES,
    REFERRAL,
    STAY,
    TOWN,
    VILLAGE,
    Door,
    closed_door,
    ref,
)
from tests.contract.stored import EVERYTHING
from tests.unit import hl7v2
from tests.unit.hl7v2 import HOSPITAL, MERGE, adt, pid, pv1

C = EventCode
HER = {
    "trust": "100",
    "ward": "101",
    "surgery": "102",
    "town": "200",
    "town-nursing": "201",
    "town-case-office": "202",
    "gp": "301",
}
SHARED = Identifier(ORGANISATION_NUMBER, HOSPITAL)
"""An organisation number that the ward and the surgery have in common."""
OWN = Identifier(ORGANISATION_NUMBER, "974795833")
"""The ward's alone."""
OFFICE = ("200", "Solvik kommune", "202", "Saksbehandling")
DOCTOR = ("300", "Bakken legesenter", "301", "Lege")


@pytest.fixture
def broker(database_url: str) -> Iterator[Door]:
    """A closed broker: its parties have HER-ids beside other numbers, and the town has a unit for rehabilitation."""
    with closed_door(database_url) as door:
        database = door.service.database
        with database.write() as conn:
            for party in (party for party in PARTIES if party.key in HER):
                more = {"ward": (SHARED, OWN), "surgery": (SHARED,)}.get(party.key, ())
                told = (*more, *party.identifiers, Identifier(HER_ID, HER[party.key]))
                directory.enter(conn, database.keys, replace(party, identifiers=told), NOW)
            rehab = Party("town-rehab", "Rehabilitering", Kind.MUNICIPALITY, parent="town")
            rehab = replace(rehab, function=Function.REHAB)
            directory.enter(conn, database.keys, rehab, NOW)
        yield door


def sent(broker: Door, source: bytes) -> dict[str, str]:
    """Take in a message in another language; who is told of it, and on what ground."""
    (answer,) = broker.service.handle([Submission(source)])
    assert answer.status == 200, answer.body
    grants, outbox = tables.grants.c, tables.outbox.c
    about = (grants.event == answer.event_id) & (outbox.event == grants.event)
    told = select(grants.reader, grants.basis).where(about, outbox.receiver == grants.reader)
    with broker.service.database.read() as conn:
        return {row.reader: row.basis for row in conn.execute(told)}


# --- municipal functions by kind of message


@pytest.mark.parametrize(
    ("code", "kind", "function"),
    [
        (C.ADMISSION, StayKind.HOSPITAL, "nursing"),
        (C.ADMISSION, StayKind.MENTAL_HEALTH, "mental-health"),
        (C.ADMISSION, StayKind.REHAB, "rehab"),
        (C.EARLY_NOTICE, StayKind.REHAB, "case-office"),
        (C.DISCHARGE_READY, StayKind.MENTAL_HEALTH, "case-office"),
    ],
)
def test_municipal_functions_by_kind_of_message(
    broker: Door, code: EventCode, kind: StayKind, function: str
) -> None:
    """Sent to the municipality as a whole: nursing, mental health, rehabilitation or the case office has it."""
    facts = StayFacts(identifiers=STAY, stay_kind=kind, municipal_need=Need.YES)
    assert broker.told(code, "ward", "town", facts=facts) == {f"town-{function}"}


def test_the_doctors_report_is_for_the_doctor(broker: Door) -> None:
    """Of a municipality as a whole."""
    report = ReportFacts(title="Epikrise")
    assert broker.told(C.DOCTOR_REPORT, "ward", "town", facts=report) == {"town-doctor"}


@pytest.mark.parametrize("kind", [StayKind.MENTAL_HEALTH, StayKind.REHAB])
def test_what_a_stay_is_goes_for_all_that_is_told_of_it(broker: Door, kind: StayKind) -> None:
    """Discharge and report go where the admission went, though they do not say again what sort of stay it was."""
    facts = StayFacts(identifiers=STAY, stay_kind=kind, municipal_need=Need.YES)
    unit = f"town-{kind}"
    assert broker.told(C.ADMISSION, facts=facts) == {unit}
    for to in ((), ("town",)):
        assert broker.told(C.DISCHARGE, "ward", *to) == {unit, "town-case-office"}
        report = ReportFacts(title="Sykepleie")
        assert broker.told(C.DISCHARGE_REPORT, "ward", *to, facts=report) == {unit}


# --- copies and replies


def test_copies_are_told_and_not_asked(broker: Door) -> None:
    """OtherReceiver in the role COP, and CopyDest of the older messages: they read, and nobody waits for them."""
    asked = no.question("Hvem gjør det?")
    source = no.dialogue("DIALOG_FORESPORSEL", 1, asked, DIALOGUE_10, copies=(DOCTOR,))
    assert sent(broker, source) == {"town-nursing": Basis.ADDRESSED, "gp": Basis.COPY}
    with broker.service.database.read() as conn:
        (owed,) = promises.listed(conn)
    assert owed.responsible == "town-nursing"


def test_a_reply_goes_to_the_address_of_who_asked(broker: Door) -> None:
    """The unit that asked, not its house, and though the answer names no receiver, or the house."""
    facts = InquiryFacts(identifiers=REFERRAL, text="Når?", owner=ref("town-nursing"))
    keys = (Key(KeyRank.CONVERSATION, "https://ehr.example/id|r1"),)
    assert broker.told(C.INQUIRY, "surgery", facts=facts, keys=keys) == {"town-nursing"}
    answer = InquiryFacts(identifiers=REFERRAL, text="I morgen.")
    for to, told in (((), {"surgery"}), (("trust",), {"surgery", "trust"})):
        assert broker.told(C.REPLY, "town-nursing", *to, facts=answer, keys=keys) == told


def test_a_reply_in_norwegian_xml_goes_to_the_address_of_who_asked(broker: Door) -> None:
    """By what it refers to: the answer is addressed to another unit, and the one that asked has it, too."""
    asked = no.question("Hvem gjør det?")
    sent(broker, no.dialogue("DIALOG_FORESPORSEL", 1, asked, DIALOGUE_10))
    note, to = no.remark("6", "Det gjør vi."), no.OTHER_WARD
    answer = no.dialogue("DIALOG_SVAR", 2, note, sender=no.NURSING, receiver=to, parent=1)
    assert sent(broker, answer).keys() == {"surgery", "ward"}


# --- the directory


@pytest.mark.parametrize("turned", [False, True])
def test_a_her_id_tells_units_with_one_organisation_number_apart(
    broker: Door, turned: bool
) -> None:
    """Whatever order the numbers stand in; where a message has but the organisation number, the first has it."""
    for key in ("ward", "surgery"):
        numbers = (SHARED, Identifier(HER_ID, HER[key]))
        named = PartyRef(numbers[::-1] if turned else numbers, key)
        with broker.service.database.read() as conn:
            found = parties.directory(conn).find(named.known_by, NOW)
        assert found is not None
        assert found.key == key


def test_one_party_by_her_id_and_by_organisation_number(broker: Door) -> None:
    """PLO names the ward by its HER-id, HL7 v2 by its organisation number: one sender, and one stay."""
    begun = "2026-11-20T10:00:00"
    sent(broker, no.logistics("LOG_INNLAGT", 1, ("1", begun), written=begun))
    ready = adt("A16", pid(number=no.PERSON), pv1(begins="20261120100000"))
    sent(broker, replace(ready, sender=OWN.value).source)
    with broker.service.database.read() as conn:
        (known,) = overview.recent(conn, EVERYTHING, 9)
        (stay,) = overview.matters(conn, EVERYTHING, (known.key,), None)
        entries = queries.timeline(conn, (known.key,), EVERYTHING, as_of=2**62)
    assert stay.status is Status.READY
    assert {entry.sender for entry in entries} == {"ward"}


# --- where the patient stays, who they are, and what an answer settles


def test_a_change_of_municipality_of_stay_is_followed(broker: Door) -> None:
    """Both are told; what is owed, and what is told from then on, is the new one's."""
    need = StayFacts(identifiers=STAY, municipal_need=Need.YES)
    broker.told(C.ADMISSION, facts=need)
    assert broker.told(C.DISCHARGE_READY) == {"town-case-office"}
    assert _owes_an_answer(broker) == "town-case-office"
    moved = PersonFacts(stay_municipality=VILLAGE)
    told = broker.told(C.MUNICIPALITY_CHANGED, "town-case-office", facts=moved, keys=())
    assert {"village-case-office", "ward"} <= told
    assert _owes_an_answer(broker) == "village-case-office"
    assert "village-case-office" in broker.told(C.DISCHARGE)


def _owes_an_answer(broker: Door) -> str:
    with broker.service.database.read() as conn:
        owed = {one.kind: one for one in promises.listed(conn)}
    return owed[PromiseKind.CAPACITY_ANSWER].responsible


def test_a_capacity_answer_as_dialogue_closes_its_promise(broker: Door) -> None:
    """7322 = 7, from the case office to another unit of the hospital than the one that told of the readiness."""
    sent(broker, no.stay()["discharge-ready"])
    assert _owes_an_answer(broker) == "town-case-office"
    note, at, to = no.remark("7", "Fra fredag"), "2026-03-05T10:00:00", no.OTHER_WARD
    answer = no.dialogue("DIALOG_HELSEFAGLIG", 9, note, sender=OFFICE, receiver=to, written=at)
    assert {"ward", "surgery"} <= sent(broker, answer).keys()
    with broker.service.database.read() as conn:
        open_ = {one.kind for one in promises.listed(conn)}
    assert PromiseKind.CAPACITY_ANSWER not in open_


def test_a40_is_identity_linked(broker: Door) -> None:
    """Both numbers are one person's, and whoever has an open matter of theirs is told."""
    number = pid().split("|")[3]
    sent(broker, adt("A01", pid().replace(number, "77^^^HUS^MR"), pv1()).source)
    facts = InquiryFacts(identifiers=REFERRAL, text="Når?", owner=ref("gp"))
    keys = (Key(KeyRank.CONVERSATION, "https://ehr.example/id|r1"),)
    person = Patient((Identifier(FNR, hl7v2.FNR),), municipality=TOWN)
    broker.told(C.INQUIRY, "surgery", facts=facts, keys=keys, patient=person)
    assert "gp" in sent(broker, MERGE.source)
    with broker.service.database.read() as conn:
        known = overview.recent(conn, EVERYTHING, 9)
        alike = queries.closure(conn, [known[0].key])
        entries = queries.timeline(conn, alike, EVERYTHING, as_of=2**62)
    assert {*alike} == {one.key for one in known}
    assert {entry.code for entry in entries} == {C.ADMISSION, C.INQUIRY, C.IDENTITY_LINKED}
