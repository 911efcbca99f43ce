"""Random messages as the client makes them, and what the server is to understand."""

import typing
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from carepath_client import (
    Acknowledgement,
    Application,
    Author,
    CarerUnavailable,
    Consent,
    CoordinationNeed,
    Coordinator,
    Course,
    FollowUp,
    Goal,
    Identifier,
    Inquiry,
    Measure,
    Meeting,
    Message,
    Move,
    Participant,
    Party,
    Patient,
    PersonSheet,
    Plan,
    Referral,
    Relative,
    Relatives,
    Report,
    ServiceOverview,
    Stay,
)
from carepath_client.care import _OF_COORDINATORS, _SAID
from pathways import facts, messages, parties
from pathways.moments import Moment, on_day
from tests.unit import strategies
from tests.unit.strategies import OSLO

FAMILIES: Final[tuple[type[Message], ...]] = (
    Stay,
    Report,
    Referral,
    Inquiry,
    PersonSheet,
    ServiceOverview,
    Relatives,
    Move,
    Acknowledgement,
    CarerUnavailable,
    CoordinationNeed,
    Coordinator,
    Consent,
    Plan,
    Meeting,
    Measure,
    FollowUp,
    Application,
    Course,
)
FACTS: Final[Mapping[type[Message], Mapping[str, str]]] = {
    Stay: {"stay": "identifiers", "episode": "episodes"},
    Report: {"document": "identifiers", "stay": "", "episode": ""},
    Referral: {"referral": "identifiers"},
    Inquiry: {"conversation": "identifiers"},
    PersonSheet: {"title": "sheet_title", "text": "sheet"},
    ServiceOverview: {"title": "", "text": "overview"},
    CarerUnavailable: {"conversation": "identifiers"},
    CoordinationNeed: {"need": "identifiers"},
    Consent: {"record": "identifiers", "message": "document"},
    Plan: {"plan": "identifiers"},
    Meeting: {"appointment": "identifiers"},
    Measure: {"measure": "identifiers"},
    FollowUp: {"follow_up": "identifiers"},
    Application: {"application": "identifiers"},
    Course: {"course": "identifiers"},
}
"""What a field is called among the facts, where that differs; empty: it is no fact."""


def parties_() -> SearchStrategy[Party]:
    """An organisation by number, HER-id or name."""
    numbers = strategies.organisation_numbers()
    her = st.integers(1000, 999_999).map(str)
    name = strategies.lines()
    endpoint = st.none() | st.just("https://hospital.example/fhir")
    built = st.builds(
        lambda **told: told,
        organisation_number=st.none() | numbers,
        her_id=st.none() | her,
        name=st.none() | name,
        endpoint=endpoint,
    )
    named = built.filter(lambda p: p["organisation_number"] or p["her_id"] or p["name"])
    return named.map(lambda told: Party(**told))


def ids() -> SearchStrategy[Identifier]:
    """A stay's, a referral's or a conversation's id."""
    systems = st.sampled_from(["", "https://ehr.example/id", "urn:oid:2.16.578.1.34.10.3"])
    values = st.from_regex(r"[A-Za-z0-9-]{1,16}", fullmatch=True)
    return st.builds(Identifier, system=systems, value=values)


def patients() -> SearchStrategy[Patient]:
    """A made-up patient."""
    return st.builds(
        Patient,
        national_id=strategies.birth_numbers(),
        identifiers=st.lists(ids(), max_size=1).map(tuple),
        family=st.none() | strategies.lines(),
        given=st.lists(strategies.lines(), max_size=2).map(tuple),
        birth_date=st.none() | st.dates(date(1900, 1, 1), date(2025, 12, 31)),
        gender=st.sampled_from([None, "female", "male", "other", "unknown"]),
        municipality=st.none() | strategies.municipalities(),
        district=st.sampled_from([None, "030101"]),
        gp=st.none() | parties_(),
    )


def whens() -> SearchStrategy[datetime | date]:
    """A time with a zone, or a day."""
    local = strategies.instants().map(lambda at: at.astimezone(OSLO))
    days = st.dates(date(2026, 1, 2), date(2026, 12, 30))
    return st.one_of(strategies.instants(), local, days)


_ENVELOPE: Final = {
    "sender": parties_(),
    "patient": patients(),
    "id": strategies.ids(),
    "activity": st.sampled_from(["new", "revise", "cancel", "forward", "reply"]),
    "target": st.none() | strategies.ids(),
    "receivers": st.lists(parties_(), max_size=2, unique=True).map(tuple),
    "copies": st.lists(parties_(), max_size=1).map(tuple),
    "author": st.none()
    | st.builds(
        Author,
        name=strategies.lines(),
        phone=st.none() | st.just("+4722000000"),
        role=st.none() | strategies.lines(),
    ),
    "happened": st.none() | whens(),
    "written": strategies.instants(),
    "test": st.booleans(),
}
_WHENS: Final = (
    *("begins", "ends", "expected_ready", "receive_from", "departs", "deceased", "scheduled"),
    *("since", "until", "due", "evaluate_by", "talked", "valid_from", "valid_to", "appeal_by"),
    *("expected", "contact"),
)
_IDS: Final = (
    *("stay", "episode", "document", "referral", "conversation", "need", "record", "plan"),
    *("appointment", "measure", "follow_up", "application", "course"),
)
_PARTIES: Final = (
    *("provider", "requester", "performer", "proposed", "owner", "party", "substitute_party"),
    *("refers", "follows_up"),
)
_FLAGS: Final = (
    *("report_wanted", "can_receive", "read_by_person", "first", "expecting", "oral", "accepts"),
)
_SPECIAL: Final[Mapping[str, SearchStrategy[Any]]] = {
    **{name: whens() for name in _WHENS},
    **{name: ids() for name in _IDS},
    **{name: parties_() for name in _PARTIES},
    **{name: st.booleans() for name in _FLAGS},
    "medicines_days": st.integers(1, 30),
    "encounter_class": st.sampled_from(["IMP", "EMER"]),
    "reason_code": st.just("no-capacity"),
    "about": strategies.ids(),
    "services": st.lists(st.sampled_from(["nursing", "rehab"]), max_size=2, unique=True).map(tuple),
    "relatives": st.lists(
        st.builds(Relative, name=strategies.lines(), phone=st.none() | st.just("+4722000000")),
        min_size=1,
        max_size=2,
    ).map(tuple),
    "home_municipality": strategies.municipalities(),
    "stay_municipality": strategies.municipalities(),
    "text": strategies.texts().map(str.strip).filter(bool),
    "note": strategies.lines(),
    "report": strategies.texts().map(str.strip).filter(bool),
    "evaluation": strategies.lines(),
    "interval_days": st.integers(1, 400),
    "promise": strategies.ids(),
    "message": strategies.ids(),
    "link": st.just("https://video.example/room/1"),
    "summoned": st.lists(parties_(), max_size=2, unique=True).map(tuple),
    "goals": st.lists(
        st.builds(
            Goal,
            text=strategies.lines(),
            by=st.none() | st.dates(date(2026, 1, 2), date(2027, 1, 1)),
        ),
        max_size=2,
    ).map(tuple),
    "participants": st.lists(
        st.builds(
            Participant,
            name=strategies.lines(),
            role=st.none() | strategies.lines(),
            party=st.none() | parties_(),
            since=st.none() | whens(),
        ),
        max_size=2,
    ).map(tuple),
}


@st.composite
def made(draw: DrawFn, family: type[Message]) -> Message:
    """A message of this family; most optional fields are left out at times."""
    told = {name: draw(values) for name, values in _ENVELOPE.items()}
    for name, field in family.model_fields.items():
        if name in _ENVELOPE:
            continue
        values = _values(name, field.annotation)
        value = draw(values if field.is_required() else st.none() | values)
        if value is not None:
            told[name] = value
    return family(**_possible(family, told))


def _values(name: str, annotation: Any) -> SearchStrategy[Any]:
    if name in _SPECIAL:
        return _SPECIAL[name]
    options = [annotation, *typing.get_args(annotation)]
    codes = next((one for one in options if typing.get_origin(one) is typing.Literal), None)
    return strategies.lines() if codes is None else st.sampled_from(typing.get_args(codes))


def _possible(family: type[Message], told: dict[str, Any]) -> dict[str, Any]:
    """Nothing ends before it begins; whoever moves, moves somewhere; an event says what it has a place for."""
    for first, last in (("begins", "ends"), ("since", "until")):
        if told.get(first) is not None and last in told:
            told[last] = told[first] + timedelta(days=2)
    if family is Move:
        told.setdefault("home_municipality", "0301")
    if told.get("event") == "measure-delayed":
        told.setdefault("due", date(2026, 5, 4))
    surplus = _surplus(family, told)
    return {name: value for name, value in told.items() if name not in surplus}


def _surplus(family: type[Message], told: dict[str, Any]) -> frozenset[str]:
    """What the message has no place for."""
    if family is Coordinator:
        return _OF_COORDINATORS - _SAID[told["event"]]
    if family is Meeting and told["activity"] != "reply":
        return frozenset(("accepts", "reason"))
    if family is Referral and told["event"] != "referral-completed":
        return frozenset(("report",))
    return frozenset(("person",) if family is Consent and "party" in told else ())


ANY: Final = st.one_of([made(family) for family in FAMILIES])
"""A message of any family."""


# --- what the server is to understand


def fact(value: Any, written: datetime) -> Any:
    """A field's value as the rules see it."""
    if isinstance(value, datetime):
        return Moment(value)
    if isinstance(value, date):
        return Moment(on_day(value, written, OSLO).at.astimezone(UTC), day=True)
    if isinstance(value, Identifier):
        return (parties.Identifier(value.system, value.value),)
    if isinstance(value, tuple):
        return tuple(_listed(one, written) for one in value)
    return party(value) if isinstance(value, Party) else value


def _listed(one: Any, written: datetime) -> Any:
    return (
        _inner(one, written)
        if isinstance(one, Goal | Relative | Participant)
        else fact(one, written)
    )


def party(one: Party) -> parties.PartyRef:
    """An organisation."""
    known = tuple(parties.Identifier(i.system, i.value) for i in one.known_by)
    return parties.PartyRef(known, one.name, one.endpoint)


def _inner(value: Any, written: datetime) -> Any:
    """A value inside a list."""
    told = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, Goal):
        return facts.Goal(**told)
    if isinstance(value, Relative):
        return facts.Relative(**told)
    return facts.Participant(**{name: fact(one, written) for name, one in told.items()})


def author(one: Author | None) -> messages.Author:
    """Who wrote it."""
    return messages.Author(one.name, one.phone, one.role) if one else messages.Author()


def patient(one: Patient) -> messages.Patient:
    """The patient."""
    return messages.Patient(
        identifiers=tuple(parties.Identifier(i.system, i.value) for i in one.known_by),
        family=one.family,
        given=one.given,
        birth_date=one.birth_date,
        gender=one.gender,
        municipality=one.municipality,
        district=one.district,
        gp=party(one.gp) if one.gp else None,
    )
