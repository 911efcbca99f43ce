"""Every fault of structure is found, and its place is named; what is sound passes."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings.bindings import BINDINGS
from fhir_mappings.reading import MAX_DEPTH, parse
from fhir_mappings.structure import MAX_ISSUES, check

JSON = dict[str, Any]
Change = Callable[[JSON], object]

PATIENT = "Bundle.entry[1].resource"
ENCOUNTER = "Bundle.entry[2].resource"


HEADER = {
    "resourceType": "MessageHeader",
    "eventCoding": {"system": "urn:x", "code": "admission"},
    "source": {"endpoint": "urn:x"},
    "response": {"identifier": "m0", "code": "ok"},
}
KARI = {
    "resourceType": "Patient",
    "active": True,
    "text": {
        "status": "generated",
        "div": "<div xmlns='http://www.w3.org/1999/xhtml'>x</div>",
    },
    "identifier": [{"use": "official", "system": "urn:x", "value": "1"}],
    "name": [{"use": "official", "given": ["Kari", None], "_given": [None, {"id": "g2"}]}],
    "telecom": [{"system": "phone", "use": "mobile", "value": "1"}],
    "address": [{"use": "home", "type": "postal"}],
    "gender": "female",
    "birthDate": "1940-02-29",
    "contact": [{"gender": "male"}],
    "multipleBirthInteger": 0,
    "contained": [{"resourceType": "Organization", "active": False}],
}
STAY = {
    "resourceType": "Encounter",
    "status": "in-progress",
    "class": {"code": "IMP"},
    "period": {"start": "2026-03-07T02:10:00+01:00"},
    "length": {"value": 0},
    "location": [{"location": {"display": "ward"}, "status": "active"}],
}


def message() -> JSON:
    """A small sound message."""
    return {
        "resourceType": "Bundle",
        "id": "b1",
        "type": "message",
        "timestamp": "2026-03-07T02:10:00+01:00",
        "entry": [
            {
                "fullUrl": f"urn:uuid:0f0e5b1e-0000-4000-8000-00000000000{number}",
                "resource": copy.deepcopy(resource),
            }
            for number, resource in enumerate((HEADER, KARI, STAY), start=1)
        ],
    }


def resource(bundle: JSON, index: int) -> JSON:
    """The resource of an entry."""
    found: JSON = bundle["entry"][index]["resource"]
    return found


def places(bundle: JSON) -> list[tuple[str, str | None]]:
    """Code and place of every issue."""
    return [(issue.code, issue.where) for issue in check(bundle)]


def patient(**said: Any) -> Change:
    """A change of the Patient."""
    return lambda bundle: resource(bundle, 1).update(said)


def encounter(**said: Any) -> Change:
    """A change of the Encounter."""
    return lambda bundle: resource(bundle, 2).update(said)


def entry(index: int, **said: Any) -> Change:
    """A change of an entry."""
    return lambda bundle: bundle["entry"][index].update(said)


def test_a_sound_message_has_no_faults() -> None:
    """Zero, false and a null beside its extension are values."""
    bundle = message()
    assert check(bundle) == ()
    assert bundle == message()  # nothing was changed


FAULTS: list[tuple[Change, str, str]] = [
    # bdl
    (lambda b: b.update(type="batch"), "invalid", "Bundle.type"),
    (lambda b: b.pop("type"), "invalid", "Bundle.type"),
    (lambda b: b.update(total=3), "invariant", "Bundle.total"),
    (entry(1, search={"mode": "match"}), "invariant", "Bundle.entry[1].search"),
    (entry(1, request={"method": "GET", "url": "x"}), "invariant", "Bundle.entry[1].request"),
    (entry(1, response={"status": "200"}), "invariant", "Bundle.entry[1].response"),
    (lambda b: b["entry"][1].pop("resource"), "invariant", "Bundle.entry[1]"),
    (
        entry(2, fullUrl="urn:uuid:0f0e5b1e-0000-4000-8000-000000000002"),
        "invariant",
        "Bundle.entry[2].fullUrl",
    ),
    (entry(2, fullUrl="http://x/Y/1/_history/2"), "invariant", "Bundle.entry[2].fullUrl"),
    (lambda b: b["entry"].pop(0), "invariant", "Bundle.entry[0]"),
    (lambda b: b.pop("entry"), "invariant", "Bundle.entry"),
    (lambda b: b.update(entry=3), "invariant", "Bundle.entry"),
    (lambda b: b.update(entry=[3]), "invariant", "Bundle.entry[0]"),
    # empty values
    (patient(gender=""), "structure", f"{PATIENT}.gender"),
    (patient(gender=None), "structure", f"{PATIENT}.gender"),
    (patient(name=[]), "structure", f"{PATIENT}.name"),
    (patient(name=[{}]), "structure", f"{PATIENT}.name[0]"),
    (patient(maritalStatus={}), "structure", f"{PATIENT}.maritalStatus"),
    (patient(name=[{"given": [""]}]), "structure", f"{PATIENT}.name[0].given[0]"),
    (patient(name=[{"given": [None, "A"]}]), "structure", f"{PATIENT}.name[0].given[0]"),
    (
        patient(name=[{"given": ["A", None], "_given": [None]}]),
        "structure",
        f"{PATIENT}.name[0].given[1]",
    ),
    # JSON types
    (patient(active="true"), "value", f"{PATIENT}.active"),
    (patient(active=1), "value", f"{PATIENT}.active"),
    (patient(birthDate=19400229), "value", f"{PATIENT}.birthDate"),
    (patient(multipleBirthInteger="3"), "value", f"{PATIENT}.multipleBirthInteger"),
    (patient(multipleBirthInteger=True), "value", f"{PATIENT}.multipleBirthInteger"),
    (patient(gender=3), "value", f"{PATIENT}.gender"),
    (patient(name="Kari"), "value", f"{PATIENT}.name"),
    (patient(managingOrganization="x"), "value", f"{PATIENT}.managingOrganization"),
    (encounter(period={"start": 1583020800}), "value", f"{ENCOUNTER}.period.start"),
    (entry(0, resource=[1]), "value", "Bundle.entry[0].resource"),
    (
        lambda b: resource(b, 0)["source"].update(endpoint=False),
        "structure",
        "Bundle.entry[0]",
    ),
    (
        lambda b: (b["entry"][0].update(link=3), resource(b, 1).update(photo=[{"url": False}])),
        "structure",
        "Bundle.entry[1]",
    ),
    (
        lambda b: b.update(meta={"extension": [{"url": "urn:x", "valueUrl": False}]}),
        "structure",
        "Bundle",
    ),
    (lambda b: b.update(link=[{"relation": "self", "url": 1}]), "value", "Bundle.link[0].url"),
    # formats
    (patient(birthDate="1941-02-29"), "value", f"{PATIENT}.birthDate"),
    (patient(birthDate="29.02.1940"), "value", f"{PATIENT}.birthDate"),
    (patient(id="not an id"), "value", f"{PATIENT}.id"),
    (
        encounter(period={"start": "2026-03-07T02:10:00"}),
        "value",
        f"{ENCOUNTER}.period.start",
    ),
    (lambda b: b.update(timestamp="2026-03-07"), "value", "Bundle.timestamp"),
    # elements
    (patient(surname="Nordmann"), "structure", f"{PATIENT}.surname"),
    (
        patient(deceasedBoolean=True, deceasedDateTime="2026-03-07"),
        "structure",
        PATIENT,
    ),
    (lambda b: resource(b, 0).pop("eventCoding"), "required", "Bundle.entry[0].resource"),
    (
        lambda b: resource(b, 0).update(source={"name": "x"}),
        "required",
        "Bundle.entry[0].resource.source.endpoint",
    ),
    (lambda b: resource(b, 2).pop("class"), "required", f"{ENCOUNTER}.class"),
    (lambda b: resource(b, 2).pop("status"), "required", f"{ENCOUNTER}.status"),
    # codes
    (patient(gender="mann"), "code-invalid", f"{PATIENT}.gender"),
    (patient(name=[{"use": "x"}]), "code-invalid", f"{PATIENT}.name[0].use"),
    (patient(telecom=[{"system": "tlf"}]), "code-invalid", f"{PATIENT}.telecom[0].system"),
    (patient(contact=[{"gender": "m"}]), "code-invalid", f"{PATIENT}.contact[0].gender"),
    (encounter(status="admitted"), "code-invalid", f"{ENCOUNTER}.status"),
    (
        lambda b: resource(b, 2)["location"][0].update(status="here"),
        "code-invalid",
        f"{ENCOUNTER}.location[0].status",
    ),
    (
        lambda b: resource(b, 0)["response"].update(code="yes"),
        "code-invalid",
        "Bundle.entry[0].resource.response.code",
    ),
    (
        lambda b: resource(b, 1)["contained"][0].update(
            resourceType="RelatedPerson", gender="m", patient={"display": "x"}
        ),
        "code-invalid",
        f"{PATIENT}.contained[0].gender",
    ),
    # types
    (patient(resourceType="Person!"), "not-supported", f"{PATIENT}.resourceType"),
    (patient(resourceType=3), "not-supported", f"{PATIENT}.resourceType"),
]


@pytest.mark.parametrize(
    ("change", "code", "where"),
    FAULTS,
    ids=[f"{number}-{where}" for number, (_, _, where) in enumerate(FAULTS)],
)
def test_a_fault_is_found_at_its_place(change: Change, code: str, where: str) -> None:
    """One change of a sound message, one place named."""
    bundle = message()
    change(bundle)
    assert (code, where) in places(bundle)


def test_the_same_url_in_two_versions_is_allowed() -> None:
    """bdl-7's exception."""
    bundle = message()
    url = bundle["entry"][1]["fullUrl"]
    bundle["entry"][2]["fullUrl"] = url
    resource(bundle, 2)["meta"] = {"versionId": "2"}
    assert check(bundle) == ()


def test_entries_without_url_are_no_doubles() -> None:
    """HAPI sends none where it has no id."""
    bundle = message()
    for one in bundle["entry"]:
        del one["fullUrl"]
    assert check(bundle) == ()


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        (kind, name, code)
        for kind in ("Encounter", "Task", "ServiceRequest", "Communication", "Patient")
        for name, codes in BINDINGS[kind].items()
        for code in sorted(codes)
    ],
)
def test_every_code_of_a_binding_is_accepted(kind: str, name: str, code: str) -> None:
    """The lists are full."""
    bundle = message()
    resource(bundle, 1)["contained"] = [{"resourceType": kind, name: code}]
    assert not [issue for issue in check(bundle) if issue.code == "code-invalid"]


@given(st.text(st.characters(categories=("L", "N")), min_size=9).map(lambda text: f"zq9{text}"))
def test_no_text_quotes_a_value(secret: str) -> None:
    """Whatever element it stands in."""
    for name in ("gender", "birthDate", "id", "active", "name", "managingOrganization"):
        bundle = message()
        resource(bundle, 1)[name] = secret
        issues = check(bundle)
        assert all(secret not in f"{issue.text} {issue.where}" for issue in issues)


_PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_INSIDE = st.lists(_PLAIN, max_size=2) | st.dictionaries(st.text(), _PLAIN, max_size=2)
_ANYTHING = _PLAIN | _INSIDE


def mangle(draw: st.DrawFn, value: Any) -> Any:
    """``value`` with something in it replaced by anything."""
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        name = draw(st.sampled_from(sorted(value)))
        return {**value, name: mangle(draw, value[name])}
    if isinstance(value, list) and value and draw(st.integers(0, 9)):
        index = draw(st.integers(0, len(value) - 1))
        return [*value[:index], mangle(draw, value[index]), *value[index + 1 :]]
    return draw(_ANYTHING)


@given(st.composite(lambda draw: mangle(draw, message()))())
def test_no_json_does_harm(mangled: Any) -> None:
    """Anything anywhere gives issues or none, never an exception."""
    if isinstance(parsed := parse(json.dumps(mangled).encode()), dict):
        assert all(issue.where for issue in check(parsed))


def test_depth_does_no_harm() -> None:
    """The walk needs no recursion, and the models are not asked."""
    bundle = message()
    inner = resource(bundle, 1)
    for _ in range(100_000):
        inner["extension"] = [{"url": "x"}]
        inner = inner["extension"][0]
    assert ("not-supported", "Bundle") in places(bundle)
    while "extension" in inner:
        inner = inner.pop("extension")[0]


def test_the_deepest_allowed_is_still_read() -> None:
    """Extensions in extensions, to the limit."""
    bundle = message()
    inner = resource(bundle, 1)
    for _ in range((MAX_DEPTH - 4) // 2):
        inner["extension"] = [{"url": "x"}]
        inner = inner["extension"][0]
    inner["valueString"] = "x"
    assert isinstance(parse(json.dumps(bundle).encode()), dict)
    assert check(bundle) == ()


def test_the_number_of_issues_has_a_limit() -> None:
    """A sender mends the first hundred first."""
    bundle = message()
    resource(bundle, 1)["name"] = [{"use": "x"}] * 300
    assert len(check(bundle)) == MAX_ISSUES
    resource(bundle, 1)["name"] = [{"unknown": "x"}] * 300
    assert len(check(bundle)) == MAX_ISSUES


def test_the_bundle_stays_as_it_was() -> None:
    """What goes on is the sender's JSON."""
    bundle = message()
    before = copy.deepcopy(bundle)
    check(bundle)
    assert bundle == before
