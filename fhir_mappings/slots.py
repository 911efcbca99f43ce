"""The slots that our own profile needs besides plain paths and extensions."""

from dataclasses import dataclass
from typing import Any

from fhir_mappings.bundle import JSON
from fhir_mappings.elements import Slot, codes


@dataclass(frozen=True, slots=True)
class Input:
    """A detail of a Task: the ``input`` (or ``output``) whose type has the code; the first name is the one we write."""

    system: str
    code: str
    names: tuple[str, ...]
    among: str = "input"

    @property
    def path(self) -> str:
        """The list it stands in."""
        return f"{self.among}.where(type.coding.code='{self.code}').value"

    def find(self, resource: JSON) -> list[Any]:
        """The values of all inputs with the code."""
        return [
            detail[name]
            for detail in resource.get(self.among, ())
            if self._is_typed(detail)
            for name in self.names
            if name in detail
        ]

    def _is_typed(self, detail: JSON) -> bool:
        codings = detail.get("type", {}).get("coding", ())
        return any(c.get("code") == self.code and c.get("system") == self.system for c in codings)

    def put(self, resource: JSON, value: Any) -> None:
        """Add the input."""
        coding = {"system": self.system, "code": self.code}
        detail = {"type": {"coding": [coding]}, self.names[0]: value}
        resource.setdefault(self.among, []).append(detail)


@dataclass(frozen=True, slots=True)
class Coded:
    """The code of one system in a CodeableConcept, or in a list of them."""

    path: str
    system: str
    many: bool = False

    def find(self, resource: JSON) -> list[Any]:
        """The codes of the system."""
        return list(codes(resource.get(self.path), self.system))

    def put(self, resource: JSON, value: Any) -> None:
        """Set the concept."""
        concept = {"coding": [{"system": self.system, "code": value}]}
        resource[self.path] = [concept] if self.many else concept


@dataclass(frozen=True, slots=True)
class Venue:
    """Where an Appointment is: a Location that takes part, by its name."""

    path: str = "participant.actor.display"

    def find(self, resource: JSON) -> list[Any]:
        """The names of all Locations."""
        actors = (one.get("actor", {}) for one in resource.get("participant", ()))
        return [a["display"] for a in actors if a.get("type") == "Location" and "display" in a]

    def put(self, resource: JSON, value: Any) -> None:
        """Add it."""
        actor = {"type": "Location", "display": value}
        resource.setdefault("participant", []).append({"actor": actor, "status": "accepted"})


@dataclass(frozen=True, slots=True)
class Either:
    """A value that has two customary places: we write the first, and read the second where that is empty."""

    written: Slot
    other: Slot

    @property
    def path(self) -> str:
        """The place we write."""
        return self.written.path

    def find(self, resource: JSON) -> list[Any]:
        """The values of the first place that has any."""
        return self.written.find(resource) or self.other.find(resource)

    def put(self, resource: JSON, value: Any) -> None:
        """Put it in the first place."""
        self.written.put(resource, value)
