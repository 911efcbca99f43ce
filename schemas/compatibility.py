"""Whether a schema still keeps what a released one promised (the version rules: docs/contracts.md).

Records are kept and read again, so it must hold both ways: what is written now fits the released schema, and what
was written then fits the current one. That leaves new fields, which nobody must write, and new event types.
"""

from collections.abc import Mapping
from typing import Any, Final

JSON = Mapping[str, Any]

_SAYS_NOTHING: Final = frozenset(
    {"$comment", "$id", "$schema", "default", "deprecated", "description", "examples", "title"}
)
_NAMED: Final = frozenset({"$defs", "properties"})


def breaks(released: JSON, current: JSON, at: str = "") -> list[str]:
    """Every promise of ``released`` that ``current`` breaks, in words, each with its place; none when compatible."""
    told = (released.keys() | current.keys()) - _SAYS_NOTHING
    return [
        broken
        for keyword in sorted(told)
        for broken in _compared(keyword, released.get(keyword), current.get(keyword), at)
    ]


def _compared(keyword: str, released: Any, current: Any, at: str) -> list[str]:
    if keyword in _NAMED:
        return _by_name(released or {}, current or {}, f"{at}/{keyword}")
    if keyword == "required":
        return _required({*(released or ())}, {*(current or ())}, at)
    if keyword == "anyOf" and _is_open(released) and _is_open(current):
        return _known_values(released, current, at)
    if keyword == "items" and released and current:
        return breaks(released, current, f"{at}/items")
    return [] if released == current else [f"{at}/{keyword}: was {released!r}, is {current!r}"]


def _by_name(released: JSON, current: JSON, at: str) -> list[str]:
    """What is there by name may grow."""
    gone = [f"{at}/{name}: is gone" for name in sorted(released.keys() - current.keys())]
    kept = sorted(released.keys() & current.keys())
    return gone + [
        broken for name in kept for broken in breaks(released[name], current[name], f"{at}/{name}")
    ]


def _required(released: set[str], current: set[str], at: str) -> list[str]:
    """Old records lack what is required now; old readers count on what was required then."""
    fresh = [f"{at}/required: {name} was not" for name in sorted(current - released)]
    return fresh + [f"{at}/required: {name} is not" for name in sorted(released - current)]


def _is_open(branches: Any) -> bool:
    """Known values, and a pattern that those to come will fit."""
    return branches is not None and [[*branch] for branch in branches] == [["enum"], ["pattern"]]


def _known_values(released: Any, current: Any, at: str) -> list[str]:
    (known, pattern), (known_now, pattern_now) = released, current
    gone = sorted({*known["enum"]} - {*known_now["enum"]})
    broken = [f"{at}/anyOf/enum: {value} is gone" for value in gone]
    return broken + breaks(pattern, pattern_now, f"{at}/anyOf")
