"""FHIR JSON as the FHIR XML that says the same: ``xml_reading`` gives it back.

Elements stand in the standard's order. What is given is FHIR already: nothing is checked here.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any, Final

import orjson
from lxml import etree

from fhir_mappings import narrative, xml_tables
from fhir_mappings.bundle import JSON
from fhir_mappings.codes import XHTML
from fhir_mappings.narrative import FORBIDDEN, REPLACEMENT
from fhir_mappings.xml_tables import NAMESPACE, Field, Kind, Table

_DIV: Final = f"{{{XHTML}}}div"
_FHIR_ONLY: Final = {None: NAMESPACE}


def to_xml(resource: JSON, *, indent: bool = False) -> bytes:
    """A resource as an XML document in UTF-8; ``indent`` is for people.

    What XML cannot have in a text (U+FFFE and the like) becomes U+FFFD. Raises ValueError for what is not FHIR R4.
    """
    root = _resource(None, resource)
    if indent:
        _indent(root)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def from_json(source: bytes, *, indent: bool = False) -> bytes:
    """As ``to_xml``, for sound FHIR JSON as bytes; decimals keep their digits. Raises ValueError."""
    return to_xml(json.loads(source, parse_float=str), indent=indent)


def _indent(element: etree._Element, before: str = "\n") -> None:
    """Each element on a line of its own, but those of a narrative: there blanks are text."""
    if element.tag == _DIV:
        return
    for child in element:
        _indent(child, f"{before}  ")
        child.tail = f"{before}  "
    if len(element):
        element.text, element[-1].tail = f"{before}  ", before


def _resource(parent: etree._Element | None, resource: JSON) -> etree._Element:
    name = resource.get("resourceType")
    table = xml_tables.of_resource(name) if isinstance(name, str) else None
    if table is None:
        raise ValueError("not a FHIR R4 resource")
    made = _element(parent, f"{{{NAMESPACE}}}{name}")
    _fill(made, resource, table)
    return made


def _fill(element: etree._Element, value: JSON, table: Table) -> None:
    """The attributes and elements of an object."""
    names = {name.removeprefix("_") for name in value} - {"resourceType"}
    for name in table.attributes:
        if name in names:
            element.set(name, _text(value[name]))
    for field in _in_order(names.difference(table.attributes), table):
        given, twin = value.get(field.name), value.get(f"_{field.name}")
        if field.many:
            for one, beside in zip_longest(given or (), twin or ()):
                _add(element, field, one, beside)
        else:
            _add(element, field, given, twin)


def _in_order(names: Iterable[str], table: Table) -> Iterator[Field]:
    try:
        found = [table.by_name[name] for name in names]
    except KeyError:
        raise ValueError("FHIR R4 has no such element") from None
    yield from sorted(found, key=lambda field: field.rank)


def _add(parent: etree._Element, field: Field, value: Any, twin: JSON | None) -> None:
    """One element; ``twin`` is what stands beside a simple value in JSON."""
    if field.kind is Kind.DIV:
        parent.append(narrative.to_element(value))
        return
    element = _element(parent, field.tag)
    if field.kind is Kind.RESOURCE:
        _resource(element, value)
    elif field.type:
        _fill(element, value, xml_tables.of(field.type))
    else:
        if value is not None:
            element.set("value", _text(value))
        if twin:
            _fill(element, twin, xml_tables.of_simple())


def _element(parent: etree._Element | None, tag: str) -> etree._Element:
    if parent is None:
        return etree.Element(tag, nsmap=_FHIR_ONLY)
    return etree.SubElement(parent, tag)


def _text(value: Any) -> str:
    """A simple value as it stands in an attribute."""
    if isinstance(value, str):
        return FORBIDDEN.sub(REPLACEMENT, value)
    if value is True or value is False:
        return "true" if value else "false"
    return orjson.dumps(value).decode()
