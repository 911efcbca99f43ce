"""What a message is about: the resources that ``MessageHeader.focus`` names, or that stand there alone."""

from collections.abc import Sequence

from fhir_mappings.bundle import JSON, Resources


def focus(parts: Resources) -> list[JSON]:
    """Those that are named and there, in order."""
    return list(parts.resolve_all(parts.header.get("focus"), parts.header))


def needed(parts: Resources, kind: str) -> JSON | None:
    """The first in focus of the type that the standard has there; none is a fault."""
    found = next((one for one in focus(parts) if one["resourceType"] == kind), None)
    if found is None:
        parts.fault("required", f"The message has no {kind} in focus.", parts.header, "focus")
    return found


def the_only(parts: Resources, kind: str, known: Sequence[JSON]) -> JSON | None:
    """The one of its type among those ``known``, else in the Bundle; two are a fault, as nothing says which."""
    first, *others = candidates(parts, kind, known) or (None,)
    for other in others:
        if other is not first:
            text = f"Two {kind} resources: MessageHeader.focus has to name one."
            parts.fault("invariant", text, other)
    return first


def candidates(parts: Resources, kind: str, known: Sequence[JSON]) -> Sequence[JSON]:
    """Those of the type among ``known``, else in the Bundle."""
    return [one for one in known if one["resourceType"] == kind] or parts.of(kind)
