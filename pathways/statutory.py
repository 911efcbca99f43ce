"""What the law has told whatever the patient says, with its source.

A lawyer should check every row: paragraph numbers are from memory of the texts on lovdata.no as of 2025, and which
duties a patient's objection stops is argued in docs/adr/0016.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pathways.access import Basis
from pathways.events import EventCode

C = EventCode


@dataclass(frozen=True, slots=True)
class Law:
    """Where it stands. ``doubtful``: whether it also holds against an objection is for a lawyer to say first of all."""

    source: str
    doubtful: bool = False


_READY: Final = (
    "forskrift om kommunal betaling for utskrivningsklare pasienter (FOR-2011-11-18-1115)"
)
_CONSENT: Final = Law("pasientjournalloven § 17, personvernforordningen art. 7(3) and 21")
_CASE: Final = Law("pasient- og brukerrettighetsloven §§ 2-7, 7-2; forvaltningsloven §§ 11 a, 24")
_IDENTITY: Final = Law("personvernforordningen art. 5(1)(d)", doubtful=True)
_DUTY: Final = Law("helsepersonelloven § 4; helse- og omsorgstjenesteloven § 4-1", doubtful=True)

LAWS: Final[Mapping[EventCode, Law]] = {
    C.EARLY_NOTICE: Law(f"{_READY} § 8"),
    C.DISCHARGE_READY: Law(f"{_READY} § 10"),
    C.DISCHARGE_READY_WITHDRAWN: Law(f"{_READY} § 10"),
    C.CAPACITY_ANSWER: Law(f"{_READY} § 11"),
    C.OFFER_READY: Law(f"{_READY} § 11"),
    C.DISCHARGE: Law(f"{_READY} § 13: what is owed ends with it", doubtful=True),
    C.APPLICATION: _CASE,
    C.INTERIM_ANSWER: _CASE,
    C.DECISION: _CASE,
    C.COMPLAINT: _CASE,
    C.COMPLAINT_FORWARDED: _CASE,
    C.COORDINATION_NEED: Law("helsepersonelloven § 38 a", doubtful=True),
    C.MUNICIPALITY_CHANGED: Law("helse- og omsorgstjenesteloven § 3-1", doubtful=True),
    C.CONSENT_GIVEN: _CONSENT,
    C.CONSENT_WITHDRAWN: _CONSENT,
    C.OBJECTION_REGISTERED: _CONSENT,
    C.OBJECTION_WITHDRAWN: _CONSENT,
    C.IDENTITY_LINKED: _IDENTITY,
    C.IDENTITY_UNLINKED: _IDENTITY,
    C.REMINDER: _DUTY,
    C.DEADLINE_MISSED: _DUTY,
}
"""The events that those who need them by law get; who has to obey a consent has to know of it."""

_BY_LAW: Final = frozenset(
    (Basis.ADDRESSED, Basis.ASKED, Basis.NEED, Basis.PARTICIPANT, Basis.SHARED, Basis.MISADDRESSED)
)
"""Not copies, not whoever a plan or a service alone brought in."""


def demanded(code: EventCode, basis: Basis) -> bool:
    """Whether no objection and no end of a consent takes it from whoever got it on this ``basis``.

    What somebody sent is in their own records (helsepersonelloven § 39); the glass is broken for an emergency (§ 7).
    """
    return basis in (Basis.SENT, Basis.BREAK_GLASS) or (code in LAWS and basis in _BY_LAW)
