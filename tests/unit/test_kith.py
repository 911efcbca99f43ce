"""Norwegian XML is read as its standards say: which event, about whom, when, from whom, and what belongs together."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from fhir_mappings.codes import DNR, HER_ID
from fhir_mappings.formats import KITH_XML, media_type
from fhir_mappings.inbound import Options, read
from fhir_mappings.kith import names
from fhir_mappings.kith.reading import content_hash
from pathways.events import Activity, EventCode
from pathways.facts import (
    InquiryFacts,
    PersonFacts,
    ReceiptFacts,
    ReferralFacts,
    ReportFacts,
    StayFacts,
)
from pathways.messages import KeyRank, Message
from pathways.parties import Identifier
from tests import norwegian as no

OPTIONS = Options(received=datetime(2026, 11, 22, tzinfo=UTC))
C, A = EventCode, Activity
WARD = (Identifier(HER_ID, "101"),)
STAY = no.stay()


def message(source: bytes, options: Options = OPTIONS) -> Message:
    """What is read without faults."""
    assert media_type(source) == KITH_XML
    found = read(source, options)
    assert isinstance(found, Message), found
    assert (found.format, found.source) == ("kith", source)
    return found


# --- reports, questions, referrals, receipts


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("MEDISINSKE_OPPLYSNINGER", C.MEDICATION_LIST),
        ("INNLEGGELSESRAPPORT", C.ADMISSION_REPORT),
        ("UTSKRIVNINGSRAPPORT", C.DISCHARGE_REPORT),
        ("OVERFORINGSRAPPORT", C.TRANSFER_REPORT),
    ],
)
def test_reports_keep_their_words(kind: str, code: EventCode) -> None:
    """As text; what is attached is named, and stays in the sender's message."""
    content = no.note("Vurdering", "Våken & klar")
    content += "<Hjem><BorAlene>true</BorAlene><HarHund>false</HarHund><Hus V='2' U='rom'/></Hjem>"
    found = message(no.plo(kind, 1, content, attachments=("x",), copies=(no.DOCTOR,)))
    assert found.code is code
    assert isinstance(found.facts, ReportFacts)
    assert found.facts.text == "Vurdering: Våken & klar\nBorAlene, 2 rom\nVedlegg: bilde.png"
    assert [one.copy for one in found.destinations] == [False, True]
    start, first, second, end = re.split("(?=<Document>)|(?=\n</MsgHead>)", found.source.decode())
    assert message(f"{start}{second}{first}{end}".encode()).facts == found.facts


def test_an_epicrisis_is_the_doctors_report_of_a_stay() -> None:
    """It has no MsgHead; its stay is that of the logistics."""
    found = message(no.epicrisis(1, "M"))
    assert (found.code, found.activity) == (C.DOCTOR_REPORT, A.REVISE)
    assert isinstance(found.facts, ReportFacts)
    assert (found.facts.title, found.facts.text) == ("Sykehusepikrise", "Vurdering\nGod form.")
    assert set(found.keys) == set(message(STAY["admission"]).keys)
    assert [one.copy for one in found.destinations] == [False, True]


def test_an_overview_of_services_says_that_there_are_some() -> None:
    """So that home nursing is told of what happens."""
    service = '<EksisterendeTjeneste><IPLOStjenestetype V="15" DN="Hjemmesykepleie"/></EksisterendeTjeneste>'
    found = message(no.plo("ORIENTERING_TJENESTETILBUD", 1, service, sender=no.NURSING))
    assert found.facts == PersonFacts(services=("nursing",), overview="Hjemmesykepleie")
    none = message(no.plo("ORIENTERING_TJENESTETILBUD", 1, "", sender=no.NURSING))
    assert none.facts == PersonFacts(services=())


@pytest.mark.parametrize("space", [names.DIALOGUE_10, names.DIALOGUE_11])
def test_a_question_and_its_answer_are_one_conversation(space: str) -> None:
    """In both versions; the answer names the question."""
    asked = message(no.dialogue("DIALOG_FORESPORSEL", 1, no.question("Hva tar hun?"), space))
    given = message(no.dialogue("DIALOG_SVAR", 2, no.remark("1", "Ingenting."), space, parent=1))
    assert (asked.code, given.code) == (C.INQUIRY, C.REPLY)
    assert asked.keys == given.keys
    assert isinstance(asked.facts, InquiryFacts)
    assert (asked.facts.topic, asked.facts.owner) == ("Legemidler", asked.destinations[0].party)
    assert asked.facts.text == "Legemidler: Hva tar hun?"


def test_free_dialogue_begins_a_conversation_or_goes_on_in_one() -> None:
    """As do health information for a doctor, and what was sent wrongly is a matter for its sender."""
    kinds = [
        (no.dialogue("DIALOG_HELSEFAGLIG", 1, no.remark("6", "Hei")), C.INQUIRY),
        (no.dialogue("DIALOG_HELSEFAGLIG", 1, no.remark("6", "Hei"), parent=9), C.REPLY),
        (no.dialogue("DIALOG_AVVIK", 1, no.remark("1", "Feil kommune"), parent=9), C.INQUIRY),
        (no.plo("HELSEOPPLYSNINGER_LEGE", 1, no.note("Nå", "Svimmel")), C.INQUIRY),
        (
            no.plo("HELSEOPPLYSNINGER_LEGE", 1, no.note("Nå", "Bra"), parent=9, answers=True),
            C.REPLY,
        ),
        (no.plo("MEDISINSKE_OPPLYSNINGER", 1, no.note("Nå", "X"), parent=9, answers=True), C.REPLY),
    ]
    for source, code in kinds:
        assert message(source).code is code


def test_a_municipalitys_answer_to_a_ward_comes_as_dialogue() -> None:
    """7322 = 7: it is about the stay at the hospital that it is sent to."""
    source = no.dialogue(
        "DIALOG_HELSEFAGLIG",
        1,
        no.remark("7", "Fra fredag"),
        sender=no.NURSING,
        receiver=no.OTHER_WARD,
    )
    found = message(source)
    assert found.code is C.CAPACITY_ANSWER
    assert isinstance(found.facts, StayFacts)
    assert found.facts.note == "Tema 7: Fra fredag"
    assert found.keys[0] == message(STAY["admission"]).keys[0]


@pytest.mark.parametrize(
    ("theme", "code"),
    [
        ("1", C.REFERRAL_SCHEDULED),
        ("2", C.REFERRAL_ACCEPTED),
        ("3", C.REFERRAL_RECEIVED),
        ("4", C.REFERRAL_REJECTED),
        ("11", C.REFERRAL_COMPLETED),
        ("77", C.REPLY),
    ],
)
def test_the_status_of_a_referral_is_found_by_either_id(theme: str, code: EventCode) -> None:
    """By the message's or the referral's own; a status that is not known says nothing of it, but is told."""
    found = message(no.dialogue("DIALOG_STATUS_HENVISNING", 1, no.remark(theme, "x"), parent=900))
    assert found.code is code
    if code is not C.REPLY:
        referred = message(no.referral(900, priority="2", own=901))
        assert {key.value for key in found.keys} >= {no.message_id(900)}
        assert found.target == referred.id
        assert set(message(no.referral(5, priority="2", own=900)).keys) & set(found.keys)


@pytest.mark.parametrize(("priority", "code"), [("0", C.HOSPITAL_CHOICE), ("2", C.REFERRAL)])
@pytest.mark.parametrize(("status", "activity"), [("N", A.NEW), ("M", A.REVISE), ("C", A.CANCEL)])
def test_a_referral(priority: str, code: EventCode, status: str, activity: Activity) -> None:
    """Its own id stays; the GP gets a copy; what is urgent chooses a hospital."""
    found = message(no.referral(1, status, priority, test=True))
    assert (found.code, found.activity, found.test) == (code, activity, True)
    assert [key.rank for key in found.keys] == [KeyRank.REFERRAL]
    assert isinstance(found.facts, ReferralFacts)
    assert found.facts.performer is not None
    assert found.facts.performer.identifiers == WARD
    assert found.facts.reason == "Problemstilling: Brystsmerter"
    assert [one.copy for one in found.destinations] == [False, True]


def test_the_older_referral_needs_no_priority() -> None:
    """Henvisning 1.0: then nobody has said that it is urgent."""
    old = no.referral(1).replace(names.REFERRAL_11.encode(), names.REFERRAL_10.encode())
    found = message(old.replace(b'<Priority V="0"/>', b""))
    assert found.code is C.REFERRAL
    assert isinstance(found.facts, ReferralFacts)
    assert found.facts.priority is None


@pytest.mark.parametrize("space", [names.APPREC_10, names.APPREC_11])
@pytest.mark.parametrize(
    ("status", "response"), [("1", "ok"), ("2", "fatal-error"), ("3", "ok"), ("9", "fatal-error")]
)
def test_a_receipt(space: str, status: str, response: str) -> None:
    """An unknown status never counts as OK."""
    found = message(no.apprec(no.message_id(1), status, space=space))
    note = None if status == "1" else "Mottaker finnes ikke"
    assert found.facts == ReceiptFacts(about=no.message_id(1), response=response, note=note)
    assert (found.code, found.patient) == (C.ACKNOWLEDGEMENT, None)


# --- the envelope


def test_a_d_number_that_is_called_a_birth_number() -> None:
    """Is a D-number: its first digit says so."""
    source = no.logistics("LOG_INNLAGT", 1, ("1", "2026-03-02"), patient=no.person(no.D_NUMBER))
    patient = message(source).patient
    assert patient is not None
    assert patient.identifiers == (Identifier(DNR, no.D_NUMBER),)


@pytest.mark.parametrize("encoding", ["iso-8859-1", "utf-16", "utf-8-sig"])
def test_encodings_of_old_systems(encoding: str) -> None:
    """What the document says that it is in."""
    source = (
        STAY["admission"].decode().replace("UTF-8", encoding.removesuffix("-sig")).encode(encoding)
    )
    patient = message(source).patient
    assert patient is not None
    assert patient.given == ("Åse",)


def test_a_doctor_is_a_party_within_an_office() -> None:
    """By the HER-id of the person; one without is the office."""
    office, person = (
        no.DOCTOR[:2],
        "<HealthcareProfessional><FamilyName>Lie</FamilyName>{}</HealthcareProfessional>",
    )
    inside = "<Organisation><OrganisationName>Lege</OrganisationName><Ident><Id>301</Id>"
    source = no.plo(
        "HELSEOPPLYSNINGER_LEGE", 1, no.note("Nå", "Svimmel"), receiver=no.DOCTOR
    ).decode()
    begin = source.index(inside)
    end = source.index("</Organisation>", begin) + len("</Organisation>")
    for ident, number, name in (
        ('<Ident><Id>309</Id><TypeId V="HER"/></Ident>', "309", f"{office[1]}, Lie"),
        ("", office[0], office[1]),
    ):
        changed = source[:begin] + person.format(ident) + source[end:]
        [destination] = message(changed.encode()).destinations
        assert destination.party.identifiers == (Identifier(HER_ID, number),)
        assert destination.party.name == name


def test_ids_are_opaque_and_a_birth_date_may_be_none() -> None:
    """An id that is no UUID is its sender's own; a date that is none says nothing."""
    asked = no.dialogue("DIALOG_FORESPORSEL", 1, no.question("Hva?"))
    source = asked.replace(no.message_id(1).encode(), b"2026/17").replace(b"1976-05-15", b"1976")
    found = message(source)
    assert found.patient is not None
    assert (found.id, found.patient.birth_date) == ("2026/17", None)
    assert found.keys[0].value.startswith("|2026/17|")


def test_the_same_content_is_the_same() -> None:
    """However it is indented, and whatever prefixes and comments stand in it."""
    source = STAY["discharge-report"]
    other = (
        source.replace(b"<p:", b"<q:")
        .replace(b"</p:", b"</q:")
        .replace(b":p=", b":q=")
        .replace(b"><", b">\n <")
    )
    other = other.replace(b"</MsgInfo>", b"<!-- x --></MsgInfo>")
    changed = source.replace(b"Stell", b"Vask")
    first, again, third = (message(one) for one in (source, other, changed))
    assert first.content == again.content != third.content
    beside, inside = etree.fromstring("<a><b/><c/></a>"), etree.fromstring("<a><b><c/></b></a>")
    assert content_hash(beside) != content_hash(inside)


def test_other_vocabularies_are_passed_over() -> None:
    """A signature is nothing that we read."""
    signed = STAY["admission"].replace(
        b"</MsgInfo>",
        b'</MsgInfo><Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><Type V="x"/></Signature>',
    )
    assert message(signed).code is C.ADMISSION


EXAMPLES = {
    "nhn-kith/apprec-1.1-avvist-E21": (
        C.ACKNOWLEDGEMENT,
        "8d018d60-336b-11de-8bd7-0002a5d5c51b",
        False,
    ),
    "nhn-kith/apprec-1.1-ok": (C.ACKNOWLEDGEMENT, "5e4f20c0-c41b-11e0-962b-0800200c9a66", False),
    "nhn-kith/dialogmelding-1.0-foresporsel": (
        C.INQUIRY,
        "6ddb98ed-9e34-4efa-9163-62e4ea0cbf43",
        True,
    ),
    "norway-henvisning-1.1-transcribed/Henvisning_v1-1_Eksempel_Legevakt_Ny": (
        C.HOSPITAL_CHOICE,
        "06632030-c5de-11e6-9598-0800200c9a66",
        True,
    ),
    "norway-plo-1.6-transcribed/Helseopplysninger_Varsel_om_innlagt_pasient_v1-6_Ny": (
        C.EARLY_NOTICE,
        "37fc6c80-fd20-11e7-8f1a-0800200c9a66",
        False,
    ),
    "norway-plo-1.6-transcribed/Pasientlogistikk_Innlagt_pasient_v1-6_Ny": (
        C.ADMISSION,
        "b088a160-0698-11e8-b566-0800200c9a66",
        False,
    ),
    "norway-plo-1.6-transcribed/Pasientlogistikk_Utskrivningsklar_pasient_v1-6_Ny": (
        C.DISCHARGE_READY,
        "79c55ed0-0692-11e8-b566-0800200c9a66",
        False,
    ),
}
"""Every Norwegian file there is: event, id, whether it is marked as a test."""


def test_the_fields_own_messages(examples: Path) -> None:
    """As their READMEs say; a new file needs its row."""
    files = [
        file for folder in ("nhn-kith", "norway-*") for file in examples.glob(f"{folder}/*.xml")
    ]
    found = {}
    for file in files:
        one = message(file.read_bytes())
        found[f"{file.parent.name}/{file.stem}"] = (one.code, one.id, one.test)
    assert found == EXAMPLES
