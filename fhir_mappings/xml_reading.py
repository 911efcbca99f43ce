"""FHIR XML to the JSON that says the same (https://hl7.org/fhir/R4/xml.html, https://hl7.org/fhir/R4/json.html).

FHIR's XML has an order, no text, and no empty values; whatever is otherwise is named with its place and line. What
is said of codes, formats and cardinalities is the same for both formats and ``structure`` looks at it afterwards.
"""

import re
from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any, Final

import orjson
from lxml import etree

from fhir_mappings import narrative, xml_tables
from fhir_mappings.bundle import JSON
from fhir_mappings.reading import MAX_DEPTH
from fhir_mappings.structure import MAX_ISSUES
from fhir_mappings.xml_parsing import root_of
from fhir_mappings.xml_tables import NAMESPACE, Field, Kind, Table
from pathways.refusals import Issue, Reason, Refusal, refuse

_BOOLEANS: Final = {"true": True, "false": False}
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")  # fits into 64 bits
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_SPEAKABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}")
_HINT: Final = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"
"""FHIR does not want it, many write it, and it says nothing of the resource."""
_PREFIX: Final = f"{{{NAMESPACE}}}"
_EMPTY: Final = "an element has a value, elements or an extension"

Decimal = Callable[[str], Any]


def to_json(
    source: bytes, named: str = "Bundle", *, decimal: Decimal = orjson.loads
) -> JSON | Refusal:
    """The resource in ``source`` as parsed JSON has it. Never raises, whatever the bytes.

    ``named`` is the place in a refusal of the whole; ``decimal`` makes a JSON value of a decimal's digits.
    Refusals: TOO_LARGE; MALFORMED (no XML, or not FHIR's); INVALID (with everything that FHIR's XML cannot have).
    """
    root = root_of(source, named)
    if isinstance(root, Refusal):
        return root
    name = etree.QName(root)
    if name.namespace != NAMESPACE:
        text = f"the root is not an element of the namespace {NAMESPACE}"
        return refuse(Reason.MALFORMED, "structure", text, named)
    reader = _Reader(decimal)
    try:
        found = reader.resource(root, root, 1)
    except _TooDeep:
        text = f"nested deeper than {MAX_DEPTH} levels"
        return refuse(Reason.MALFORMED, "structure", text, named)
    if reader.issues or found is None:
        return Refusal(Reason.INVALID, tuple(reader.issues[:MAX_ISSUES]))
    return found


class _TooDeep(Exception):
    """As JSON it would have too many levels."""


class _Reader:
    """Reads one document and goes on after a fault, so that a sender learns all of them at once."""

    def __init__(self, decimal: Decimal) -> None:
        self.issues: list[Issue] = []
        self._decimal = decimal

    def resource(self, element: etree._Element, inside: etree._Element, depth: int) -> JSON | None:
        """A resource by the name of its element; ``inside`` is what holds it."""
        tag = str(element.tag)
        name = tag.removeprefix(_PREFIX)
        table = xml_tables.of_resource(name) if tag != name else None
        if table is None:
            self._fault("not-supported", "not a FHIR R4 resource type", inside)
            return None
        return {"resourceType": name, **self._object(element, table, depth)}

    def _object(self, element: etree._Element, table: Table, depth: int) -> JSON:
        """What stands in an element that is an object in JSON."""
        if depth > MAX_DEPTH:
            raise _TooDeep
        value = self._attributes(element, table.attributes)
        texts, last = [element.text], -1
        for child in element:
            texts.append(child.tail)
            field = table.by_tag.get(str(child.tag))
            if field is None:
                self._fault("structure", "FHIR R4 has no such element here", child)
                continue
            if field.rank < last:
                self._fault("structure", "stands too late: elements have an order in XML", child)
            elif field.rank == last and not field.many:
                self._fault("structure", "may stand only once", child)
            last = max(last, field.rank)
            self._add(value, child, field, depth)
        self._no_text(element, texts)
        if not value and table.attributes:  # a resource may say nothing but what it is
            self._fault("structure", _EMPTY, element)
        return value

    def _add(self, value: JSON, child: etree._Element, field: Field, depth: int) -> None:
        """One more element of an object."""
        if field.kind is Kind.OBJECT and field.type:
            told: Any = self._object(child, xml_tables.of(field.type), depth + 1 + field.many)
        elif field.kind is Kind.RESOURCE:
            told = self._held(child, depth + 1 + field.many)
        elif field.kind is Kind.DIV:
            told = narrative.to_text(child)
        else:
            self._add_simple(value, child, field, depth + 1 + field.many)
            return
        if not field.many:
            value[field.name] = told
        else:
            value.setdefault(field.name, []).append(told)

    def _held(self, element: etree._Element, depth: int) -> JSON | None:
        """The one resource inside ``contained``, ``resource`` or ``outcome``."""
        self._attributes(element, ())
        self._no_text(element, [element.text, *(child.tail for child in element)])
        if len(element) != 1:
            self._fault("structure", "holds one resource, and nothing else", element)
            return None
        return self.resource(element[0], element, depth)

    # simple values

    def _add_simple(self, value: JSON, child: etree._Element, field: Field, depth: int) -> None:
        """A simple value, and beside it, in its twin, its id and extensions."""
        told, twin = self._simple(child, field, depth)
        beside = f"_{field.name}"
        if not field.many:
            if told is not None:
                value[field.name] = told
            if twin is not None:
                value[beside] = twin
            return
        before = max(len(value.get(field.name, ())), len(value.get(beside, ())))
        _append(value, field.name, told, before)
        _append(value, beside, twin, before)

    def _simple(self, element: etree._Element, field: Field, depth: int) -> tuple[Any, JSON | None]:
        text = element.get("value")
        if text and len(element.attrib) == 1 and not len(element):
            self._no_text(element, (element.text,))
            return self._value(text, field.kind, element), None
        twin = self._object(element, xml_tables.of_simple(), depth)
        text = twin.pop("value", None)
        return self._value(text, field.kind, element) if text else None, twin or None

    def _value(self, text: str, kind: Kind, element: etree._Element) -> Any:
        if kind is Kind.STRING:
            return text
        if kind is Kind.BOOLEAN:
            if text in _BOOLEANS:
                return _BOOLEANS[text]
            self._fault("value", "must be true or false", element)
        elif kind is Kind.INTEGER:
            if _INTEGER.fullmatch(text):
                return int(text)
            self._fault("value", "must be a whole number", element)
        elif _DECIMAL.fullmatch(text) and isfinite(float(text)):  # as JSON's reader has it
            return self._decimal(text)
        else:
            self._fault("value", "must be a number", element)
        return None

    # attributes, text, faults

    def _attributes(self, element: etree._Element, allowed: tuple[str, ...]) -> JSON:
        value: JSON = {}
        for name, text in element.items():
            if name not in allowed and name != _HINT:
                self._fault("structure", "FHIR R4 has no such attribute here", element)
            elif not text:
                self._fault("structure", "an empty attribute is not FHIR XML", element)
            elif name != _HINT:
                value[name] = text
        return value

    def _no_text(self, element: etree._Element, texts: Iterable[str | None]) -> None:
        """FHIR's elements hold elements, and spaces between them."""
        if any(text and not text.isspace() for text in texts):
            text = "no text may stand here: simple values are in the attribute 'value'"
            self._fault("structure", text, element)

    def _fault(self, code: str, text: str, element: etree._Element) -> None:
        if len(self.issues) < MAX_ISSUES:
            line = f"{text} (line {element.sourceline})"
            self.issues.append(Issue(code, line, where(element)))


def where(element: etree._Element) -> str:
    """The FHIRPath of an element, such as ``Bundle.entry[2].resource.name[0].family``."""
    root, *below = [*reversed([*element.iterancestors()]), element]
    steps = [_name(root)]
    table, held = xml_tables.of_resource(steps[0]), False
    for one in below:
        if held:  # the name of a resource is no step
            table, held = xml_tables.of_resource(_name(one)), False
            continue
        field = table.by_tag.get(str(one.tag)) if table else None
        steps.append(_indexed(one) if field and field.many else _name(one))
        held = field is not None and field.kind is Kind.RESOURCE
        table = _inside(field) if field else None
    return ".".join(filter(None, steps))


def _inside(field: Field) -> Table:
    return xml_tables.of(field.type) if field.type else xml_tables.of_simple()


def _indexed(element: etree._Element) -> str:
    before = len([*element.itersiblings(str(element.tag), preceding=True)])
    return f"{_name(element)}[{before}]"


def _name(element: etree._Element) -> str:
    """The element's name; nothing when it is none that FHIR could have."""
    name = etree.QName(element).localname
    return name if _SPEAKABLE.fullmatch(name) else ""


def _append(value: JSON, name: str, told: Any, before: int) -> None:
    """``told`` at its place in an array, where nulls stand for what is not there; no array of nulls alone."""
    if told is None and name not in value:
        return
    listed = value.setdefault(name, [])
    listed += [None] * (before - len(listed))
    listed.append(told)
