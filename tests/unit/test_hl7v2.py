"""HL7 v2 in: what each message says, whatever version, separators and character set it is written in."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings import codes, inbound, outbound
from fhir_mappings.hl7v2.messages import read
from fhir_mappings.keys import identifier_of
from pathways.events import Activity, EventCode
from pathways.facts import (
    InquiryFacts,
    PersonFacts,
    ReferralFacts,
    ReportFacts,
    StayFacts,
    StayKind,
)
from pathways.messages import KeyRank, Message
from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef
from tests.unit import hl7v2
from tests.unit.hl7v2 import FNR, MERGE, OPTIONS, REFERRAL, REPORT, VERSIONS, Letter, adt, pid, pv1

NEW, REVISE, CANCEL = Activity.NEW, Activity.REVISE, Activity.CANCEL
EVENTS = {
    "A01": (EventCode.ADMISSION, NEW),
    "A02": (EventCode.TRANSFER, NEW),
    "A03": (EventCode.DISCHARGE, NEW),
    "A04": (EventCode.ADMISSION, NEW),
    "A08": (EventCode.ADMISSION, REVISE),
    "A11": (EventCode.ADMISSION, CANCEL),
    "A12": (EventCode.TRANSFER, CANCEL),
    "A13": (EventCode.DISCHARGE, CANCEL),
    "A21": (EventCode.LEAVE_START, NEW),
    "A22": (EventCode.LEAVE_END, NEW),
    "A25": (EventCode.DISCHARGE_READY_WITHDRAWN, NEW),
}
REFERRALS = {
    "I12": (EventCode.REFERRAL, NEW),
    "I13": (EventCode.REFERRAL, REVISE),
    "I14": (EventCode.REFERRAL_WITHDRAWN, NEW),
    "I15": (EventCode.INQUIRY, NEW),
}
ADMITTED = Moment(datetime(2026, 11, 20, 9, tzinfo=UTC))
WRITTEN = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
HOSPITAL = PartyRef((Identifier(codes.ORGANISATION_NUMBER, hl7v2.HOSPITAL),))


def taken(letter: Letter) -> Message:
    """The message that a letter is."""
    found = read(letter.source, OPTIONS)
    assert isinstance(found, Message), found
    return found


def told(letter: Letter) -> Message:
    """What it says, however it is written."""
    return replace(taken(letter), source=b"", content=b"")


def test_an_admission() -> None:
    """Who, whom, when, where, of which stay."""
    message = taken(adt("A01"))
    assert (message.code, message.activity, message.format) == (EventCode.ADMISSION, NEW, "hl7v2")
    assert (message.sender, message.destinations) == (HOSPITAL, ())
    assert (message.happened, message.written) == (ADMITTED, WRITTEN)
    assert message.patient
    assert message.patient.identifiers == (Identifier(codes.FNR, FNR),)
    assert (message.patient.family, message.patient.given) == ("Ødegård", ("Åse", "Kari", "Lise"))
    assert (message.patient.birth_date, message.patient.gender) == (date(1969, 11, 13), "female")
    assert message.patient.municipality == "4601"
    assert message.author.name == "Kari Ås"
    assert message.facts == StayFacts(
        encounter_class="IMP",
        stay_kind=StayKind.HOSPITAL,
        begins=ADMITTED,
        ward="MED1",
        identifiers=(Identifier("", "V1"),),
    )
    [key] = message.keys
    assert (key.rank, identifier_of(key, message.sender)) == (KeyRank.STAY, Identifier("", "V1"))


@pytest.mark.parametrize("trigger", EVENTS)
def test_each_trigger_of_adt(trigger: str) -> None:
    """One row of the table for each."""
    message = taken(adt(trigger))
    assert (message.code, message.activity) == EVENTS[trigger]
    assert message.keys == taken(adt("A01")).keys


def test_an_end_is_none_while_the_stay_goes_on() -> None:
    """Some fill it in beforehand."""
    ends = {
        trigger: taken(adt(trigger, pid(), pv1(ends="20261120140000"))).facts
        for trigger in ("A01", "A02", "A03")
    }
    found = {t: f.ends is not None for t, f in ends.items() if isinstance(f, StayFacts)}
    assert found == {"A01": False, "A02": False, "A03": True}


@pytest.mark.parametrize("trigger", REFERRALS)
def test_each_trigger_of_ref(trigger: str) -> None:
    """They are about one referral; to ask how far it has come is a conversation about it."""
    message = taken(replace(REFERRAL, event=f"REF^{trigger}"))
    assert (message.code, message.activity) == REFERRALS[trigger]
    [key] = message.keys
    assert key.rank is (KeyRank.CONVERSATION if trigger == "I15" else KeyRank.REFERRAL)
    wanted = "owner" if isinstance(message.facts, InquiryFacts) else "performer"
    town = PartyRef((Identifier(codes.ORGANISATION_NUMBER, "940198763"),))
    assert getattr(message.facts, wanted) == town


def test_a_referral() -> None:
    """Why, how urgently, and who wrote it."""
    message = taken(REFERRAL)
    facts = message.facts
    assert isinstance(facts, ReferralFacts)
    assert (facts.title, facts.priority, facts.reason) == ("Vurdering", "asap", "Fall i hjemmet")
    assert facts.note == "Trenger & ønsker rask vurdering"
    assert facts.identifiers == (Identifier("", "R77"),)
    assert (message.author.name, message.author.phone) == ("Ola Lege", "22334455")
    assert message.happened == Moment(datetime(2026, 11, 19, 11, tzinfo=UTC))


def test_a_report() -> None:
    """Its text as it was written, with what was measured; of the stay that it names."""
    message = taken(REPORT)
    assert message.code is EventCode.DISCHARGE_REPORT
    lines = "Første linje\nandre linje\nTredje linje\nHb: 12.5 g/dl"
    numbers = (Identifier("", "E55"),)
    assert message.facts == ReportFacts(title="Epikrise", text=lines, identifiers=numbers)
    assert {*message.keys} > {*taken(adt("A01")).keys}
    assert message.keys[-1].rank is KeyRank.START
    assert message.happened == Moment(datetime(2026, 11, 20, 8, tzinfo=UTC))
    corrected = REPORT.text.replace("||||||F", "||||||C")
    found = read(corrected.encode(), OPTIONS)
    assert isinstance(found, Message)
    assert found.activity is REVISE


def test_a_merge() -> None:
    """A40: the number that is given up is another of the same person."""
    message = taken(MERGE)
    assert message.code is EventCode.IDENTITY_LINKED
    assert message.facts == PersonFacts(linked=(Identifier("", "HUS:77"),))
    assert message.patient
    assert message.patient.identifiers == (Identifier(codes.FNR, FNR),)


@pytest.mark.parametrize(("trigger", "activity"), [("A03", NEW), ("A08", REVISE)])
@pytest.mark.parametrize("fields", [{30: "Y"}, {29: "20261120"}])
def test_a_death(trigger: str, activity: Activity, fields: dict[int, str]) -> None:
    """It has no trigger of its own; what comes after the first is told of it revises it."""
    more = [fields.get(number, "") for number in range(12, 31)]
    message = taken(adt(trigger, pid(*more), pv1(ends="20261120090000")))
    assert (message.code, message.activity) == (EventCode.DEATH, activity)
    assert isinstance(message.facts, StayFacts)
    assert (message.facts.deceased is not None) is (29 in fields)
    more[-1] = "N"  # PID-30 says no
    living = taken(adt(trigger, pid(*more), pv1(ends="20261120090000")))
    assert living.code is EVENTS[trigger][0]


# --- one message, however it is written


_PUNCTUATION = st.permutations("|^~\\&!#%*;=$@").map(lambda drawn: "".join(drawn[:5]))
_WHOLE = st.sampled_from([adt("A01"), adt("A03"), REFERRAL, REPORT, MERGE])


@given(
    _WHOLE,
    st.sampled_from(VERSIONS),
    _PUNCTUATION,
    st.sampled_from(["UNICODE UTF-8", "8859/1", "8859/15", ""]),
    st.sampled_from(["\r", "\n", "\r\n"]),
)
def test_how_it_is_written_changes_nothing(
    letter: Letter, version: str, separators: str, charset: str, ending: str
) -> None:
    """Versions, separators, character sets and line ends: the same message."""
    if set(separators) & set(letter.text) - set("|^~\\&"):
        separators = hl7v2.ENCODING  # what separates cannot stand in the texts, too
    other = replace(letter, version=version, separators=separators, charset=charset, ending=ending)
    assert told(other) == told(letter)


@given(_WHOLE)
def test_it_can_be_told_on_in_our_profile(letter: Letter) -> None:
    """What receivers get says the same: read in our profile it is the same message again."""
    message = told(letter)
    bundle = outbound.write(message, base_url=OPTIONS.base_url)
    again = inbound.read(orjson.dumps(bundle), OPTIONS)
    assert isinstance(again, Message), again
    assert replace(again, source=b"", content=b"") == replace(message, format="carepath")


def test_what_a_resend_may_change_is_no_other_content() -> None:
    """MSH-7 may be renewed; MSH-10 may begin anew each day."""
    first, renewed = adt("A01"), replace(adt("A01"), at="20261120235959+0100")
    assert taken(first).content == taken(renewed).content
    assert taken(first).id == taken(renewed).id
    assert taken(first).content != taken(adt("A01", pid(), pv1(visit="V2"))).content
    assert taken(first).id != taken(replace(first, at="20261121101500+0100")).id
    assert taken(first).id != taken(replace(first, sender="974795833")).id


# --- times


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 -- a wall clock
    st.integers(-14 * 60, 14 * 60),
)
def test_a_time_with_its_zone_is_that_instant(local: datetime, minutes: int) -> None:
    """To the second, and whatever MSH-7 says."""
    zone = timezone(timedelta(minutes=minutes))
    at = local.replace(microsecond=0, tzinfo=zone)
    sign, offset = "-" if minutes < 0 else "+", f"{abs(minutes) // 60:02}{abs(minutes) % 60:02}"
    message = taken(adt("A01", pid(), pv1(begins=f"{at:%Y%m%d%H%M%S}{sign}{offset}")))
    assert message.happened == Moment(at.astimezone(UTC))


@pytest.mark.parametrize(
    ("at", "begins", "instant"),
    [
        ("20261120101500", "20260720120000", "2026-07-20T10:00:00+00:00"),  # the site's summer
        ("20261120101500+0100", "20260720120000", "2026-07-20T10:00:00+00:00"),  # as clocks showed
        ("20261120101500+0000", "20260720120000", "2026-07-20T12:00:00+00:00"),
        ("20261120101500-0500", "202607201200", "2026-07-20T17:00:00+00:00"),
        ("20261120101500", "2026072012", "2026-07-20T10:00:00+00:00"),
        ("20261120101500", "20261025023000", "2026-10-25T00:30:00+00:00"),  # shown twice: the first
        ("20261120101500", "20261120100059.1234", "2026-11-20T09:00:59.123400+00:00"),
    ],
)
def test_a_time_without_zone(at: str, begins: str, instant: str) -> None:
    """In the zone of MSH-7, else in the site's."""
    message = taken(replace(adt("A01", pid(), pv1(begins=begins)), at=at))
    assert message.happened == Moment(datetime.fromisoformat(instant))


@pytest.mark.parametrize("at", ["", "20261122", "99991231233000+0000"])
def test_when_it_was_written(at: str) -> None:
    """MSH-7, else EVN-2, else when it was received."""
    said = {"99991231233000+0000": datetime(9999, 12, 31, 23, 30, tzinfo=UTC)}
    assert taken(replace(adt("A01"), at=at)).written == said.get(at, WRITTEN)
    assert taken(replace(REPORT, at=at)).written == said.get(at, OPTIONS.received)


def test_a_date_is_a_whole_day() -> None:
    """It stands at its written time, within that day."""
    message = taken(adt("A01", pid(), pv1(begins="20261119")))
    assert message.happened.day
    assert message.happened.at == datetime(2026, 11, 19, 22, 59, 59, 999999, tzinfo=UTC)


# --- whose numbers


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("15720255178^^^&2.16.578.1.12.4.1.4.1&ISO", (codes.FNR, FNR)),
        ("15720255178^^^FNR", (codes.FNR, FNR)),
        ("15720255178^^^NOR^NNNOR", (codes.FNR, FNR)),
        ("53116910000^^^^NI", (codes.DNR, "53116910000")),
        ("77^^^HUS^MR", ("", "HUS:77")),
        ("77", ("", "77")),
        ("77^^^HUS&1.2.3&ISO^MR", ("urn:oid:1.2.3", "77")),
        ("77^^^&https://ehr.example/id&URI", ("https://ehr.example/id", "77")),
        ("77^^^HUS&lab&L", ("", "HUS:77")),
        ("9434765919^^^NHS^NH", (codes.NHS_NUMBER, "9434765919")),
    ],
)
def test_a_number_of_the_patient(number: str, found: tuple[str, str]) -> None:
    """By its authority's universal id, by its type; what is only named counts for its sender."""
    line = pid().replace(f"{FNR}^^^&2.16.578.1.12.4.1.4.1&ISO^NNNOR", number)
    patient = taken(adt("A01", line, pv1())).patient
    assert patient
    assert patient.identifiers == (Identifier(*found),)


def test_what_older_systems_tell_elsewhere() -> None:
    """The national number in PID-19; and what is no date or address of Norway says nothing."""
    line = pid(*[""] * 7, f"{FNR[:6]} {FNR[6:]}", number="").replace("19691113", "1969")
    patient = taken(adt("A01", line.replace("^4601", "^Cook"), pv1())).patient
    assert patient
    assert patient.identifiers == (Identifier(codes.FNR, FNR),)
    assert (patient.birth_date, patient.municipality) == (None, None)


@pytest.mark.parametrize(
    ("practice", "found"),
    [
        ("Legene^^915933149", (codes.ORGANISATION_NUMBER, "915933149")),
        ("Legene^^^^^&2.16.578.1.12.4.1.2&ISO^^^^8094866", (codes.HER_ID, "8094866")),
        ("Legene^^55^^^HUS", (codes.HL7_FACILITY, "55")),
        ("Legene", (codes.HL7_FACILITY, "Legene")),
    ],
)
def test_the_gp(practice: str, found: tuple[str, str]) -> None:
    """PD1-3: by its number, else by its name."""
    patient = taken(adt("A01", pid(), f"PD1|||{practice}", pv1())).patient
    assert patient
    assert patient.gp == PartyRef((Identifier(*found),), "Legene")


@pytest.mark.parametrize(
    ("facility", "found"),
    [
        ("915933149", (codes.ORGANISATION_NUMBER, "915933149")),
        ("HUS^2.16.578.1.12.4.1.4.101.915933149^ISO", (codes.ORGANISATION_NUMBER, "915933149")),
        ("8094866^2.16.578.1.12.4.1.2^ISO", (codes.HER_ID, "8094866")),
        ("HUS^1.2.3^ISO", (codes.URI, "urn:oid:1.2.3")),
        ("HUS", (codes.HL7_FACILITY, "HUS")),
        ("123456789", (codes.HL7_FACILITY, "123456789")),
        ("", (codes.HL7_FACILITY, "EPJ")),  # no facility: the application
    ],
)
def test_who_sends(facility: str, found: tuple[str, str]) -> None:
    """MSH-4, else MSH-3: what the directory finds an organisation by."""
    assert taken(replace(adt("A01"), sender=facility)).sender.identifiers == (Identifier(*found),)


def test_whom_it_is_sent_to() -> None:
    """MSH-6, unless that is the broker; a transfer's system does not take the patient over."""
    text = adt("A02").text.replace("|CAREPATH||", "|ENGINE|940198763|")
    found = read(text.encode(), OPTIONS)
    assert isinstance(found, Message)
    [receiver] = found.destinations
    assert receiver.party.identifiers == (Identifier(codes.ORGANISATION_NUMBER, "940198763"),)
    assert receiver.copy
    assert taken(replace(adt("A02"), receiver="940198763")).destinations == ()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("\\T\\ \\S\\ \\F\\ \\R\\ \\E\\", "& ^ | ~ \\"),
        ("\\H\\viktig\\N\\\\.br\\ny\\.sp9\\linje\\.in+4\\", "viktig\nny\nlinje"),
        ("\\X41C3B8\\ \\X4\\ \\X00\\ \\Z9\\", "Aø \\X4\\  \\Z9\\"),
        ("åpen \\T resten", "åpen \\T resten"),
    ],
)
def test_escapes(written: str, meant: str) -> None:
    """What is not understood stays; nothing after it is lost."""
    text = REPORT.text.replace("Tredje linje", written)
    found = read(text.encode(), OPTIONS)
    assert isinstance(found, Message)
    assert isinstance(found.facts, ReportFacts)
    assert meant in (found.facts.text or "")
