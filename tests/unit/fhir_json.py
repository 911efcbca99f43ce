"""Random FHIR resources as parsed JSON, of any type and with any of its elements: sound in shape, senseless else."""

from functools import cache
from typing import Any

import orjson
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from fhir_mappings import xml_tables
from fhir_mappings.narrative import normal
from fhir_mappings.xml_tables import Field, Kind, Table
from tests.unit.strategies import lines

JSON = dict[str, Any]

FHIR = 'xmlns="http://hl7.org/fhir"'
XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'
TYPES = ("Patient", "Encounter", "Observation", "Provenance", "Parameters", "Bundle", "Composition")
XML_LETTERS: SearchStrategy[str] = st.characters(
    codec="utf-8", exclude_characters="\ufffe\uffff"
).filter(lambda letter: letter >= " " or letter in "\t\n\r")
DIVS = (
    "<div>x</div>",
    '<div xmlns="http://www.w3.org/1999/xhtml"/>',
    "<div xmlns='http://www.w3.org/1999/xhtml'>a&nbsp;b &quot;c&quot; &#216;</div>",
    '<div xmlns="http://www.w3.org/1999/xhtml"> <p class="x">1 &lt; 2</p> <br/> <b>x</b>y<!-- z --></div>',
    '<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>x</h:p></h:div>',
)


def document(inside: str, name: str = "Patient") -> bytes:
    """A resource with this inside, the root on the first line."""
    return f"<{name} {FHIR}>{inside}</{name}>".encode()


@cache
@st.composite
def resources(draw: DrawFn, depth: int = 0) -> JSON:
    """A resource of some type; none is deeper than some levels."""
    name = draw(st.sampled_from(TYPES))
    table = xml_tables.of_resource(name)
    assert table
    return {"resourceType": name, **draw(_objects(table, depth))}


@st.composite
def _objects(draw: DrawFn, table: Table, depth: int) -> JSON:
    """An object with up to four of its elements, at least one."""
    value = {name: draw(_strings()) for name in table.attributes if draw(st.booleans())}
    inner = depth < 4
    fields = [one for one in table.by_name.values() if inner or not (one.type or _holds(one))]
    for field in draw(st.lists(st.sampled_from(fields), max_size=4, unique=True)) if fields else ():
        value |= draw(_element(field, depth + 1))
    return value or {table.attributes[0] if table.attributes else "id": "x"}


def _holds(field: Field) -> bool:
    return field.kind is Kind.RESOURCE


@cache
@st.composite
def _element(draw: DrawFn, field: Field, depth: int) -> JSON:
    """An element by its JSON name, a simple one with what stands beside it."""
    if field.kind in (Kind.OBJECT, Kind.RESOURCE, Kind.DIV):
        one = _one(field, depth)
        return {field.name: draw(st.lists(one, min_size=1, max_size=2) if field.many else one)}
    pairs = draw(st.lists(_pairs(field, depth), min_size=1, max_size=3 if field.many else 1))
    values, twins = [value for value, _ in pairs], [twin for _, twin in pairs]
    told: JSON = {}
    for name, listed in ((field.name, values), (f"_{field.name}", twins)):
        if any(one is not None for one in listed):
            told[name] = listed if field.many else listed[0]
    return told


@cache
def _one(field: Field, depth: int) -> SearchStrategy[Any]:
    if field.kind is Kind.RESOURCE:
        return resources(depth)
    if field.kind is Kind.DIV:
        return st.sampled_from([normal(div) for div in DIVS])
    assert field.type
    return _objects(xml_tables.of(field.type), depth)


@cache
@st.composite
def _pairs(draw: DrawFn, field: Field, depth: int) -> tuple[Any, JSON | None]:
    """A simple value, its id and extensions, or both."""
    value = draw(_SIMPLE[field.kind])
    if depth > 4 or draw(st.booleans()):
        return value, None
    twin = draw(_objects(xml_tables.of_simple(), depth))
    twin.pop("value", None)
    twin = twin or {"id": "x"}
    return (value if draw(st.booleans()) else None), twin


@cache
def _strings() -> SearchStrategy[str]:
    return st.one_of(lines(), st.text(XML_LETTERS, min_size=1))


_SIMPLE = {
    Kind.STRING: _strings(),
    Kind.BOOLEAN: st.booleans(),
    Kind.INTEGER: st.integers(-(2**31), 2**31 - 1),
    Kind.DECIMAL: st.one_of(
        st.integers(-(10**9), 10**9),
        st.floats(allow_nan=False, allow_infinity=False).map(lambda one: orjson.loads(f"{one!r}")),
    ),
}
