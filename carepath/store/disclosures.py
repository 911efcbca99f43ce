"""What the store gives out about each patient, collected as it is read: the access log is written of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pathways.access import Basis, Purpose, Role

Shown = Mapping[str, tuple[str, ...]]
"""Ids by type: of FHIR resources, and ``event`` for what was read of a patient's events."""


@dataclass(frozen=True, slots=True)
class Right:
    """As what somebody sees a patient, why they look, and why they may."""

    role: Role
    purpose: Purpose
    basis: Basis


class Disclosures:
    """Filled by the reading functions of the store, for one request or one delivery. It reads and writes nothing."""

    __slots__ = ("_shown", "because")

    def __init__(self) -> None:
        self.because: dict[str, Right] = {}
        """What a citizen is to each patient: it need not be the same to all."""
        self._shown: dict[str, dict[str, dict[str, None]]] = {}

    def __bool__(self) -> bool:
        return bool(self._shown)

    def tell(self, patient: str | None, type_: str, ids: Iterable[str]) -> None:
        """These were given out; what is about no patient is not noted."""
        if patient is not None:
            self._shown.setdefault(patient, {}).setdefault(type_, {}).update(dict.fromkeys(ids))

    def add(self, told: Mapping[str, Shown]) -> None:
        """These were given out, too."""
        for patient, types in told.items():
            for type_, ids in types.items():
                self.tell(patient, type_, ids)

    def taken(self) -> dict[str, Shown]:
        """What was given out since it was taken the last time, by patient key; ids as they came, by type."""
        shown, self._shown = self._shown, {}
        return {
            patient: {type_: (*types[type_],) for type_ in sorted(types)}
            for patient, types in shown.items()
        }
