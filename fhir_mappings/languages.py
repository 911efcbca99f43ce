"""What a person is spoken to in, and whether an interpreter is needed: elements of a Patient."""

from typing import Final

from fhir_mappings.bundle import JSON
from fhir_mappings.codes import BCP_47, INTERPRETER
from fhir_mappings.elements import Extension, codes

_INTERPRETER: Final = Extension(INTERPRETER, "valueBoolean")


def language(resource: JSON) -> str | None:
    """The language that is preferred, else the first that is told, as BCP 47."""
    told = resource.get("communication", ())
    preferred_first = sorted(told, key=lambda one: one.get("preferred") is not True)
    found = (code for one in preferred_first for code in codes(one.get("language"), BCP_47))
    return next(found, None)


def interpreter(resource: JSON) -> bool | None:
    """Whether one is needed; ``None`` when nobody says."""
    return next(iter(_INTERPRETER.find(resource)), None)


def put(resource: JSON, spoken: str | None, needed: bool | None) -> None:
    """Set what ``language`` and ``interpreter`` read."""
    if spoken is not None:
        concept = {"coding": [{"system": BCP_47, "code": spoken}]}
        resource["communication"] = [{"language": concept, "preferred": True}]
    if needed is not None:
        _INTERPRETER.put(resource, needed)
