"""Random messages as the client makes them, and what the server is to understand."""

import typing
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from carepath_client import (
    Acknowledgement,
    Author,
    Identifier,
    Inquiry,
    Message,
    Move,
    Party,
    Patient,
    PersonSheet,
    Referral,
    Relative,
    Relatives,
    Report,
    ServiceOverview,
    Stay,
)
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
)
FACTS: Final[Mapping[type[Message], Mapping[str, str]]] = {
    Stay: {"stay": "identifiers", "episode": "episodes"},
    Report: {"document": "identifiers", "stay": "", "episode": ""},
    Referral: {"referral": "identifiers"},
    Inquiry: {"conversation": "identifiers"},
    PersonSheet: {"title": "sheet_title", "text": "sheet"},
    ServiceOverview: {"title": "", "text": "overview"},
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
_SPECIAL: Final[Mapping[str, SearchStrategy[Any]]] = {
    "begins": whens(),
    "ends": whens(),
    "expected_ready": whens(),
    "receive_from": whens(),
    "departs": whens(),
    "deceased": whens(),
    "scheduled": whens(),
    "stay": ids(),
    "episode": ids(),
    "document": ids(),
    "referral": ids(),
    "conversation": ids(),
    "provider": parties_(),
    "requester": parties_(),
    "performer": parties_(),
    "proposed": parties_(),
    "owner": parties_(),
    "report_wanted": st.booleans(),
    "can_receive": st.booleans(),
    "read_by_person": st.booleans(),
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
    """A stay does not end before it begins; whoever moves, moves somewhere."""
    begins = told.get("begins")
    if begins is not None and "ends" in told:
        told["ends"] = begins + timedelta(days=2)
    if family is Move:
        told.setdefault("home_municipality", "0301")
    return told


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
    return party(value) if isinstance(value, Party) else value


def party(one: Party) -> parties.PartyRef:
    """An organisation."""
    known = tuple(parties.Identifier(i.system, i.value) for i in one.known_by)
    return parties.PartyRef(known, one.name, one.endpoint)


Kin = facts.Relative


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
