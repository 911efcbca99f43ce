"""Parts of resources, for searches that want less than the whole.

https://hl7.org/fhir/R4/search.html#summary
"""

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, Final

from fhir.resources.R4B import get_fhir_model_class
from pydantic.fields import FieldInfo

from fhir_mappings.bundle import JSON

_ALWAYS: Final = ("resourceType", "id", "meta")
_DEMANDED: Final[Mapping[str, frozenset[str]]] = {
    "Appointment": frozenset({"start", "end"}),
    "Consent": frozenset({"patient", "policyRule"}),
    "Organization": frozenset({"identifier", "name"}),
}
"""What an invariant asks for where no element is mandatory: app-3; ppc-1 and ppc-2; org-1, a name or an identifier."""
_SUBSETTED: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "subsetted",
}


class Summary(StrEnum):
    """What is left of a resource: its summary elements, its text, or all but its text."""

    TRUE = "true"
    TEXT = "text"
    DATA = "data"


def summarised(resource: JSON, summary: Summary) -> JSON:
    """As much of a resource as is asked for, marked as a part. Mandatory elements stay, so it remains sound."""
    if summary is Summary.DATA:
        return _marked({name: told for name, told in resource.items() if name != "text"})
    type_ = resource["resourceType"]
    kept = _summary(type_) if summary is Summary.TRUE else frozenset({"text"})
    return _cut(resource, kept | _mandatory(type_))


def with_elements(resource: JSON, names: Collection[str]) -> JSON:
    """These elements and the mandatory ones, marked as a part. A choice is named as such, or with its type."""
    choices = _choices(resource["resourceType"])
    chosen = {element for name in names for element in choices.get(name, {name})}
    return _cut(resource, chosen | _mandatory(resource["resourceType"]))


def _cut(resource: JSON, names: Collection[str]) -> JSON:
    kept = {*_ALWAYS, *names}
    cut = {n: told for n, told in resource.items() if n.removeprefix("_") in kept}
    named = {*_local(cut)}
    if within := [one for one in resource.get("contained", ()) if f"#{one['id']}" in named]:
        cut["contained"] = within
    return _marked(cut)


def _local(value: Any) -> Iterator[str]:
    """References to what a resource contains; these stay with it."""
    if isinstance(value, dict):
        if str(told := value.get("reference", "")).startswith("#"):
            yield told
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _local(one)


def _marked(resource: JSON) -> JSON:
    meta = resource.get("meta", {})
    return {**resource, "meta": {**meta, "tag": [*meta.get("tag", ()), _SUBSETTED]}}


@cache
def _summary(type_: str) -> frozenset[str]:
    return _named(type_, "summary_element_property")


@cache
def _mandatory(type_: str) -> frozenset[str]:
    required = {_name(n, f) for n, f in _fields(type_).items() if f.is_required()}
    demanded = _DEMANDED.get(type_, frozenset())
    return _named(type_, "element_required") | required | demanded


@cache
def _choices(type_: str) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for name, field in _fields(type_).items():
        if of := _extra(field).get("one_of_many"):
            found.setdefault(of, set()).add(_name(name, field))
    return {name: frozenset(elements) for name, elements in found.items()}


def _named(type_: str, mark: str) -> frozenset[str]:
    return frozenset(_name(n, f) for n, f in _fields(type_).items() if _extra(f).get(mark))


def _fields(type_: str) -> Mapping[str, FieldInfo]:
    fields: Mapping[str, FieldInfo] = get_fhir_model_class(type_).model_fields
    return fields


def _name(name: str, field: FieldInfo) -> str:
    return field.alias or name


def _extra(field: FieldInfo) -> Mapping[str, Any]:
    told = field.json_schema_extra
    return told if isinstance(told, dict) else {}
