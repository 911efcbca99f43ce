"""Messages about care that lasts: coordination, consent, plans and what they promise, applications, courses.

As in ``messages``: one model for each family. Ids that others refer to need their system: ``"system|value"``.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from carepath_client.messages import Message, MessageId
from carepath_client.values import Id, Line, Party, Text, Value, When

Role = Literal["municipal", "hospital", "contact-doctor", "child", "baton-holder", "case-handler"]
Link = Annotated[str, StringConstraints(pattern=r"^https://\S+$")]


class CoordinationNeed(Message):
    """Somebody needs a coordinator; ``expecting``: a family that expects a child."""

    event: Literal["coordination-need"] = "coordination-need"
    need: Id
    role: Role | None = None
    expecting: bool | None = None
    reason: Line | None = None


class Coordinator(Message):
    """Who coordinates, in a ``role``: ``name`` and ``phone``, ``party`` where they work, ``first`` if called first.

    ``substitute`` stands in from ``since`` until ``until``.
    """

    event: Literal[
        "coordinator-appointed",
        "coordinator-absent",
        "coordinator-handover-offered",
        "coordinator-handover-accepted",
        "coordinator-change-requested",
    ]
    role: Role
    name: Line | None = None
    phone: Line | None = None
    party: Party | None = None
    first: bool | None = None
    since: When | None = None
    until: When | None = None
    substitute: Line | None = None
    substitute_phone: Line | None = None
    substitute_party: Party | None = None
    reason: Line | None = None

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        """Nothing is said that the event has no place for."""
        said = {name for name in _OF_COORDINATORS if getattr(self, name) is not None}
        if surplus := said - _SAID[self.event]:
            raise ValueError(f"{self.event} does not say {', '.join(sorted(surplus))}")
        return self._ordered("since", "until")


_HOLDER = frozenset(("name", "phone", "party"))
_SUBSTITUTE = frozenset(("substitute", "substitute_phone", "substitute_party"))
_OF_COORDINATORS = _HOLDER | _SUBSTITUTE | {"first", "since", "until"}
_SAID: Mapping[str, frozenset[str]] = {
    "coordinator-appointed": _HOLDER | {"first", "since", "until"},
    "coordinator-handover-accepted": _HOLDER | {"first", "since", "until"},
    "coordinator-handover-offered": _HOLDER | {"since"},
    "coordinator-absent": _HOLDER | _SUBSTITUTE | {"since", "until"},
    "coordinator-change-requested": frozenset(),
}


class Consent(Message):
    """A consent given or an objection registered: for an organisation, or for a relative by name.

    ``message``: the id of the one message whose document an objection is about.
    """

    event: Literal[
        "consent-given", "consent-withdrawn", "objection-registered", "objection-withdrawn"
    ]
    record: Id
    consent: Literal["relatives", "plan", "school", "nav", "health-personnel"]
    party: Party | None = None
    person: Line | None = None
    message: MessageId | None = None
    since: When | None = None
    until: When | None = None
    oral: bool | None = None
    note: Line | None = None

    @model_validator(mode="after")
    def _is_for_one(self) -> Self:
        if self.party is not None and self.person is not None:
            raise ValueError("a consent is for a party or a person, not for both")
        return self._ordered("since", "until")


class Goal(Value):
    """A goal of a plan, best in the person's own words."""

    text: Line
    by: date | None = None


class Participant(Value):
    """Who takes part in a plan, with consent from ``since`` until ``until``."""

    name: Line
    role: Line | None = None
    party: Party | None = None
    since: When | None = None
    until: When | None = None

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        return self._ordered("since", "until")


class Plan(Message):
    """An individual plan or SIP. What an update leaves out stays as it was."""

    event: Literal["plan-created", "plan-updated"]
    plan: Id
    title: Line | None = None
    coordinator: Line | None = None
    goals: tuple[Goal, ...] = ()
    participants: tuple[Participant, ...] = ()
    begins: When | None = None
    ends: When | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        return self._ordered("begins", "ends")


class Meeting(Message):
    """A summons to a meeting about a plan; with activity ``reply``, whether the sender comes (``accepts``)."""

    event: Literal["plan-meeting"] = "plan-meeting"
    appointment: Id
    meeting: Literal["start", "restart", "discharge", "follow-up"] | None = None
    begins: When | None = None
    ends: When | None = None
    place: Line | None = None
    link: Link | None = None
    summoned: tuple[Party, ...] = ()
    accepts: bool | None = None
    reason: Line | None = None
    plan: Id | None = None

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        return self._ordered("begins", "ends")


class Measure(Message):
    """A measure: who refers, who does it (``owner``), who follows up, until when, and how it went."""

    event: Literal[
        "measure-proposed",
        "measure-promised",
        "measure-started",
        "measure-delayed",
        "measure-done",
        "measure-dropped",
        "measure-evaluated",
    ]
    measure: Id
    plan: Id | None = None
    title: Line | None = None
    proposer: Line | None = None
    refers: Party | None = None
    owner: Party | None = None
    owner_name: Line | None = None
    follows_up: Party | None = None
    due: When | None = None
    evaluate_by: When | None = None
    evaluation: Text | None = None
    reason: Line | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _has_a_new_date(self) -> Self:
        if self.event == "measure-delayed" and self.due is None:
            raise ValueError("a delayed measure needs its new due date")
        return self


class FollowUp(Message):
    """Repeating contact every ``interval_days``; with activity ``reply``, that it took place."""

    event: Literal["follow-up"] = "follow-up"
    follow_up: Id
    title: Line | None = None
    owner: Party | None = None
    owner_name: Line | None = None
    interval_days: Annotated[int, Field(ge=1)] | None = None
    talked: When | None = None
    note: Text | None = None
    until: When | None = None


class Application(Message):
    """An application for a service, what was decided, and what becomes of the service."""

    event: Literal[
        "application",
        "interim-answer",
        "decision",
        "complaint",
        "complaint-forwarded",
        "service-ending",
    ]
    application: Id
    service: Line | None = None
    text: Text | None = None
    applicant: Line | None = None
    owner: Party | None = None
    outcome: Literal["granted", "partly", "refused"] | None = None
    reason: Line | None = None
    valid_from: When | None = None
    valid_to: When | None = None
    appeal_by: When | None = None
    expected: When | None = None
    ends: When | None = None
    replaced_by: Line | None = None


class Course(Message):
    """A course of treatment: its first contact, begin and end."""

    event: Literal["first-contact-booked", "course-started", "course-ended"]
    course: Id
    title: Line | None = None
    contact: When | None = None
    place: Line | None = None
    begins: When | None = None
    ends: When | None = None
    provider: Party | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        return self._ordered("begins", "ends")
