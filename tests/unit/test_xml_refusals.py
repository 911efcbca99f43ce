"""What is not FHIR's XML is refused with its place and line, and a reason that a programmer can use."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_mappings import xml
from fhir_mappings.inbound import read
from pathways.refusals import Reason, Refusal
from tests.unit.fhir_json import XHTML, document
from tests.unit.told import ADMISSION, NUMBER, OPTIONS


def refused(source: bytes, reason: Reason = Reason.INVALID) -> list[tuple[str, str]]:
    """The texts and places of a refusal."""
    found = xml.to_json(source)
    assert isinstance(found, Refusal), found
    assert found.reason is reason
    return [(issue.text, issue.where or "") for issue in found.issues]


# --- what is no XML, or not FHIR's

LAUGHS = b"".join(
    (
        b'<!DOCTYPE lolz [<!ENTITY lol "lol">',
        *(f'<!ENTITY lol{n} "{f"&lol{n - 1};" * 10}">'.encode() for n in range(2, 10)),
        b"]>",
    )
).replace(b"&lol1;", b"&lol;")
MALFORMED = {
    "nothing": (b"", "document empty"),
    "text": (b"hello", "document empty"),
    "cut": (document("")[:-3], "tag name mismatch"),
    "two roots": (document("") * 2, "document end"),
    "tags": (document("<name></text>"), "tag name mismatch"),
    "control character": (document('<id value="\x01"/>'), "invalid char"),
    "U+FFFE": (document('<id value="\ufffe"/>'), "invalid char"),
    "entity": (document('<id value="&foo;"/>'), "undeclared entity"),
    "attribute twice": (document('<id value="a" value="b"/>'), "attribute redefined"),
    "prefix": (document("<x:id/>"), "undefined namespace"),
    "DOCTYPE": (b"<!DOCTYPE Patient>" + document(""), "DOCTYPE"),
    "DOCTYPE later": (b"<?xml version='1.0'?><!-- --> <?a?>\n<!DOCTYPE Patient>", "DOCTYPE"),
    "billion laughs": (LAUGHS + document('<id value="&lol9;"/>'), "DOCTYPE"),
    "external entity": (
        b'<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]>' + document("&y;"),
        "DOCTYPE",
    ),
    "external subset": (b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">', "DOCTYPE"),
    "UTF-16 with DOCTYPE": ("<!DOCTYPE x><x/>".encode("utf-16"), "DOCTYPE"),
    "not UTF-8": (document('<id value="@"/>').replace(b"@", b"\xff"), "not UTF-8 at byte 48"),
    "odd UTF-16": (b"\xff\xfe<\x00x", "not UTF-16-LE at byte 4"),
    "other encoding": (
        b'<?xml version="1.0" encoding="ISO-8859-1"?>' + document(""),
        "only UTF-8 and UTF-16",
    ),
    "UTF-7": (b'<?xml version="1.0" encoding="utf-7"?>' + document(""), "only UTF-8"),
    "no namespace": (b"<Patient/>", "namespace"),
    "other namespace": (b'<Patient xmlns="urn:hl7-org:v3"/>', "namespace"),
    "depth 300": (document("<extension>" * 300 + "</extension>" * 300), "resource limit"),
    "depth 60": (document("<extension>" * 60 + "</extension>" * 60), "deeper than 50"),
    "never closed": (document("<extension>" * 100_000), "limit"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_cannot_be_read_is_malformed(name: str) -> None:
    """With a reason that a programmer can use."""
    source, text = MALFORMED[name]
    ((told, where),) = refused(source, Reason.MALFORMED)
    assert text in told
    assert where == "Bundle"


def test_what_is_broken_is_not_quoted() -> None:
    """A name in broken XML may be a person's."""
    ((told, _),) = refused(document('<name value=""Nordmann=""/>'), Reason.MALFORMED)
    assert "Nordmann" not in told
    issues = refused(document("<name><Nordmann_Kari/><Ødegård/></name>"))
    assert "Ødegård" not in str(issues)


def test_what_is_too_large_is_not_looked_at() -> None:
    """5 MiB is the most."""
    ((_, where),) = refused(document(" " * 5_300_000), Reason.TOO_LARGE)
    assert where == "Bundle"


NAME = "Patient.name[1].family"
INVALID = {
    "no resource": (document("", "HumanName"), "not a FHIR R4 resource type", "HumanName"),
    "simple type": (document("", "Base64Binary"), "not a FHIR R4 resource type", "Base64Binary"),
    "unknown element": (document('<nme value="x"/>'), "no such element", "Patient.nme"),
    "attribute": (document('<active value="true" x="1"/>'), "no such attribute", "Patient.active"),
    "value of an object": (document('<name value="x"/>'), "no such attribute", "Patient.name[0]"),
    "id of a resource": (document("").replace(b">", b' id="x">', 1), "such attribute", "Patient"),
    "empty value": (document('<id value=""/>'), "empty attribute", "Patient.id"),
    "missing value": (document("<id/>"), "has a value", "Patient.id"),
    "empty object": (document("<name/>"), "has a value", "Patient.name[0]"),
    "text": (document('<id value="x"/>text'), "no text", "Patient"),
    "text in a value": (document("<id value='x'>text</id>"), "no text", "Patient.id"),
    "CDATA": (
        document("<name><![CDATA[x]]><family value='x'/></name>"),
        "no text",
        "Patient.name[0]",
    ),
    "order": (
        document(
            '<name><use value="usual"/></name><name><given value="x"/><family value="y"/></name>'
        ),
        "order",
        NAME,
    ),
    "twice": (
        document('<gender value="male"/><gender value="male"/>'),
        "only once",
        "Patient.gender",
    ),
    "boolean": (document('<active value="yes"/>'), "true or false", "Patient.active"),
    "integer": (
        document('<multipleBirthInteger value="2.0"/>'),
        "whole number",
        "Patient.multipleBirthInteger",
    ),
    "decimal": (
        document('<valueQuantity><value value="1,5"/></valueQuantity>', "Observation"),
        "must be a number",
        "Observation.valueQuantity.value",
    ),
    "infinity": (
        document('<valueQuantity><value value="1e999"/></valueQuantity>', "Observation"),
        "must be a number",
        "Observation.valueQuantity.value",
    ),
    "beyond 64 bits": (
        document('<multipleBirthInteger value="-9999999999999999999"/>'),
        "whole number",
        "Patient.multipleBirthInteger",
    ),
    "other namespace": (document('<id xmlns="urn:x" value="x"/>'), "no such element", "Patient.id"),
    "div of FHIR": (document("<text><div/></text>"), "no such element", "Patient.text.div"),
    "two contained": (
        document("<contained><Patient><id value='x'/></Patient><Patient/></contained>"),
        "one resource",
        "Patient.contained[0]",
    ),
    "contained nothing": (document("<contained/>"), "one resource", "Patient.contained[0]"),
    "contained unknown": (
        document("<contained><Nope/></contained>"),
        "not a FHIR R4 resource type",
        "Patient.contained[0]",
    ),
    "in an entry": (
        document("<entry><resource><Patient><nme/></Patient></resource></entry>", "Bundle"),
        "no such element",
        "Bundle.entry[0].resource.nme",
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_what_fhirs_xml_cannot_have_is_named_with_its_place(name: str) -> None:
    """And its line, though all of these have but one."""
    source, text, where = INVALID[name]
    issues = refused(source)
    assert (text, where) in [(text if text in told else told, place) for told, place in issues]
    assert all("(line 1)" in told for told, _ in issues)


def test_all_faults_are_told_at_once_up_to_a_hundred() -> None:
    """With the line of each."""
    source = document("\n<nme/>" * 300)
    issues = refused(source)
    assert len(issues) == 100
    assert issues[98][0].endswith("(line 100)")


# --- anything at all


@settings(max_examples=300)
@given(st.data())
def test_no_bytes_are_too_strange(data: st.DataObject) -> None:
    """A message with bytes changed, cut out and put in is read or refused, and quotes nobody."""
    source = bytearray(xml.to_xml(ADMISSION))
    bits = st.one_of(st.binary(max_size=4), st.sampled_from(PIECES))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(source)))
        source[at : at + data.draw(st.integers(0, 40))] = data.draw(bits)
    found = read(bytes(source), OPTIONS)
    if isinstance(found, Refusal):
        assert all(NUMBER not in issue.text and issue.where for issue in found.issues)


PIECES = [
    *(
        b"<",
        b">",
        b"/>",
        b'"',
        b"&",
        b"&#0;",
        b"&amp;",
        b"\0",
        b"\xff",
        b"]]>",
        b"<![CDATA[",
        b"<!--",
        b"<?",
    ),
    *(
        b"<extension>",
        b"</extension>",
        b'<id value="x"/>',
        b"<contained>",
        b' value=""',
        b"<!DOCTYPE x>",
    ),
    *(b"<resource>", b"<Patient>", b"<text>", b"<div>", f"<div {XHTML}>".encode(), b"</div>"),
]
