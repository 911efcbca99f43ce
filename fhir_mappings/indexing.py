"""What a resource is found by: the values of its search parameters.

Identifiers are named as they are here; the store keeps nothing but keyed hashes of them.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from fhir_mappings.bundle import JSON
from fhir_mappings.search_parameters import IDENTIFIER, PARAMETERS, Kind, Parameter
from fhir_mappings.spans import period, span
from pathways.parties import Identifier

Value: TypeAlias = tuple[str, str, str]
"""Parameter, system, value. A reference's system is the type it leads to, a string's is how it is written."""
Times: TypeAlias = tuple[str, datetime | None, datetime | None]
"""Parameter, first and last microsecond; ``None`` is open."""

_REFERENCE: Final = re.compile(
    r"(?P<base>.+/)?(?P<type>[A-Z][A-Za-z]{1,63})/(?P<id>[A-Za-z0-9\-.]{1,64})(/_history/\d+)?"
)
_PLACES: Final = {
    type_: tuple(
        (name, one, tuple(tuple(path.split(".")) for path in one.paths))
        for name, one in known.items()
        if one.paths
    )
    for type_, known in PARAMETERS.items()
}
"""By type: the parameters that look at elements, and the paths to those."""
_LONGEST: Final = 256
HEAD: Final = 200
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Indexed:
    """The values of all parameters; identifiers are the resource's own, and those that its references name."""

    values: frozenset[Value] = frozenset()
    dates: frozenset[Times] = frozenset()
    identifiers: frozenset[tuple[str, Identifier]] = frozenset()


def indexed(resource: JSON, base_url: str = "") -> Indexed:
    """What a resource is found by. ``base_url``: absolute references below it are to resources of ours."""
    values: set[Value] = set()
    dates: set[Times] = set()
    identifiers: set[tuple[str, Identifier]] = set()
    for name, parameter, paths in _PLACES.get(resource["resourceType"], ()):
        found = [one for path in paths if path[0] in resource for one in _at(resource, path)]
        if parameter.whether:
            values.add((name, "", _truth(any(one is not False for one in found))))
        elif not found:
            continue
        elif parameter.kind is Kind.DATE:
            dates.update((name, *told) for one in found if any(told := _times(one)))
        else:
            values.update((name, *one) for one in _values(name, parameter, found, base_url))
            if name == IDENTIFIER or parameter.kind is Kind.REFERENCE:
                identifiers.update((name, one) for one in _identifiers(name, found))
    kept = frozenset((n, short(system), short(value)) for n, system, value in values)
    return Indexed(kept, frozenset(dates), frozenset(identifiers))


def short(text: str) -> str:
    """What stands for a text in the index, where a database takes no more than some 2,000 bytes, and no NUL."""
    if len(text) <= _LONGEST and "\0" not in text:
        return text
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return f"{text[:HEAD].replace(chr(0), '')}#{digest}"


def folded(text: str) -> str:
    """Without case and accents, as strings are compared."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def referred(text: str, base_url: str) -> tuple[str, str]:
    """The type and id of a reference to a resource of ours; of any other no type, and its URL."""
    match = _REFERENCE.fullmatch(text)
    if match is None or match["base"] not in {None, f"{base_url}/"}:
        return "", text
    return match["type"], match["id"]


def _at(resource: JSON, path: Sequence[str]) -> list[Any]:
    """All there is at a path."""
    found: list[Any] = [resource]
    for name in path:
        told = [one[name] for one in found if isinstance(one, dict) and name in one]
        found = []
        for one in told:
            found.extend(one if isinstance(one, list) else (one,))
    return found


def _times(told: Any) -> tuple[datetime | None, datetime | None]:
    first, after = period(told) if isinstance(told, dict) else span(told) or (None, None)
    return first, after and after - _MICROSECOND


def _identifiers(name: str, found: Iterable[Any]) -> Iterator[Identifier]:
    """The resource's own, or those that references name."""
    for one in found:
        told = one if name == IDENTIFIER else one.get(IDENTIFIER, {})
        if "value" in told:
            yield Identifier(told.get("system", ""), told["value"])


def _values(
    name: str, parameter: Parameter, found: Iterable[Any], base_url: str
) -> Iterator[tuple[str, str]]:
    for one in found:
        if name == IDENTIFIER:
            yield one.get("system", ""), ""  # that there is one, of this system
        elif parameter.kind is Kind.REFERENCE:
            if "reference" in one:
                yield referred(one["reference"], base_url)
            elif IDENTIFIER in one:
                yield "", ""  # that it refers to something
        elif parameter.kind is Kind.STRING:
            yield one, folded(one)
        elif parameter.kind is Kind.URI:
            yield "", one
        else:
            yield from _tokens(parameter, one)


def _tokens(parameter: Parameter, told: Any) -> Iterator[tuple[str, str]]:
    if isinstance(told, bool):
        yield "", _truth(told)
    elif isinstance(told, str):
        yield parameter.system, told
    else:
        for coding in told.get("coding", [told]):
            if "code" in coding:
                yield coding.get("system", ""), coding["code"]


def _truth(told: bool) -> str:
    return "true" if told else "false"
