"""The access log: a line for every patient of whom something was given out, or who was asked for. Pure.

What a line says follows the attestation of NHN's Tillitsrammeverk (practitioner, care relation, patient) and BALP
1.1.4: one line for each patient in a result.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from pathways.access import Actor, Basis, Purpose, Role

Value: TypeAlias = str | int | bytes | None


class Act(StrEnum):
    """What was done."""

    READ = "read"  # asked for one person, or one resource
    QUERY = "query"  # asked for whoever meets criteria
    DELIVERY = "delivery"  # sent to who follows, without their asking
    SIGN_IN = "sign-in"
    SIGN_OUT = "sign-out"
    ERASURE = "erasure"  # what was stored about a patient was erased
    ADMINISTRATION = "administration"  # a delivery or a parked message was dealt with


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who asked or was sent it: the organisation, the system and the person, as far as each is known."""

    role: Role
    party: str | None = None
    client: str | None = None
    person: str | None = None
    name: str | None = None
    purpose: Purpose
    reason: str | None = None  # in their own words, where the glass was broken


def who(actor: Actor) -> Who:
    """Who asks, as the log has it."""
    return Who(
        role=actor.role,
        party=actor.party,
        client=actor.client,
        person=actor.person,
        name=actor.name,
        purpose=actor.purpose or PURPOSES[actor.role],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line. ``at`` is UTC; ``shown``: ids by type; ``query`` as it was asked; ``number``: once it is sealed.

    ``patient`` is ``None`` where nobody was found, and where somebody signs in. ``outcome``: the HTTP status, or how a
    delivery travels. ``network``: the address that asked.
    """

    id: str
    at: datetime
    act: Act
    who: Who
    basis: tuple[Basis, ...] = ()
    patient: str | None
    interaction: str
    shown: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    query: str | None = None
    request: str
    network: str | None = None
    outcome: str
    number: int | None = None

    @property
    def emergency(self) -> bool:
        """Whether the glass was broken for it."""
        return self.who.purpose is Purpose.EMERGENCY or Basis.BREAK_GLASS in self.basis


PURPOSES: Final[Mapping[Role, Purpose]] = {
    Role.OPEN: Purpose.TREATMENT,
    Role.SYSTEM: Purpose.TREATMENT,
    Role.SUPPLIER: Purpose.TREATMENT,
    Role.CLINICIAN: Purpose.TREATMENT,
    Role.STAFF: Purpose.TREATMENT,
    Role.COORDINATOR: Purpose.COORDINATION,
    Role.NON_HEALTH: Purpose.COORDINATION,
    Role.PATIENT: Purpose.PATIENT_REQUEST,
    Role.CHILD: Purpose.PATIENT_REQUEST,
    Role.GUARDIAN: Purpose.FAMILY_REQUEST,
    Role.RELATIVE: Purpose.FAMILY_REQUEST,
    Role.ADMINISTRATOR: Purpose.OPERATIONS,
    Role.OPERATOR: Purpose.OPERATIONS,
}
"""Why somebody looks who does not say why: it follows from what they are."""

KEPT_YEARS: Final = 5
"""The least that lines are kept: as NHN keeps the log of use of Kjernejournal."""


def canonical(row: Iterable[Value]) -> bytes:
    """The one way to write a row: no two rows, and no two ways to divide one, give the same bytes.

    Each value is its kind, its length in bytes, a colon, and itself.
    """
    return b"".join(map(_value, row))


def _value(value: Value) -> bytes:
    if value is None:
        return b"n0:"
    if isinstance(value, int):
        kind, written = b"i", b"%d" % value
    elif isinstance(value, str):
        kind, written = b"s", value.encode()
    else:
        kind, written = b"b", value
    return b"%b%d:%b" % (kind, len(written), written)
