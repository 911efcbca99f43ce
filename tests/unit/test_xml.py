"""FHIR XML: what JSON says it says too, both ways; and whatever is not FHIR's XML is named with its place."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from fhir_mappings import formats, narrative, xml
from fhir_mappings.inbound import read
from fhir_mappings.outbound import write
from fhir_mappings.structure import check
from fhir_mappings.xml_tables import of, of_resource
from pathways.messages import Message
from pathways.refusals import Reason, Refusal
from tests.unit.fhir_json import DIVS, XHTML, XML_LETTERS, document, resources
from tests.unit.strategies import BASE_URL, messages
from tests.unit.test_models import real, spoil
from tests.unit.told import ADMISSION, OPTIONS

JSON = dict[str, Any]


def read_xml(source: bytes) -> JSON:
    """A sound document."""
    found = xml.to_json(source)
    assert not isinstance(found, Refusal), found
    return found


def normalised(value: Any) -> Any:
    """JSON with every narrative as we write it."""
    if isinstance(value, list):
        return [normalised(one) for one in value]
    if not isinstance(value, dict):
        return value
    told = {name: normalised(one) for name, one in value.items()}
    return told | {"div": narrative.normal(told["div"])} if "div" in told else told


# --- the law: both ways


@settings(max_examples=200)
@given(resources())
def test_xml_gives_back_the_json_it_was_made_of(resource: JSON) -> None:
    """Of any type, with any elements, ids, extensions, letters and numbers."""
    assert xml.to_json(xml.to_xml(resource)) == resource


@settings(max_examples=100)
@given(messages())
def test_our_own_messages_are_the_same_in_xml(message: Message) -> None:
    """Read from XML they say what they say, down to the hash of their content; only the bytes differ."""
    bundle = orjson.loads(orjson.dumps(write(message, base_url=BASE_URL)))
    source = xml.to_xml(bundle)
    assert xml.to_json(source) == normalised(bundle)
    from_xml, from_json = (read(one, OPTIONS) for one in (source, orjson.dumps(bundle)))
    assert isinstance(from_json, Message)
    assert isinstance(from_xml, Message), from_xml
    assert from_xml.source == source
    assert {**_fields(from_xml), "source": b""} == {**_fields(from_json), "source": b""}


def _fields(message: Message) -> dict[str, object]:
    return {name: getattr(message, name) for name in Message.__slots__}


def json_examples(examples: Path) -> list[Path]:
    """Every FHIR file of the field."""
    return sorted(examples.rglob("*.json"))


def test_the_fields_own_examples_are_the_same_in_xml(examples: Path) -> None:
    """But for how narratives are quoted; and the hash of their content is the same, too."""
    found = json_examples(examples)
    assert len(found) > 10
    for path in found:
        source = path.read_bytes()
        resource = orjson.loads(source)
        as_xml = xml.to_xml(resource)
        assert xml.to_json(as_xml) == normalised(resource), path.name
        one, other = (read(bytes_, OPTIONS) for bytes_ in (source, as_xml))
        if isinstance(one, Message):
            assert isinstance(other, Message), path.name
            assert other.content == one.content, path.name
        else:
            assert isinstance(other, Refusal), path.name
            assert {i.where for i in other.issues} == {i.where for i in one.issues}, path.name


def test_the_fields_xml_comes_back_as_it_was(examples: Path) -> None:
    """Element by element, attribute by attribute."""
    source = (examples / "no-basis" / "no-basis-Organization-example.xml").read_bytes()
    made = xml.to_xml(read_xml(source))
    one, other = (
        etree.canonicalize(etree.fromstring(text), strip_text=True) for text in (source, made)
    )
    assert _without_declarations(one) == _without_declarations(other)


def _without_declarations(text: str) -> str:
    return re.sub(r' xmlns(:\w+)?="[^"]*"| xsi:schemaLocation="[^"]*"', "", text)


def test_decimals_keep_their_digits() -> None:
    """From XML to JSON and back, indented or not; to readers of parsed JSON they are numbers as any others."""
    inside = '<code><text value="x"/></code><valueQuantity><value value="1.10"/></valueQuantity>'
    source = document(f'<status value="final"/>{inside}', "Observation")
    told = xml.as_json(source)
    assert isinstance(told, bytes)
    assert b'"valueQuantity":{"value":1.10}' in told
    assert b'<value value="1.10"/>' in xml.from_json(told)
    assert b'\n  <valueQuantity>\n    <value value="1.10"/>\n  <' in xml.from_json(
        told, indent=True
    )
    assert b'\n  "valueQuantity": {\n    "value": 1.10\n  }' in formats.indented(told)
    assert read_xml(source)["valueQuantity"] == {"value": 1.1}
    for digits in ("0", "-1.000", "1E3", "9" * 40 + ".5"):
        assert xml.from_json(xml.as_json(source.replace(b"1.10", digits.encode()))).count(  # type: ignore[arg-type]
            f'"{digits}"'.encode()
        )


@settings(max_examples=200)
@given(data=st.data())
def test_whatever_is_taken_in_as_json_can_be_answered_in_xml(
    examples: Path, data: st.DataObject
) -> None:
    """However odd it is: who asks for XML gets XML."""
    bundle = orjson.loads(data.draw(st.sampled_from(real(examples))))
    for _ in range(data.draw(st.integers(1, 2))):
        spoil(bundle, data)
    source = orjson.dumps(bundle)
    if check(orjson.loads(source)) == ():
        made = etree.fromstring(xml.from_json(source))
        assert etree.QName(made).localname == "Bundle"


# --- narratives


@pytest.mark.parametrize("div", DIVS)
def test_a_narrative_is_written_in_one_way(div: str) -> None:
    """Whoever writes it differently says the same, in JSON and in XML, where its blanks are its own."""
    told = narrative.normal(div)
    assert told.startswith("<div xmlns=") or told == DIVS[1]
    assert narrative.normal(told) == told
    text = {"status": "generated", "div": div}
    for indent in (False, True):
        source = xml.to_xml({"resourceType": "Patient", "text": text}, indent=indent)
        assert read_xml(source)["text"]["div"] == told


@pytest.mark.parametrize(
    "div",
    [
        "<div>a & b</div>",
        "hello",
        "<div><p></div>",
        f"<p {XHTML}/>",
        "<!DOCTYPE x><div/>",
        "\ufffe",
    ],
)
def test_a_narrative_that_is_no_xml_is_shown_as_it_was_written(div: str) -> None:
    """Some senders' are none; a reader of XML sees what a reader of JSON sees."""
    assert narrative.normal(div) == div
    text = {"status": "generated", "div": div}
    back = read_xml(xml.to_xml({"resourceType": "Patient", "text": text}))["text"]["div"]
    shown = etree.fromstring(back).text
    assert shown == div.replace("\ufffe", "\ufffd")


@given(st.text(XML_LETTERS))
def test_a_narratives_text_survives(text: str) -> None:
    """Letter by letter, but for the line ends that XML has one of."""
    element = narrative.to_element(f"<div {XHTML}>{_escaped(text)}</div>")
    assert (element.text or "") == text
    assert narrative.normal(narrative.to_text(element)) == narrative.to_text(element)


def _escaped(text: str) -> str:
    named = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return named.replace("\r", "&#13;")


def test_what_xml_cannot_have_is_replaced() -> None:
    """JSON may have more letters."""
    made = xml.to_xml({"resourceType": "Patient", "language": "a\ufffeb\x00"})
    assert read_xml(made)["language"] == "a\ufffdb\ufffd"


def test_elements_stand_in_the_standards_order() -> None:
    """Whatever the order in JSON."""
    patient = {
        "birthDate": "2000-01-01",
        "name": [{"given": ["a"], "family": "b", "use": "usual"}],
        "active": True,
        "id": "p",
        "resourceType": "Patient",
    }
    made = etree.fromstring(xml.to_xml(patient))
    names = [etree.QName(one).localname for one in made.iter()]
    assert names == ["Patient", "id", "active", "name", "use", "family", "given", "birthDate"]


@pytest.mark.parametrize(
    "resource",
    [{}, {"resourceType": "HumanName"}, {"resourceType": "Patient", "nme": "x"}],
)
def test_what_is_not_fhir_is_not_written(resource: JSON) -> None:
    """Nobody gets half a resource."""
    with pytest.raises(ValueError, match="FHIR R4"):
        xml.to_xml(resource)


# --- what may be there

LENIENT = {
    "declaration": b'<?xml version="1.0" encoding="utf-8" standalone="yes"?>' + document("{}"),
    "BOM": b"\xef\xbb\xbf" + document("{}"),
    "UTF-16": b"",
    "UTF-16 without BOM": b"",
    "space before": b"\n  " + document("{}"),
    "comments": b"<!-- <!DOCTYPE x> -->" + document("<!-- x -->{}<?y z?>") + b"<!-- -->",
    "schemaLocation": document("{}").replace(
        b">",
        b' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b">',
        1,
    ),
    "prefix": b'<f:Patient xmlns:f="http://hl7.org/fhir"><f:name><f:family value="\xc3\x98"/></f:name></f:Patient>',
    "spaces": document("\n  {}\n\t\r\n"),
}
FAMILY = '<name><family value="Ø"/></name>'


@pytest.mark.parametrize("name", LENIENT)
def test_whatever_says_the_same_is_read_the_same(name: str) -> None:
    """XML has more ways to write than FHIR has things to say."""
    source = LENIENT[name].replace(b"{}", FAMILY.encode())
    if name.startswith("UTF-16"):
        text = f'<?xml version="1.0" encoding="UTF-16"?>{document(FAMILY).decode()}'
        source = text.encode("utf-16-le" if "without" in name else "utf-16")
    assert formats.media_type(source) == formats.FHIR_XML
    assert read_xml(source) == {"resourceType": "Patient", "name": [{"family": "Ø"}]}


def test_ids_and_extensions_stand_beside_simple_values() -> None:
    """In arrays at the same place as the value, with null for what is not there."""
    one = '<given id="g" value="a"/>'
    two = '<given><extension url="u"><valueString value="x"/></extension></given>'
    told = read_xml(document(f'<name id="n"><given value="b"/>{one}{two}</name>'))
    extension = {"url": "u", "valueString": "x"}
    assert told["name"] == [
        {
            "id": "n",
            "given": ["b", "a", None],
            "_given": [None, {"id": "g"}, {"extension": [extension]}],
        }
    ]
    only = read_xml(document(f"<name>{two}{two}</name>"))
    assert only["name"] == [{"_given": [{"extension": [extension]}] * 2}]


# --- messages

PERSON = orjson.dumps(ADMISSION)


def test_a_message_is_read_in_either_format() -> None:
    """The same, but for its bytes."""
    source = xml.to_xml(ADMISSION)
    found = read(source, OPTIONS)
    assert isinstance(found, Message)
    assert found.source == source
    assert formats.as_json(PERSON) is PERSON
    assert orjson.loads(formats.as_json(source)) == ADMISSION


def test_another_resource_is_no_message() -> None:
    """As in JSON."""
    found = read(document('<id value="x"/>'), OPTIONS)
    assert isinstance(found, Refusal)
    assert (found.reason, found.issues[0].text) == (
        Reason.INVALID,
        "expected a Bundle, got Patient",
    )


def test_the_tables_know_every_type_that_we_answer_with() -> None:
    """Their elements are in the order of HL7's schemas (checked once, by hand, against the R4 XSDs)."""
    encounter = of_resource("Encounter")
    assert encounter
    names = list(encounter.by_name)
    assert names[:9] == [
        *("id", "meta", "implicitRules", "language", "text", "contained", "extension"),
        *("modifierExtension", "identifier"),
    ]
    assert names.index("class") < names.index("type") < names.index("subject")
    period = encounter.by_name["period"].type
    assert period
    assert list(of(period).by_name) == ["extension", "start", "end"]
    assert of(period).attributes == ("id",)
    assert of_resource("Nope") is None
