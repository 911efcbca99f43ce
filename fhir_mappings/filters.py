"""Filter criteria of a Subscription: ``param=value``, as in a search, values separated by commas.

The spellings are ``param=value`` and ``Type.param=value``, each with a ``:modifier`` that is never offered, and
``Type?param=value&…``. A type narrows to the events that a resource of this type shows.
https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/StructureDefinition-backport-filter-criteria.html
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from fhir_mappings.codes import MUNICIPALITY, PATHWAY_EVENT
from fhir_mappings.identifiers import canonical
from fhir_mappings.resources import focus
from pathways.events import RULES, EventCode
from pathways.refusals import Issue
from pathways.subscriptions import Filter, FilterName

_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_PARAMETER: Final = re.compile(
    r"(?:(?P<type>[A-Z][A-Za-z]*)\.)?(?P<name>[a-z_][A-Za-z_.-]*)(?::(?P<modifier>.*))?"
)
_NAMES: Final = ", ".join(FilterName)
_MOST: Final = 100
"""Values of all filters together."""


class _Fault(Exception):
    """Why a filter cannot be taken: FHIR's code and what to say."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True)
class Known:
    """Our FHIR address, and the way from what an organisation is called by to its directory key.

    ``organization`` is asked with an identifier, its system ``None`` where only a value or a key is told.
    """

    base_url: str
    organization: Callable[[str | None, str], str | None]


def read_filters(
    criteria: Iterable[tuple[str, Any]], known: Known, issues: list[Issue]
) -> tuple[Filter, ...]:
    """The filters in criteria, each with its place; what is wrong goes to ``issues``."""
    found: list[Filter] = []
    for where, text in criteria:
        try:
            found += _criterion(text, known)
        except _Fault as fault:
            issues.append(Issue(fault.code, fault.text, where))
    if sum(len(one.values) for one in found) > _MOST:
        text = f"at most {_MOST} values in all filters together"
        issues.append(Issue("too-costly", text, "Subscription.criteria"))
    return tuple(found)


def _criterion(text: object, known: Known) -> list[Filter]:
    if not isinstance(text, str):
        raise _Fault("required", "the filter is a valueString such as patient=Patient/123")
    type_, asked, query = text.partition("?")
    if not asked:
        type_, query = "", text
    found = _of_type(type_) if asked else []
    for part in query.split("&"):
        found += _parameter(part, known)
    return found


def _parameter(text: str, known: Known) -> list[Filter]:
    name, equals, value = text.partition("=")
    match = _PARAMETER.fullmatch(unquote(name))
    if not equals or match is None:
        raise _Fault("value", "not param=value, Type.param=value or Type?param=value")
    if match["modifier"] is not None:
        raise _Fault("not-supported", "no modifiers are offered")
    try:
        asked = FilterName(match["name"])
    except ValueError:
        raise _Fault("not-supported", f"no filter of this server: it has {_NAMES}") from None
    values = (_READERS[asked](each, known) for each in _split(unquote(value)))
    one = Filter(asked, tuple(dict.fromkeys(values)))
    return [*(_of_type(match["type"]) if match["type"] else ()), one]


def _split(value: str) -> list[str]:
    """The alternatives, by commas that are not escaped."""
    parts = re.split(r"(?<!\\),", value)
    return [re.sub(r"\\([,|$\\])", r"\1", part) for part in parts]


def _of_type(type_: str) -> list[Filter]:
    """The events that a resource of this type shows."""
    if type_ not in _SHOWS:
        raise _Fault("not-supported", f"events are about {', '.join(sorted(_SHOWS))}")
    return [Filter(FilterName.EVENT, _SHOWS[type_])]


def _shows() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for code, rule in RULES.items():
        type_ = focus(rule.family, "", "", "").partition("/")[0]
        found[type_] = (*found.get(type_, ()), code.value)
    return found


_SHOWS: Final = _shows()
_CODES: Final = frozenset(map(str, EventCode))


# --- values, as ``Update.values`` has them


def _patient(value: str, known: Known) -> str:
    return _reference("Patient", value, known)


def _reference(type_: str, value: str, known: Known) -> str:
    """The id in ``Type/id``, in an absolute URL of ours, or alone."""
    id_ = value.removeprefix(f"{known.base_url}/").removeprefix(f"{type_}/")
    if _ID.fullmatch(id_) is None:
        raise _Fault("value", f"{type_}/id, an absolute URL of this server, or an id")
    return id_


def _identifier(value: str, _known: Known) -> str:
    system, bar, number = value.rpartition("|")
    if not number or (bar and not system):
        raise _Fault("value", "system|value, or a value alone")
    return f"{canonical(system)}|{number}" if bar else number


def _event(value: str, _known: Known) -> str:
    system, bar, code = value.rpartition("|")
    if bar and system != PATHWAY_EVENT:
        raise _Fault("code-invalid", f"event codes are of {PATHWAY_EVENT}")
    if code not in _CODES:
        raise _Fault("code-invalid", "there is no such event code")
    return code


def _organization(value: str, known: Known) -> str:
    system, bar, number = value.rpartition("|")
    if bar:
        key = known.organization(canonical(system), number) if number else None
    else:
        key = known.organization(None, _reference("Organization", value, known))
    if key is None:
        raise _Fault("value", "there is no such organisation in the directory")
    return key


def _municipality(value: str, _known: Known) -> str:
    system, bar, number = value.rpartition("|")
    if (bar and canonical(system) != MUNICIPALITY) or not _is_municipality(number):
        raise _Fault("value", "a kommunenummer: four digits")
    return number


def _is_municipality(number: str) -> bool:
    return len(number) == 4 and number.isascii() and number.isdigit()


_READERS: Final[Mapping[FilterName, Callable[[str, Known], str]]] = {
    FilterName.PATIENT: _patient,
    FilterName.IDENTIFIER: _identifier,
    FilterName.EVENT: _event,
    FilterName.ORGANIZATION: _organization,
    FilterName.MUNICIPALITY: _municipality,
}
