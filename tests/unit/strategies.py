"""Random messages of every event, as our own profile can say them.

``messages()`` draws a whole ``Message`` whose keys, days and municipalities agree with each other as those of a
message that was read do. All people and numbers are made up.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from fhir_mappings import codes, deadlines
from fhir_mappings import keys as of
from fhir_mappings.periods import in_order
from fhir_mappings.profile import SHAPES
from pathways.escalation import Step
from pathways.events import RULES, WHOLE, Activity, EventCode, Family
from pathways.facts import (
    ApplicationFacts,
    ConsentFacts,
    CoordinatorFacts,
    CourseFacts,
    DeadlineFacts,
    Facts,
    FollowUpFacts,
    InquiryFacts,
    MeasureFacts,
    MeetingFacts,
    PersonFacts,
    PlanFacts,
    ReceiptFacts,
    ReferralFacts,
    ReportFacts,
    StayFacts,
)
from pathways.messages import Author, Destination, Key, Message, Patient
from pathways.moments import Moment, on_day
from pathways.parties import Identifier, PartyRef
from pathways.promises import PromiseKind
from tests.unit import care_strategies, matter_strategies, plan_strategies

OSLO: Final = ZoneInfo("Europe/Oslo")
BASE_URL: Final = "https://broker.example/fhir"
BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
END: Final = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)

_LETTERS: Final = st.characters(exclude_categories=("Cc", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"))
_WORDS: Final = st.one_of(
    st.sampled_from(["Kari", "Åse", "Ødegård", "sår på fot", "blåbær & <fløte>", "Ærfugl", "日本"]),
    st.text(_LETTERS, min_size=1, max_size=12),
)
_LAST_PRINTABLE: Final = 0xFFFD


# --- texts, ids, numbers


@cache
def lines() -> SearchStrategy[str]:
    """One line of text: ASCII and Unicode, never blank."""
    return st.lists(_WORDS.filter(_is_xml), min_size=1, max_size=4).map(" ".join)


@cache
def texts() -> SearchStrategy[str]:
    """Several lines, some indented."""
    indented = st.tuples(st.sampled_from(["", "  "]), lines()).map("".join)
    return st.lists(indented, min_size=1, max_size=4).map("\n".join)


def _is_xml(text: str) -> bool:
    return all(ord(letter) <= _LAST_PRINTABLE or ord(letter) > 0xFFFF for letter in text)


@cache
def ids() -> SearchStrategy[str]:
    """Message ids: most are UUIDs, some any FHIR id."""
    odd = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.-]{7,40}", fullmatch=True)
    return st.one_of(st.uuids().map(str), odd)


@cache
@st.composite
def birth_numbers(draw: DrawFn) -> str:
    """A synthetic fødselsnummer (month + 80) with its two control digits."""
    born = draw(st.dates(date(1940, 1, 1), date(1999, 12, 31)))
    start = f"{born.day:02}{born.month + 80:02}{born.year % 100:02}"
    serial = draw(st.integers(0, 450))
    numbers = (with_control_digits(f"{start}{n:03}") for n in range(serial, 500))
    return next(number for number in numbers if number)


def with_control_digits(nine: str) -> str | None:
    """Nine digits with their two control digits; ``None`` where none exist."""
    first = _control(nine, (3, 7, 6, 1, 8, 9, 4, 5, 2))
    if first == 10:
        return None
    second = _control(f"{nine}{first}", (5, 4, 3, 2, 7, 6, 5, 4, 3, 2))
    return None if second == 10 else f"{nine}{first}{second}"


def _control(digits: str, weights: tuple[int, ...]) -> int:
    total = sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
    return (11 - total % 11) % 11


@cache
def organisation_numbers() -> SearchStrategy[str]:
    """Nine digits, the last a control digit."""
    eight = st.integers(80_000_000, 99_999_999).map(str)
    whole = eight.map(lambda digits: f"{digits}{_control(digits, (3, 2, 7, 6, 5, 4, 3, 2))}")
    return whole.filter(lambda number: len(number) == 9)


@cache
def identifiers() -> SearchStrategy[Identifier]:
    """A sender's own ids: with a system, without, or a URN."""
    plain = st.from_regex(r"[A-Za-z0-9-]{1,16}", fullmatch=True)
    return st.one_of(
        st.builds(
            Identifier,
            st.sampled_from(["https://ehr.example/id", "urn:oid:2.16.578.1.34.10.3"]),
            plain,
        ),
        st.builds(Identifier, st.just(""), plain),
        st.builds(Identifier, st.just(""), st.uuids().map(lambda id_: f"urn:uuid:{id_}")),
    )


@cache
def several(one: SearchStrategy[Any], most: int = 2) -> SearchStrategy[tuple[Any, ...]]:
    """One to ``most`` of them, each once."""
    return st.lists(one, min_size=1, max_size=most, unique=True).map(tuple)


# --- who


@cache
def party_refs() -> SearchStrategy[PartyRef]:
    """An organisation by number, HER-id or name, some with an address of their own."""
    number = organisation_numbers().map(lambda n: Identifier(codes.ORGANISATION_NUMBER, n))
    her = st.integers(1000, 999_999).map(lambda n: Identifier(codes.HER_ID, str(n)))
    listed = st.lists(st.one_of(number, her), max_size=2, unique=True).map(tuple)
    endpoint = st.sampled_from([None, "https://hospital.example/fhir", "urn:oid:2.16.578.1.34.1"])
    built = st.builds(PartyRef, listed, st.none() | lines(), endpoint)
    return built.filter(lambda party: bool(party.identifiers or party.name))


@cache
def authors() -> SearchStrategy[Author]:
    """A person with what is known of them, or nobody."""
    phone = st.from_regex(r"\+47[2-9][0-9]{7}", fullmatch=True)
    return st.builds(Author, st.none() | lines(), st.none() | phone, st.none() | lines())


@cache
def destinations() -> SearchStrategy[tuple[Destination, ...]]:
    """Receivers the sender named; some by address only."""
    addressed = st.just(PartyRef(endpoint="https://municipality.example/fhir"))
    one = st.builds(Destination, st.one_of(party_refs(), addressed), st.booleans())
    return st.lists(one, max_size=3, unique=True).map(tuple)


@cache
@st.composite
def patients(draw: DrawFn) -> Patient:
    """A made-up patient with a synthetic fødselsnummer, some with local ids too."""
    number = Identifier(codes.FNR, draw(birth_numbers()))
    return Patient(
        identifiers=(number, *draw(st.lists(identifiers(), max_size=1))),
        family=draw(st.none() | lines()),
        given=draw(st.lists(lines(), max_size=2).map(tuple)),
        birth_date=draw(st.none() | st.dates(date(1900, 1, 1), date(2025, 12, 31))),
        gender=draw(st.sampled_from([None, "female", "male", "other", "unknown"])),
        municipality=draw(st.none() | municipalities()),
        district=draw(st.none() | st.sampled_from(["030101", "030102"])),
        gp=draw(st.none() | party_refs()),
        language=draw(st.sampled_from([None, "nb", "so", "zh-Hans"])),
        interpreter=draw(st.sampled_from([None, True, False])),
    )


@cache
def municipalities() -> SearchStrategy[str]:
    """A kommunenummer."""
    return st.sampled_from(["0301", "4601", "5001", "1103"])


# --- when


@cache
def instants(first: datetime = BEGIN, last: datetime = END) -> SearchStrategy[datetime]:
    """An aware datetime, UTC."""
    low, high = first.replace(tzinfo=None), last.replace(tzinfo=None)
    return st.datetimes(low, high).map(lambda at: at.replace(tzinfo=UTC))


@st.composite
def moments(draw: DrawFn, written: datetime | None = None) -> Moment:
    """An instant or a whole day of Oslo; a day stands where a message written at ``written`` puts it."""
    at = draw(instants())
    if written is None or draw(st.booleans()):
        return Moment(at)
    found = on_day(at.astimezone(OSLO).date(), written, OSLO)
    return Moment(found.at.astimezone(UTC), day=True)


# --- what


@st.composite
def facts_of(draw: DrawFn, code: EventCode, written: datetime) -> Facts:
    """What a message of this event can say that was written then."""
    choices = _CHOICES[RULES[code].facts](moments(written))
    wanted = _OF_PERSON_EVENT.get(code, _written(code))
    told = {
        name: draw(choice if name in _NEEDED.get(code, ()) else st.none() | choice)
        for name, choice in choices.items()
        if name in wanted
    }
    return RULES[code].facts(**_sensible(told))


def _written(code: EventCode) -> frozenset[str]:
    """The facts that the event's resources have a place for."""
    return frozenset(one.name for fields in SHAPES[code].values() for one in fields)


def _sensible(told: dict[str, Any]) -> dict[str, Any]:
    """A period does not end before it begins (per-1), a consent is for an organisation or a person.

    What is emptied is not said.
    """
    for first, last in (("begins", "ends"), ("since", "until")):
        begins, ends = told.get(first), told.get(last)
        if begins and ends and not in_order(begins, ends, OSLO):
            told = told | {last: None}
    if emptied := told.get("emptied"):
        empty = tuple(one for one in emptied if told.get(one) is None)
        told = told | {"emptied": empty or None}
    return told | {"party": None} if told.get("person") else told


_OF_PERSON_EVENT: Final[Mapping[EventCode, frozenset[str]]] = {
    EventCode.PERSON_SHEET: frozenset(("sheet", "sheet_title")),
    EventCode.SERVICE_OVERVIEW: frozenset(("services", "overview")),
    EventCode.RELATIVE_REGISTERED: frozenset(("relatives",)),
    EventCode.MUNICIPALITY_CHANGED: frozenset(("home_municipality", "stay_municipality")),
    EventCode.IDENTITY_LINKED: frozenset(("linked",)),
    EventCode.IDENTITY_UNLINKED: frozenset(("unlinked",)),
    EventCode.MISADDRESSED: frozenset(("about", "note")),
    EventCode.GLASS_BROKEN: frozenset(("about", "note")),
}
_NEEDED: Final[Mapping[EventCode, frozenset[str]]] = {
    EventCode.RELATIVE_REGISTERED: frozenset(("relatives",)),
    EventCode.IDENTITY_LINKED: frozenset(("linked",)),
    EventCode.IDENTITY_UNLINKED: frozenset(("unlinked",)),
    EventCode.ACKNOWLEDGEMENT: frozenset(("about", "response")),
    EventCode.COORDINATOR_APPOINTED: frozenset(("role",)),
    EventCode.COORDINATOR_ABSENT: frozenset(("role",)),
    EventCode.COORDINATOR_HANDOVER_OFFERED: frozenset(("role",)),
    EventCode.COORDINATOR_HANDOVER_ACCEPTED: frozenset(("role",)),
    EventCode.CONSENT_GIVEN: frozenset(("consent",)),
    EventCode.OBJECTION_REGISTERED: frozenset(("consent",)),
}


def _deadline(when: SearchStrategy[Moment]) -> dict[str, SearchStrategy[Any]]:
    return {
        "promise": st.uuids().map(str),
        "kind": st.sampled_from([str(one) for one in PromiseKind]),
        "step": st.sampled_from([one.code for one in Step]),
        "due": when,
        "responsible": party_refs(),
        "holder": lines(),
        "note": texts(),
    }


_CHOICES: Final = {
    DeadlineFacts: _deadline,
    StayFacts: matter_strategies.stay,
    ReportFacts: matter_strategies.report,
    ReferralFacts: matter_strategies.referral,
    InquiryFacts: matter_strategies.inquiry,
    PersonFacts: matter_strategies.person,
    ReceiptFacts: matter_strategies.receipt,
    ApplicationFacts: matter_strategies.application,
    CourseFacts: matter_strategies.course,
    CoordinatorFacts: care_strategies.coordinator,
    ConsentFacts: care_strategies.consent,
    PlanFacts: plan_strategies.plan,
    MeetingFacts: plan_strategies.meeting,
    MeasureFacts: plan_strategies.measure,
    FollowUpFacts: plan_strategies.follow_up,
}


# --- keys: what reading the facts gives, and ids that other resources carry


@st.composite
def _keys(draw: DrawFn, code: EventCode, facts: Facts, sender: PartyRef) -> tuple[Key, ...]:
    family, own = RULES[code].family, getattr(facts, "identifiers", None) or ()
    if family in (Family.PERSON, Family.BROKER):
        return ()
    more = draw(st.lists(identifiers(), max_size=1 if isinstance(facts, StayFacts) else 2))
    if isinstance(facts, StayFacts):
        named = of.stay((*own, *more), facts.episodes or (), sender)
        return tuple(sorted(named or of.start(facts.begins, sender, OSLO)))
    if isinstance(facts, ReportFacts):
        return tuple(sorted(draw(_keys_of_report(sender, more))))
    if isinstance(facts, DeadlineFacts):
        return tuple(deadlines.keys(facts.promise))
    if family not in of.NUMBERED:
        return ()
    return tuple(sorted(of.keys(of.NUMBERED[family].rank, (*own, *more), sender)))


@st.composite
def _keys_about(draw: DrawFn, family: Family, sender: PartyRef) -> tuple[Key, ...]:
    """Of what a call or an answer is about; of a family of which there is one, none are needed."""
    ids, more = draw(several(identifiers())), draw(st.lists(identifiers(), max_size=1))
    if family in WHOLE:
        return ()
    if family in of.NUMBERED:
        return tuple(sorted(of.keys(of.NUMBERED[family].rank, ids, sender)))
    return tuple(sorted(of.stay(ids, more, sender)))


@st.composite
def _keys_of_report(draw: DrawFn, sender: PartyRef, stays: list[Identifier]) -> set[Key]:
    named = of.stay(stays, draw(st.lists(identifiers(), max_size=2)), sender)
    return named | of.start(draw(st.none() | moments(END)), sender, OSLO)


# --- the whole


@st.composite
def messages(
    draw: DrawFn,
    code: EventCode | None = None,
    patient: Patient | None = None,
    sender: PartyRef | None = None,
) -> Message:
    """A message of one event (any, when ``code`` is ``None``), about one patient, from one sender."""
    code = code or draw(st.sampled_from(EventCode))
    sender = sender or draw(
        st.one_of(party_refs(), st.just(PartyRef(endpoint="urn:oid:2.16.578.1.34.2")))
    )
    written = draw(instants())
    facts = draw(facts_of(code, written))
    matter = draw(st.none() | _about()) if code in _ABOUT_ANYTHING else None
    nobody = code is EventCode.ACKNOWLEDGEMENT
    if code is EventCode.MISADDRESSED and patient is None:
        nobody = draw(st.booleans())
    return Message(
        id=draw(ids()),
        format="carepath",
        envelope=draw(st.none() | ids()),
        content=b"",
        code=code,
        activity=draw(st.sampled_from(Activity)),
        target=draw(st.none() | ids()),
        sender=sender,
        author=draw(authors()),
        happened=draw(moments(written)),
        written=written,
        destinations=draw(destinations()),
        patient=None if nobody else _living_at(patient or draw(patients()), code, facts),
        keys=draw(_keys_about(matter, sender) if matter else _keys(code, facts, sender)),
        facts=facts,
        matter=matter,
        test=draw(st.booleans()),
    )


_ABOUT_ANYTHING: Final = (EventCode.REPLY, EventCode.SETTLED_BY_PHONE)


def _about() -> SearchStrategy[Family]:
    """Any matter there is, but questions: those are answered as before."""
    others = (Family.INQUIRY, Family.BROKER, Family.DEADLINE)
    return st.sampled_from([family for family in Family if family not in others])


def _living_at(patient: Patient, code: EventCode, facts: Facts) -> Patient:
    """A move tells the patient's own address too: the home's, else that of the stay."""
    if code is not EventCode.MUNICIPALITY_CHANGED or not isinstance(facts, PersonFacts):
        return patient
    return replace(patient, municipality=facts.home_municipality or facts.stay_municipality)
