"""The elements of FHIR R4's types as XML has them: their order, names, and what their values are in JSON.

Nothing about FHIR is written down here: the R4B models of ``fhir.resources`` know it (see ``models``). Where R4 and
R4B are alike, their order is that of HL7's schemas.
"""

import decimal
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from types import NoneType
from typing import Annotated, Any, Final, TypeAlias, get_args, get_origin

from fhir.resources.R4B import fhirtypes, get_fhir_model_class
from fhir_core.fhirabstractmodel import FHIRAbstractModel
from fhir_core.types import FhirBase, FhirElementOrResourceBase, Xhtml

from fhir_mappings.narrative import DIV

NAMESPACE: Final = "http://hl7.org/fhir"


class Kind(Enum):
    """What an element holds."""

    STRING = auto()
    BOOLEAN = auto()
    INTEGER = auto()
    DECIMAL = auto()
    DIV = auto()
    OBJECT = auto()
    RESOURCE = auto()


@dataclass(frozen=True, slots=True)
class Field:
    """An element: its JSON ``name``, its XML ``tag``, its place among the others, whether it may be repeated.

    ``type`` is the class that stands for what an OBJECT is made of.
    """

    name: str
    tag: str
    rank: int
    many: bool
    kind: Kind
    type: type[FhirBase] | None


@dataclass(frozen=True, slots=True)
class Table:
    """A type. ``attributes``: the elements that XML has as attributes; the others by tag and by JSON name."""

    attributes: tuple[str, ...]
    by_tag: dict[str, Field]
    by_name: dict[str, Field]


_Model: TypeAlias = type[FHIRAbstractModel]


def of_resource(name: str) -> Table | None:
    """The table of a resource type; ``None`` when FHIR has none of that name."""
    return _of_resource(name) if hasattr(fhirtypes, f"{name}Type") else None


@cache
def _of_resource(name: str) -> Table | None:
    try:
        model: _Model = get_fhir_model_class(name)
    except ValueError:  # a simple type
        return None
    return _table(model) if model.has_resource_base() else None


@cache
def of(kind: type[FhirBase]) -> Table:
    """The table of an element's type."""
    return _table(kind.get_model_klass())


@cache
def of_simple() -> Table:
    """The table of an element with a simple value, which may have an id and extensions besides."""
    return _table(get_fhir_model_class("FHIRPrimitiveExtension"))


_ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "Extension": ("id", "url"),
    "FHIRPrimitiveExtension": ("id", "value"),
}


def _table(model: _Model) -> Table:
    of_element = _ATTRIBUTES.get(model.get_resource_type(), ("id",))
    attributes = () if model.has_resource_base() else of_element
    declared = {field.alias or name: field for name, field in model.model_fields.items()}
    fields = [
        _field(name, rank, declared[name].annotation)
        for rank, name in enumerate(model.elements_sequence())
        if name not in attributes
    ]
    return Table(
        attributes,
        {field.tag: field for field in fields},
        {field.name: field for field in fields},
    )


def _field(name: str, rank: int, annotation: Any) -> Field:
    inner, many = _bare(annotation), False
    if get_origin(inner) is list:
        inner, many = _bare(get_args(inner)[0]), True
    kind = _kind(inner)
    tag = DIV if kind is Kind.DIV else f"{{{NAMESPACE}}}{name}"
    return Field(name, tag, rank, many, kind, inner if kind is Kind.OBJECT else None)


def _bare(annotation: Any) -> Any:
    """A type without the ``None`` that stands for an absent element."""
    if get_origin(annotation) in (Annotated, list):
        return annotation
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    return kinds[0] if kinds else annotation


def _kind(annotation: Any) -> Kind:
    if isinstance(annotation, type) and issubclass(annotation, FhirElementOrResourceBase):
        return Kind.RESOURCE
    if isinstance(annotation, type) and issubclass(annotation, FhirBase):
        return Kind.OBJECT
    plain, *told = get_args(annotation) or (annotation,)
    if any(isinstance(one, Xhtml) for one in told):
        return Kind.DIV
    return _SIMPLE.get(plain, Kind.STRING)


_SIMPLE: Final = {bool: Kind.BOOLEAN, int: Kind.INTEGER, decimal.Decimal: Kind.DECIMAL}
