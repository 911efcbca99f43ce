"""Which fields the form of an event has: made from the types of its facts, the ones that are mostly told first."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any, Final, get_args, get_origin, get_type_hints

from carepath.service.typed import field_types
from carepath.texts import code_key
from pathways.events import EventCode, Family
from pathways.facts import Goal, Participant, Relative
from pathways.moments import Moment
from pathways.parties import Function, Identifier, PartyRef

C = EventCode


class Widget(StrEnum):
    """How a value is filled in."""

    LINE = "line"
    TEXT = "text"
    NUMBER = "number"
    DAY = "day"
    MOMENT = "moment"  # a day and, if known, a time
    CHOICE = "choice"
    CHOICES = "choices"
    PARTY = "party"
    PARTIES = "parties"
    LINES = "lines"  # identifiers, one on each line
    ROWS = "rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field. ``kind``: the type of one value; ``label`` and the options' second half are keys of the catalogues.

    ``columns``: what a row consists of, where it is a list of what has parts; those that a row needs are ``needed``.
    """

    name: str
    kind: Any
    widget: Widget
    label: str
    options: tuple[tuple[str, str], ...] = ()
    columns: tuple["Field", ...] = ()
    needed: bool = False


_LONG: Final = frozenset(("text", "sheet", "note", "overview", "report", "evaluation"))
_YES_NO: Final = (("yes", "word.yes"), ("no", "word.no"))
_ROWS: Final = frozenset((Goal, Participant, Relative))
CODED: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "encounter_class": tuple(
        (code, f"encounterclass.{code}") for code in ("IMP", "EMER", "AMB", "SS", "HH", "VR")
    ),
    "priority": tuple((code, f"priority.{code}") for code in ("routine", "urgent", "asap", "stat")),
    "covers": tuple(
        (str(one), f"family.{one}")
        for one in Family
        if one not in (Family.BROKER, Family.DEADLINE, Family.CONSENT)
    ),
    "services": tuple((str(one), f"function.{one}") for one in Function),
}
"""Texts that are codes: v3-ActCode and request-priority of FHIR, and our own."""

NEEDED: Final[Mapping[EventCode, frozenset[str]]] = {
    C.COORDINATOR_APPOINTED: frozenset(("role",)),
    C.COORDINATOR_ABSENT: frozenset(("role",)),
    C.COORDINATOR_HANDOVER_OFFERED: frozenset(("role",)),
    C.COORDINATOR_HANDOVER_ACCEPTED: frozenset(("role",)),
    C.CONSENT_GIVEN: frozenset(("consent",)),
    C.OBJECTION_REGISTERED: frozenset(("consent",)),
    C.RELATIVE_REGISTERED: frozenset(("relatives",)),
    C.IDENTITY_LINKED: frozenset(("linked",)),
    C.IDENTITY_UNLINKED: frozenset(("unlinked",)),
    C.MEASURE_DELAYED: frozenset(("due",)),
    C.MEASURE_DROPPED: frozenset(("reason",)),
    C.MEASURE_PROPOSED: frozenset(("title",)),
    C.REFERRAL: frozenset(("title",)),
    C.PERSON_SHEET: frozenset(("sheet",)),
}
"""Without which an event cannot be taken in, or says nothing."""

_HAND: Final = ("role", "name", "phone", "party")
_RIGHT: Final = ("consent", "party", "person", "covers", "since", "until", "oral", "note")
_MAIN: Final[Mapping[EventCode, tuple[str, ...]]] = {
    C.ADMISSION: ("begins", "ward", "stay_kind", "municipal_need", "report_wanted"),
    C.EARLY_NOTICE: ("municipal_need", "expected_ready", "ward", "note"),
    C.TRANSFER: ("ward", "provider", "note"),
    C.LEAVE_START: ("receive_from", "note"),
    C.LEAVE_END: ("note",),
    C.DISCHARGE_READY: ("municipal_need", "expected_ready", "equipment", "note"),
    C.DISCHARGE_READY_WITHDRAWN: ("note",),
    C.CAPACITY_ANSWER: ("can_receive", "receive_from", "note"),
    C.OFFER_READY: ("receive_from", "note"),
    C.DEPARTURE_PLANNED: ("departs", "transport", "medicines_days", "equipment", "key", "note"),
    C.RECEIVED_HOME: ("note",),
    C.DISCHARGE: ("ends", "disposition", "note"),
    C.DEATH: ("deceased",),
    C.EMERGENCY_CONTACT: ("begins", "municipal_need", "provider", "note"),
    C.HOSPITAL_CHOICE: ("title", "performer", "priority", "reason", "note"),
    C.HOSPITAL_CHOICE_CONFIRMED: ("note",),
    C.REDIRECT_PROPOSED: ("proposed", "reason"),
    C.REFERRAL: ("title", "performer", "priority", "reason", "note"),
    C.REFERRAL_RECEIVED: ("note",),
    C.REFERRAL_ACCEPTED: ("scheduled", "note"),
    C.REFERRAL_REJECTED: ("reason", "note"),
    C.REFERRAL_FORWARDED: ("performer", "reason"),
    C.REFERRAL_SCHEDULED: ("scheduled", "note"),
    C.REFERRAL_COMPLETED: ("report", "note"),
    C.REFERRAL_WITHDRAWN: ("reason",),
    C.INQUIRY: ("topic", "text", "asker"),
    C.INQUIRY_FORWARDED: ("owner", "reason"),
    C.REPLY: ("text", "disclosure", "reason"),
    C.SETTLED_BY_PHONE: ("settled_with", "text"),
    C.CARER_UNAVAILABLE: ("since", "until", "text", "fallback"),
    C.COORDINATION_NEED: ("role", "reason", "expecting"),
    C.COORDINATOR_APPOINTED: (*_HAND, "first", "since", "until"),
    C.COORDINATOR_ABSENT: (
        *("role", "since", "until", "substitute", "substitute_phone", "substitute_party"),
        "reason",
    ),
    C.COORDINATOR_HANDOVER_OFFERED: (*_HAND, "since", "reason"),
    C.COORDINATOR_HANDOVER_ACCEPTED: _HAND,
    C.COORDINATOR_CHANGE_REQUESTED: ("role", "reason"),
    C.MEASURE_PROPOSED: ("title", "proposer", "owner", "due", "plan", "note"),
    C.MEASURE_PROMISED: (
        *("title", "owner", "owner_name", "refers", "follows_up", "due", "evaluate_by"),
        *("plan", "note"),
    ),
    C.MEASURE_STARTED: ("owner_name", "note"),
    C.MEASURE_DELAYED: ("due", "reason", "note"),
    C.MEASURE_DONE: ("evaluate_by", "note"),
    C.MEASURE_DROPPED: ("reason", "note"),
    C.MEASURE_EVALUATED: ("evaluation", "note"),
    C.PLAN_MEETING: ("meeting", "begins", "ends", "place", "link", "summoned", "plan"),
    C.APPLICATION: ("service", "text", "applicant", "owner"),
    C.INTERIM_ANSWER: ("expected", "text"),
    C.DECISION: (
        *("outcome", "service", "reason", "valid_from", "valid_to", "appeal_by"),
        "text",
    ),
    C.COMPLAINT: ("text", "applicant"),
    C.COMPLAINT_FORWARDED: ("owner", "reason"),
    C.SERVICE_ENDING: ("ends", "reason", "replaced_by"),
    C.FIRST_CONTACT_BOOKED: ("title", "contact", "place", "provider", "note"),
    C.COURSE_STARTED: ("title", "begins", "provider", "note"),
    C.COURSE_ENDED: ("ends", "note"),
    C.CONSENT_GIVEN: _RIGHT,
    C.CONSENT_WITHDRAWN: _RIGHT,
    C.OBJECTION_REGISTERED: (*_RIGHT, "professional"),
    C.OBJECTION_WITHDRAWN: (*_RIGHT, "professional"),
}
"""What is mostly told, in the order in which one thinks of it; the rest can be unfolded."""
PERSONS: Final = frozenset(("field.linked", "field.unlinked", "field.relative.identifiers"))
"""Labels of fields for people's numbers: eleven digits need no system there."""
_RARE: Final = frozenset(
    ("identifiers", "episodes", "reason_code", "promise", "document", "emptied")
)
ANSWERS: Final[Mapping[EventCode, tuple[str, ...]]] = {
    C.PLAN_MEETING: ("accepts", "reason"),
    C.FOLLOW_UP: ("talked", "note"),
}
"""Events that are answered by an event of their own kind, and what an answer says."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields of an event: what is mostly told, and what may be told besides."""

    main: tuple[Field, ...]
    more: tuple[Field, ...]

    @property
    def all(self) -> tuple[Field, ...]:
        """All of them."""
        return self.main + self.more


@cache
def layout(code: EventCode, *, answer: bool = False) -> Layout:
    """What an event, or the answer to one, can tell."""
    types, needed = field_types(code), NEEDED.get(code, frozenset())
    if answer:
        return Layout(tuple(_field(name, types[name]) for name in ANSWERS[code]), ())
    known = {name: _field(name, kind, needed=name in needed) for name, kind in types.items()}
    told = ("accepts", "reason") if code is C.PLAN_MEETING else ()
    first = _MAIN.get(code) or [name for name in known if name not in _RARE]
    rest = [name for name in known if name not in (*first, *told)]
    return Layout(tuple(known[n] for n in first), tuple(known[n] for n in rest))


def envelope(name: str, widget: Widget, *, needed: bool = False) -> Field:
    """A field that every message has, about who and when."""
    kind = Moment if widget is Widget.MOMENT else PartyRef
    return Field(name=name, kind=kind, widget=widget, label=f"send.{name}", needed=needed)


def _field(name: str, kind: Any, of: str = "", *, needed: bool = False) -> Field:
    several = get_origin(kind) is tuple
    one = get_args(kind)[0] if several else kind
    label = f"field.{of}.{name}" if of else f"field.{name}"
    return Field(
        name=name,
        kind=one,
        widget=_widget(name, one, several=several),
        label=label,
        options=_options(name, one),
        columns=tuple(_columns(one)) if one in _ROWS else (),
        needed=needed,
    )


def _columns(row: type[Any]) -> Iterable[Field]:
    hints = get_type_hints(row)
    for one in fields(row):
        kinds = [k for k in get_args(hints[one.name]) if k is not type(None)]
        optional = get_origin(hints[one.name]) is not tuple and len(kinds) == 1
        kind = kinds[0] if optional else hints[one.name]
        needed = one.default is MISSING and one.default_factory is MISSING
        yield _field(one.name, kind, row.__name__.lower(), needed=needed)


def _widget(name: str, kind: Any, *, several: bool) -> Widget:
    if several:
        return _OF_SEVERAL.get(kind, Widget.ROWS if is_dataclass(kind) else Widget.CHOICES)
    if kind is bool or name in CODED or issubclass(kind, StrEnum):
        return Widget.CHOICE
    if kind is str and name in _LONG:
        return Widget.TEXT
    return _OF_ONE[kind]


_OF_SEVERAL: Final[Mapping[Any, Widget]] = {PartyRef: Widget.PARTIES, Identifier: Widget.LINES}
_OF_ONE: Final[Mapping[Any, Widget]] = {
    str: Widget.LINE,
    int: Widget.NUMBER,
    date: Widget.DAY,
    Moment: Widget.MOMENT,
    PartyRef: Widget.PARTY,
    Identifier: Widget.LINE,
}


def _options(name: str, kind: Any) -> tuple[tuple[str, str], ...]:
    if kind is bool:
        return _YES_NO
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return tuple((str(one), code_key(one)) for one in kind)
    return CODED.get(name, ())
