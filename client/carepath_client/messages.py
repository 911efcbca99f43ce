"""Messages from plain values: one model for each family of events; ``bundles.bundle`` writes them.

A message keeps its id: made once, it is the same however often it is sent. Whoever makes it again after a
crash gives the same ``id`` and ``written`` as before, else it is another message.
Ids of a stay, referral or conversation that others answer to need their system: ``"system|value"``.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self
from uuid import uuid4

from pydantic import Field, StringConstraints, model_validator

from carepath_client.values import (
    Author,
    Id,
    Instant,
    Line,
    Party,
    Patient,
    Relative,
    Text,
    Value,
    When,
)

MessageId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,64}$")]


class Message(Value):
    """What every message says. ``receivers`` must act, ``copies`` are told; without any the rules decide who is.

    ``target`` is the id of the message that this one revises, cancels, forwards or answers. ``happened``: when
    it is left out, the event's own time counts (a stay's begin or end), else ``written``.
    """

    event: str
    sender: Party
    patient: Patient | None = None
    id: MessageId = Field(default_factory=lambda: str(uuid4()))
    activity: Literal["new", "revise", "cancel", "forward", "reply"] = "new"
    target: MessageId | None = None
    receivers: tuple[Party, ...] = ()
    copies: tuple[Party, ...] = ()
    author: Author | None = None
    happened: When | None = None
    written: Instant = Field(default_factory=lambda: datetime.now(UTC))
    test: bool = False

    @model_validator(mode="after")
    def _is_about_somebody(self) -> Self:
        if self.patient is None and self.event != "acknowledgement":
            raise ValueError("the patient is missing")
        return self


class Stay(Message):
    """A stay begins, changes or ends. ``provider`` is the hospital, ``key`` where the key to the home is."""

    event: Literal[
        "admission",
        "early-notice",
        "transfer",
        "leave-start",
        "leave-end",
        "discharge-ready",
        "discharge-ready-withdrawn",
        "capacity-answer",
        "offer-ready",
        "departure-planned",
        "received-home",
        "discharge",
        "death",
        "emergency-contact",
    ]
    stay: Id | None = None
    episode: Id | None = None
    encounter_class: Line | None = None  # v3-ActCode: IMP, EMER, …
    stay_kind: (
        Literal[
            "hospital",
            "emergency-ward",
            "municipal-acute",
            "short-stay",
            "nursing-home",
            "rehab",
            "mental-health",
            "respite",
        ]
        | None
    ) = None
    municipal_need: Literal["yes", "no", "unknown"] | None = None
    report_wanted: bool | None = None
    begins: When | None = None
    ends: When | None = None
    provider: Party | None = None
    ward: Line | None = None
    expected_ready: When | None = None
    can_receive: bool | None = None
    receive_from: When | None = None
    departs: When | None = None
    transport: Line | None = None
    medicines_days: Annotated[int, Field(ge=1)] | None = None
    equipment: Line | None = None
    key: Line | None = None
    disposition: Line | None = None
    deceased: When | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        return self._ordered("begins", "ends")


class Report(Message):
    """A document about a stay: newcomers see its title, those entitled its text."""

    event: Literal[
        "admission-report",
        "medication-list",
        "discharge-report",
        "doctor-report",
        "transfer-report",
    ]
    title: Line
    text: Text
    document: Id | None = None
    stay: Id | None = None
    episode: Id | None = None


class Referral(Message):
    """A referral or a choice of hospital, and what comes of it. ``performer`` is who is asked."""

    event: Literal[
        "hospital-choice",
        "hospital-choice-confirmed",
        "redirect-proposed",
        "referral",
        "referral-received",
        "referral-accepted",
        "referral-rejected",
        "referral-forwarded",
        "referral-scheduled",
        "referral-completed",
        "referral-withdrawn",
    ]
    referral: Id
    title: Line | None = None
    priority: Literal["routine", "urgent", "asap", "stat"] | None = None
    reason: Line | None = None
    reason_code: Line | None = None
    requester: Party | None = None
    performer: Party | None = None
    proposed: Party | None = None
    scheduled: When | None = None
    report: Text | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _reports_at_the_end(self) -> Self:
        if self.report is not None and self.event != "referral-completed":
            raise ValueError("a report goes with referral-completed")
        return self


class Inquiry(Message):
    """A question, and what is done with it. ``owner`` is whose it is to answer, ``asker`` who wants to know.

    ``promise``: the id of the one Task that an answer or a call is about. ``disclosure``: what may be told a relative.
    """

    event: Literal["inquiry", "inquiry-forwarded", "reply", "settled-by-phone"]
    conversation: Id
    topic: Line | None = None
    text: Text | None = None
    asker: Line | None = None
    owner: Party | None = None
    reason: Line | None = None
    disclosure: Literal["receive-and-guide", "may-disclose"] | None = None
    settled_with: Line | None = None
    promise: MessageId | None = None


class CarerUnavailable(Message):
    """Who cares for the patient at home cannot, from ``since``; ``fallback`` is what was agreed for that."""

    event: Literal["carer-unavailable"] = "carer-unavailable"
    conversation: Id
    text: Text | None = None
    owner: Party | None = None
    since: When | None = None
    until: When | None = None
    fallback: Line | None = None


class PersonSheet(Message):
    """What matters to the patient, in their own words or others'."""

    event: Literal["person-sheet"] = "person-sheet"
    title: Line
    text: Text


class ServiceOverview(Message):
    """Which municipal functions (nursing, case-office, …) the patient has now, and how, in words."""

    event: Literal["service-overview"] = "service-overview"
    title: Line = "Services"
    services: tuple[Line, ...] = ()
    text: Text | None = None


class Relatives(Message):
    """The patient's relatives, all of them."""

    event: Literal["relative-registered"] = "relative-registered"
    relatives: Annotated[tuple[Relative, ...], Field(min_length=1)]


class Acknowledgement(Message):
    """A receiver's answer to the message with id ``about``; it may say that a person has read it."""

    event: Literal["acknowledgement"] = "acknowledgement"
    about: MessageId
    response: Literal["ok", "transient-error", "fatal-error"] = "ok"
    read_by_person: bool | None = None
    note: Line | None = None


class Move(Message):
    """The patient lives, or stays for a time, in another municipality (kommunenummer)."""

    event: Literal["municipality-changed"] = "municipality-changed"
    home_municipality: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")] | None = None
    stay_municipality: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")] | None = None

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if self.home_municipality is None and self.stay_municipality is None:
            raise ValueError("a home_municipality or a stay_municipality is needed")
        return self
