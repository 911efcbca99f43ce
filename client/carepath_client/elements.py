"""How values are written in FHIR, and where: what the rows of ``rows`` and ``care_rows`` are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from html import escape
from typing import Any, Final, TypeAlias

from carepath_client.codes import DATA_ABSENT, TASK_DETAIL, XHTML
from carepath_client.values import Identifier, Party

JSON: TypeAlias = dict[str, Any]
Refer: TypeAlias = Callable[[Party], JSON]
"""Puts an organisation into the Bundle and gives the Reference to it."""

UNKNOWN: Final[JSON] = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}


@dataclass(frozen=True, slots=True)
class Row:
    """One field: its name, where its value is put, and how it is written."""

    field: str
    put: Callable[[JSON, Any], None]
    form: Callable[[Refer, Any], Any] = lambda _, value: value


# --- how: values as FHIR writes them


def moment(when: datetime | date) -> str:
    """A FHIR dateTime: a time in UTC, or a day."""
    if isinstance(when, datetime):
        return when.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return when.isoformat()


def identifier(one: Identifier) -> JSON:
    """A FHIR Identifier."""
    return {"system": one.system, "value": one.value} if one.system else {"value": one.value}


def narrative(text: str) -> JSON:
    """Plain text as a Narrative that keeps its line breaks and spaces."""
    style = "white-space: pre-wrap"
    div = f'<div xmlns="{XHTML}" style="{style}">{escape(text, quote=False)}</div>'
    return {"status": "additional", "div": div}


def concept(system: str, code: str) -> JSON:
    """A CodeableConcept of one code."""
    return {"coding": [{"system": system, "code": code}]}


def as_moment(_: Refer, value: datetime | date) -> str:
    """A dateTime."""
    return moment(value)


def as_reference(refer: Refer, value: Party) -> JSON:
    """A Reference to an Organization in the Bundle."""
    return refer(value)


def as_identifiers(_: Refer, value: Identifier) -> list[JSON]:
    """A list of one Identifier."""
    return [identifier(value)]


def as_references(_: Refer, value: Identifier) -> list[JSON]:
    """A list of one logical Reference."""
    return [{"identifier": identifier(value)}]


def as_section(_: Refer, value: str) -> list[JSON]:
    """A Composition's only section."""
    return [{"text": narrative(value)}]


# --- where: places in a resource


def at(*steps: str | int) -> Callable[[JSON, Any], None]:
    """A path; ``0`` makes a list of one."""

    def put(resource: JSON, value: Any) -> None:
        for step in reversed(steps[1:]):
            value = [value] if isinstance(step, int) else {step: value}
        _merge(resource, str(steps[0]), value)

    return put


def _merge(resource: JSON, name: str, value: Any) -> None:
    known = resource.get(name)
    resource[name] = known | value if isinstance(known, dict) else value


def extension(url: str, kind: str) -> Callable[[JSON, Any], None]:
    """One more extension."""

    def put(resource: JSON, value: Any) -> None:
        resource.setdefault("extension", []).append({"url": url, kind: value})

    return put


def detail(code: str, kind: str, *, among: str = "input") -> Callable[[JSON, Any], None]:
    """A Task's ``input`` (or ``output``); a day stands as a date."""

    def put(resource: JSON, value: Any) -> None:
        named = "valueDate" if kind == "valueDateTime" and "T" not in value else kind
        said = {"type": concept(TASK_DETAIL, code), named: value}
        resource.setdefault(among, []).append(said)

    return put
