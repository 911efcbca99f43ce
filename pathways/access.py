"""Who may see what, and why. A grant names one entry and one reader; without one, the entry does not exist."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What somebody who asks is to us: a row of the authorisation matrix (docs/security.md)."""

    OPEN = "open"  # open mode: taken at their word
    SYSTEM = "system"  # an organisation's, with credentials of its own
    SUPPLIER = "supplier"  # a system that acts for another organisation, as delegated
    CLINICIAN = "clinician"  # ward, hospital KE, legevakt, GP: may break the glass
    STAFF = "staff"  # case office, nursing, therapist
    COORDINATOR = "coordinator"  # and the coordinating unit
    NON_HEALTH = "non-health"  # school, NAV: plan parts and measures addressed to them
    PATIENT = "patient"
    GUARDIAN = "guardian"
    RELATIVE = "relative"
    CHILD = "child"
    ADMINISTRATOR = "administrator"  # of one organisation: no patient data
    OPERATOR = "operator"  # of the broker: bodies masked


class Operation(StrEnum):
    """What somebody asks for: a column of the authorisation matrix."""

    SEND = "send"
    READ = "read"  # timeline, search, $summary and all other reading about patients
    BREAK_GLASS = "break-glass"  # reading without a grant, for a reason that is checked
    FEED = "feed"  # own feed, mailbox, Subscriptions
    REPLAY = "replay"  # deliveries again, parked messages
    ACCESS_LOG = "access-log"
    DIRECTORY = "directory"  # and clients
    PUBLIC = "public"  # needs no sign-in: metadata, health


class Purpose(StrEnum):
    """Why somebody looks: codes of http://terminology.hl7.org/CodeSystem/v3-ActReason."""

    TREATMENT = "TREAT"
    EMERGENCY = "ETREAT"  # the glass was broken
    COORDINATION = "COC"
    OPERATIONS = "HOPERAT"
    PATIENT_REQUEST = "PATRQT"
    FAMILY_REQUEST = "FAMRQT"


class Basis(StrEnum):
    """Why somebody may see an entry."""

    SENT = "sent"  # it is their own
    ADDRESSED = "addressed"  # the sender named them
    COPY = "copy"  # the sender named them for information
    ASKED = "asked"  # they are asked to act
    NEED = "need"  # the patient is thought to need their services
    SERVICE = "service"  # they give the patient a service now
    GP = "gp"
    PARTICIPANT = "participant"  # they have a part in this matter
    SHARED = (
        "shared"  # they were told of it before, or have a part in another matter of the pathway
    )
    PLAN = "plan"  # they take part in the plan
    MISADDRESSED = "misaddressed"  # the municipality's KE, for what reached nobody
    CONSENT = "consent"  # the patient permits it
    SELF = "self"  # it is about them
    GUARDIAN = "guardian"  # parental responsibility, or a guardian's mandate
    ATTORNEY = "attorney"  # the patient's power of attorney
    BREAK_GLASS = "break-glass"  # they said why, and it is checked afterwards


class Extent(StrEnum):
    """How much of what is asked for."""

    NO = "no"
    OWN = "own"  # as their own organisation, of what they are granted, about themselves
    VERIFY = "verify"  # whether it is whole, not what it says
    MASKED = "masked"  # what it is about, not what it says
    ALL = "all"


_WORK: Final = {Operation.SEND: Extent.OWN, Operation.READ: Extent.OWN, Operation.FEED: Extent.OWN}
_PUBLIC: Final = {Operation.PUBLIC: Extent.ALL}

MATRIX: Final[Mapping[Role, Mapping[Operation, Extent]]] = {
    Role.OPEN: dict.fromkeys(Operation, Extent.ALL),
    Role.SYSTEM: _PUBLIC | _WORK | {Operation.REPLAY: Extent.OWN},
    Role.SUPPLIER: _PUBLIC | _WORK | {Operation.REPLAY: Extent.OWN},
    Role.CLINICIAN: _PUBLIC | _WORK | {Operation.BREAK_GLASS: Extent.OWN},
    Role.STAFF: _PUBLIC | _WORK,
    Role.COORDINATOR: _PUBLIC | _WORK,
    Role.NON_HEALTH: _PUBLIC | _WORK,
    Role.PATIENT: _PUBLIC | _WORK | {Operation.ACCESS_LOG: Extent.OWN},
    Role.GUARDIAN: _PUBLIC | _WORK | {Operation.ACCESS_LOG: Extent.OWN},
    Role.RELATIVE: _PUBLIC | _WORK,
    Role.CHILD: _PUBLIC | _WORK,
    Role.ADMINISTRATOR: _PUBLIC
    | {
        Operation.FEED: Extent.MASKED,
        Operation.REPLAY: Extent.MASKED,
        Operation.ACCESS_LOG: Extent.OWN,
        Operation.DIRECTORY: Extent.OWN,
    },
    Role.OPERATOR: _PUBLIC
    | {
        Operation.READ: Extent.MASKED,
        Operation.REPLAY: Extent.MASKED,
        Operation.ACCESS_LOG: Extent.VERIFY,
        Operation.DIRECTORY: Extent.ALL,
    },
}
"""The authorisation matrix: who may ask for what at all. What is not in it is refused.

What they get of it is decided entry by entry: by grants, and for citizens by ``sight``. Nobody ever acts as another.
"""

CITIZENS: Final = frozenset((Role.PATIENT, Role.GUARDIAN, Role.RELATIVE, Role.CHILD))
"""Those who ask for themselves or their own, not at work."""


def extent(role: Role, operation: Operation) -> Extent:
    """How much of ``operation`` somebody in this role may ask for."""
    return MATRIX[role].get(operation, Extent.NO)


def may(role: Role, operation: Operation) -> bool:
    """Whether they may ask for it at all."""
    return extent(role, operation) is not Extent.NO


PERSON: Final = "person:"
"""What the reader's key of somebody without a party begins with: no directory key has a colon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who asks. ``party`` is the directory key they act as; ``None``: nobody's, a person's or the operator's.

    ``person`` tells a person from all others and is no national id; ``name`` is what the patient reads of them.
    ``identifiers`` are a citizen's own, as ``system|value``: kept in memory for one request, never written down.
    """

    role: Role
    party: str | None = None
    person: str | None = None
    name: str | None = None
    client: str | None = None  # the system that asks, as registered
    scopes: frozenset[str] = frozenset()
    identifiers: tuple[str, ...] = ()
    purpose: Purpose | None = None

    @property
    def readers(self) -> tuple[str, ...]:
        """Whose grants count, their own too: who breaks the glass does it for themselves alone."""
        own = f"{PERSON}{self.person}" if self.person else None
        return tuple(dict.fromkeys(key for key in (self.reader, own) if key))

    @property
    def reader(self) -> str | None:
        """Whose grants and feed count. ``None``, in open mode only: everybody's."""
        if self.role is Role.OPEN:
            return self.party
        return self.party or f"{PERSON}{self.person or self.role.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """``reader`` may see ``event`` from ``since`` on, until ``until`` if that is set (both UTC)."""

    patient: str
    thread: str
    event: str
    reader: str
    basis: Basis
    since: datetime
    until: datetime | None = None

    def holds_at(self, moment: datetime) -> bool:
        """Whether the grant holds at ``moment``."""
        return self.since <= moment and (self.until is None or moment < self.until)
