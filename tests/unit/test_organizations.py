"""A Bundle of Organizations becomes the same directory as the CSV would."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings import organizations, resources, xml
from fhir_mappings.codes import (
    HER_ID,
    HER_ID_ALIAS,
    MUNICIPALITY_CODE,
    ORGANISATION_NUMBER,
    PARTY_FUNCTION,
    PARTY_KIND,
)
from pathways.parties import Function, Identifier, Kind, Party
from pathways.refusals import Refusal
from tests.unit.strategies import identifiers, lines, municipalities, organisation_numbers

NUMBER = "915933149"
OFFICE: dict[str, Any] = {
    "resourceType": "Organization",
    "id": "nord-tildeling",
    "identifier": [{"system": ORGANISATION_NUMBER, "value": NUMBER}],
    "type": [
        {"coding": [{"system": PARTY_KIND, "code": "municipality"}]},
        {"coding": [{"system": PARTY_FUNCTION, "code": "case-office"}]},
    ],
    "name": "Tildelingskontoret",
    "alias": ["kommunen"],
    "telecom": [
        {"system": "phone", "value": "80 00 00 00"},
        {"system": "url", "value": "https://nord.example/fhir/"},
    ],
    "address": [
        {"_district": {"extension": [{"url": MUNICIPALITY_CODE, "valueCoding": {"code": "9901"}}]}}
    ],
    "partOf": {"reference": "urn:uuid:7d8f3f0e-94b5-4d0a-8a5c-0f3a6a7b1c2d"},
}
OWNER: dict[str, Any] = {"resourceType": "Organization", "id": "nord", "name": "Nord kommune"}


def read(*resources: dict[str, Any]) -> list[Party] | Refusal:
    """The Bundle with those resources, the second under the URL that the first refers to."""
    urls = ["urn:uuid:0e9c6f9c-6b2e-4a8e-9a49-0d8f6c1e2b3a", OFFICE["partOf"]["reference"]]
    entry = [{"fullUrl": url, "resource": one} for url, one in zip(urls, resources, strict=False)]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entry}
    return organizations.read(orjson.dumps(bundle if entry else bundle | {"entry": [{}]}))


def test_a_directory_in_xml_is_the_same() -> None:
    """Whichever format its system exports."""
    entry = [
        {"resource": OFFICE | {"partOf": {"reference": "Organization/nord"}}},
        {"resource": OWNER},
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entry}
    found = organizations.read(xml.to_xml(bundle))
    assert not isinstance(found, Refusal)
    assert found == organizations.read(orjson.dumps(bundle))


def test_a_full_organization() -> None:
    """Every element of the table ends up in its field."""
    assert read(OFFICE, OWNER) == [
        Party(
            key="nord-tildeling",
            name="Tildelingskontoret",
            kind=Kind.MUNICIPALITY,
            identifiers=(Identifier(ORGANISATION_NUMBER, NUMBER),),
            neutral_name="kommunen",
            parent="nord",
            municipality="9901",
            function=Function.CASE_OFFICE,
            phone="80 00 00 00",
            endpoint="https://nord.example/fhir",
        ),
        Party(key="nord", name="Nord kommune"),
    ]


def test_the_organisation_number_stands_in_for_a_key() -> None:
    """Where the id is not a slug."""
    found = read(OFFICE | {"id": "ABC_1".replace("_", "-")}, OWNER)
    assert isinstance(found, list)
    assert found[0].key == NUMBER


def test_inactive_ones_are_left_out() -> None:
    """A closed unit is not entered."""
    assert read(OFFICE | {"active": False}, OWNER) == [Party(key="nord", name="Nord kommune")]


def test_a_parent_outside_the_bundle_is_its_id() -> None:
    """It may be in the directory already."""
    found = read(OFFICE | {"partOf": {"reference": "Organization/sor"}})
    assert isinstance(found, list)
    assert found[0].parent == "sor"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"name": None}, "Bundle.entry[0].resource.name"),
        ({"identifier": [{"system": ORGANISATION_NUMBER, "value": "915933148"}]}, ".identifier"),
        ({"id": "NORD", "identifier": [{"value": "1"}]}, "Bundle.entry[0].resource.id"),
        (
            {"type": [{"coding": [{"system": PARTY_FUNCTION, "code": "kitchen"}]}]},
            "Bundle.entry[0].resource.type",
        ),
        ({"telecom": [{"system": "url", "value": "ftp://a.example"}]}, ".telecom"),
        ({"colour": "red"}, "colour"),
        ({"alias": None, "partOf": '{"reference": "Organization/x"}'}, ".partOf"),
        ({"resourceType": "Nothing"}, "Bundle.entry[0]"),
        ({"active": False}, "Bundle.entry"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], where: str) -> None:
    """With its place."""
    changed = {name: value for name, value in (OFFICE | change).items() if value is not None}
    found = read(changed)
    assert isinstance(found, Refusal)
    assert (found.issues[0].where or "").endswith(where)


def test_what_is_no_bundle_is_refused() -> None:
    """The same reader of bytes as for messages."""
    assert isinstance(organizations.read(b"key,name"), Refusal)


def test_what_is_wrong_is_told_in_words() -> None:
    """The same as for messages."""
    found = read(OFFICE | {"colour": "red"})
    assert isinstance(found, Refusal)
    assert [issue.text for issue in found.issues] == ["FHIR R4 has no such element here"]


def test_another_spelling_of_a_system_is_the_same_identifier() -> None:
    """One URI per system."""
    found = read(OFFICE | {"identifier": [{"system": HER_ID_ALIAS, "value": "1"}]})
    assert isinstance(found, list)
    assert found[0].identifiers == (Identifier(HER_ID, "1"),)


@st.composite
def parties(draw: st.DrawFn) -> Party:
    """A party with what an Organization can say of it."""
    slugs = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,30}", fullmatch=True)
    number = organisation_numbers().map(lambda one: Identifier(ORGANISATION_NUMBER, one))
    return Party(
        key=draw(slugs),
        name=draw(lines()),
        kind=draw(st.sampled_from(Kind)),
        identifiers=tuple(draw(st.lists(identifiers() | number, max_size=3, unique=True))),
        neutral_name=draw(st.none() | lines()),
        parent=draw(st.none() | slugs),
        municipality=draw(st.none() | municipalities()),
        function=draw(st.none() | st.sampled_from(Function)),
        phone=draw(st.none() | st.just("+4733000000")),
    )


@given(st.lists(parties(), min_size=1, max_size=4, unique_by=lambda party: party.key))
def test_what_is_exported_is_imported_the_same(exported: list[Party]) -> None:
    """The Organizations we write are the directory again."""
    entry = [{"resource": resources.organization(party)} for party in exported]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entry}
    assert organizations.read(orjson.dumps(bundle)) == exported
