"""Who may see what, and why. A grant names one entry and one reader; without one, the entry does not exist."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
    MISADDRESSED = "misaddressed"  # the municipality's KE, for what reached nobody


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
