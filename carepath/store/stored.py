"""A resource as it is stored."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of a resource; ``body`` is FHIR JSON with meta.

    ``patient``: the key of whom it is about; ``thread``: the id of the matter. ``part``: whoever it was read for was
    told only a part of that matter.
    """

    type: str
    id: str
    version: int
    updated: datetime
    deleted: bool
    body: bytes
    patient: str | None = None
    thread: str | None = None
    part: bool = False

    @property
    def place(self) -> tuple[str, str]:
        """Type and id."""
        return self.type, self.id
