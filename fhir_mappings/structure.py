"""Whether a parsed Bundle is a well-formed FHIR R4 message: every fault, with its place.

``models`` knows the elements, their cardinalities and the formats of dates and ids; it lets pass what
``fhir.md`` §1.3 lists. So one walk over the JSON does the rest: empty values, JSON types and required bindings;
``invariants`` has the rules of the Bundle. What goes on is the sender's own JSON. Texts never quote a value.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import Any, Final, TypeAlias

from fhir.resources.R4B import fhirtypes

from fhir_mappings import models
from fhir_mappings.bindings import BINDINGS, BOOLEANS, DATA_TYPES, NUMBERS, TIMES
from fhir_mappings.invariants import broken
from fhir_mappings.reading import MAX_DEPTH, below
from pathways.refusals import Issue

MAX_ISSUES: Final = 100
"""A sender mends the first hundred first."""

_Place: TypeAlias = tuple[Any, str, str, int]  # value, FHIRPath, type, depth
_SIMPLE: Final = BOOLEANS | NUMBERS | TIMES
_EMPTIES: Final = frozenset({str, list, dict, type(None)})
_CONTAINERS: Final = frozenset({list, dict})
_EMPTY: Final = "an empty value is not FHIR JSON: leave the property out"


def check(bundle: dict[str, Any]) -> tuple[Issue, ...]:
    """Everything that is wrong with the structure of a message Bundle; nothing means it is sound."""
    return _checked(bundle, chain(broken(bundle), _faults(bundle)))


def check_resource(resource: dict[str, Any]) -> tuple[Issue, ...]:
    """The same of a resource alone: its places begin with its type."""
    alone = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource}]}
    kind = str(resource.get("resourceType"))
    found = _checked(alone, _faults(alone))
    return tuple(replace(issue, where=_ALONE.sub(kind, issue.where or kind)) for issue in found)


_ALONE: Final = re.compile(r"^Bundle(\.entry\[0\](\.resource)?)?")


def _checked(bundle: dict[str, Any], found: Iterator[Issue]) -> tuple[Issue, ...]:
    faults = tuple(islice(found, MAX_ISSUES))
    if any(issue.code == "not-supported" for issue in faults):
        return faults  # the models cannot even be asked
    told = {issue.where for issue in faults}
    more = (issue for issue in models.faults(bundle) if issue.where not in told)
    return (*faults, *islice(more, MAX_ISSUES - len(faults)))


def _faults(bundle: dict[str, Any]) -> Iterator[Issue]:
    """The walk, with a stack of its own: depth costs no recursion."""
    stack: list[_Place] = [(bundle, "Bundle", "Bundle", 0)]
    while stack:
        value, where, kind, depth = stack.pop()
        if depth > MAX_DEPTH:
            text = f"nested deeper than {MAX_DEPTH} levels"
            yield Issue("not-supported", text, "Bundle")
            return
        if type(value) is dict:
            yield from _object(value, where, kind, depth + 1, stack)
        else:
            yield from _array(value, where, kind, depth + 1, stack)


def _object(
    value: dict[str, Any], where: str, kind: str, depth: int, stack: list[_Place]
) -> Iterator[Issue]:
    """One object: its type, its codes, its simple values; what is inside goes on the stack."""
    kind = value.get("resourceType", kind)
    if "resourceType" in value and not _is_resource(kind):
        yield Issue("not-supported", "not a FHIR R4 resource type", f"{where}.resourceType")
        return
    if kind in BINDINGS:
        yield from _unbound(value, where, kind)
    for name, inner in value.items():
        shape = type(inner)
        if not inner and shape in _EMPTIES:
            yield Issue("structure", _EMPTY, below(where, name))
        elif shape in _CONTAINERS:
            inside = DATA_TYPES.get(name) or below(kind, name)
            stack.append((inner, below(where, name), inside, depth))
            if shape is list and None in inner:
                yield from _nulls(value, name, where)
        elif name in _SIMPLE and (wrong := _wrong_type(name, shape)):
            yield Issue("value", wrong, f"{where}.{name}")


def _is_resource(kind: object) -> bool:
    """Whether the models have a type of this name."""
    return isinstance(kind, str) and hasattr(fhirtypes, f"{kind}Type")


def _unbound(value: dict[str, Any], where: str, kind: str) -> Iterator[Issue]:
    """Codes that are not in the required value set; what is no text at all the models refuse."""
    for name, codes in BINDINGS[kind].items():
        code = value.get(name)
        if type(code) is str and code not in codes:
            text = f"not a code of the required value set of {kind}.{name}"
            yield Issue("code-invalid", text, f"{where}.{name}")


def _array(
    value: list[Any], where: str, kind: str, depth: int, stack: list[_Place]
) -> Iterator[Issue]:
    """One array; its nulls were looked at from outside."""
    for index, inner in enumerate(value):
        if inner and type(inner) in _CONTAINERS:
            stack.append((inner, f"{where}[{index}]", kind, depth))
        elif inner in ("", [], {}):
            yield Issue("structure", _EMPTY, f"{where}[{index}]")


def _nulls(value: dict[str, Any], name: str, where: str) -> Iterator[Issue]:
    """``null`` may stand in an array only where its twin (``_name`` for ``name``) has a value."""
    twin = value.get(name[1:] if name.startswith("_") else f"_{name}")
    beside = twin if isinstance(twin, list) else []
    for index, inner in enumerate(value[name]):
        if inner is None and (index >= len(beside) or beside[index] is None):
            yield Issue("structure", _EMPTY, f"{below(where, name)}[{index}]")


def _wrong_type(name: str, shape: type) -> str | None:
    """What is wrong with a simple value's JSON type, where the models would let it pass."""
    if name in BOOLEANS:
        return None if shape is bool else "must be true or false, without quotation marks"
    if name in NUMBERS:
        return "must be a number, without quotation marks" if shape in {str, bool} else None
    return None if shape is str else "must be a date or time in quotation marks"
