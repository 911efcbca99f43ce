"""The sieve in front of ``fhir.resources``'s models passes what they pass, and nothing else."""

import copy
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from fhir_mappings.models import faults
from fhir_mappings.outbound import write
from pathways.messages import Message
from tests.unit.strategies import BASE_URL, messages

JSON = dict[str, Any]
NARRATIVE = {"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'>x</div>"}
VALUES: list[Any] = [
    *("", "x", " ", "a  b", "#x", "true", "QUJD", "===", "urn:uuid:x", "urn:oid:1.2"),
    *("2026", "2026-02-30", "2026-01-01", "2026-01-01T10:00:00", "2026-01-01T10:00:00Z"),
    *(True, False, 0, -1, 1.5, 2**31, [], {}, [{}], ["x"], [["x"]], [NARRATIVE], NARRATIVE),
    *({"id": "x"}, {"value": "1"}, {"system": "x"}, {"reference": "x"}, {"start": "2026"}),
    *({"extension": []}, {"extension": [{"url": "x"}]}),
    {"extension": [{"url": "x", "valueCode": "unknown"}]},
    {"extension": [{"url": "x", "valueCode": "unknown", "valueString": "y"}]},
    *({"resourceType": "Patient"}, {"resourceType": "Reference"}, {"resourceType": "Nothing"}),
]
NAMES = [
    *("id", "extension", "modifierExtension", "contained", "meta", "text", "language", "fullUrl"),
    *("status", "_status", "type", "_type", "_gender", "code", "name", "identifier", "class"),
    *("valueString", "valueBoolean", "deceasedBoolean", "deceasedDateTime", "occurredPeriod"),
]


def wheres(bundle: JSON) -> set[str] | None:
    """Where the models themselves refuse a Bundle; ``None`` where they stumble."""
    try:
        Bundle.model_validate(bundle)
    except ValidationError as refused:
        places = (error["loc"] for error in refused.errors())
        return {"Bundle" + "".join(_step(step) for step in place) for place in places}
    except (AttributeError, TypeError, KeyError):
        return None
    return set()


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return "" if step == "root" else f".{step}"


def agree(bundle: JSON) -> None:
    """The same verdict, and the same places."""
    said, found = wheres(bundle), faults(bundle)
    if said is None:
        assert found
    else:
        assert {issue.where for issue in found} == said


def spoil(bundle: JSON, data: st.DataObject) -> None:
    """Change, move, add or drop one element anywhere; never the type of a resource."""
    node = data.draw(st.sampled_from(objects(bundle)))
    names = [name for name in node if name != "resourceType"]
    name = data.draw(st.sampled_from(names)) if names else "id"
    match data.draw(st.sampled_from(["change", "add", "move", "graft", "drop"])):
        case "change":
            node[name] = copy.deepcopy(data.draw(st.sampled_from(VALUES)))
        case "add":
            node[data.draw(st.sampled_from(NAMES))] = copy.deepcopy(
                data.draw(st.sampled_from(VALUES))
            )
        case "move":
            node[data.draw(st.sampled_from([f"_{name}", *NAMES]))] = node.pop(name, "x")
        case "graft":
            node[name] = copy.deepcopy(data.draw(st.sampled_from(objects(bundle))))
        case _:
            node.pop(name, None)


def objects(bundle: JSON) -> list[JSON]:
    """Every object of the Bundle."""
    found: list[JSON] = []
    stack: list[Any] = [bundle]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            found.append(node)
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
    return found


@cache
def real(examples: Path) -> tuple[bytes, ...]:
    """Every Bundle of the field's examples."""
    sources = [path.read_bytes() for path in sorted(examples.rglob("*.json"))]
    return tuple(one for one in sources if orjson.loads(one).get("resourceType") == "Bundle")


@settings(max_examples=75)
@given(data=st.data())
def test_messages_from_the_field_are_judged_as_by_the_models(
    examples: Path, data: st.DataObject
) -> None:
    """As they are, and with up to three changes."""
    bundle = orjson.loads(data.draw(st.sampled_from(real(examples))))
    for _ in range(data.draw(st.integers(0, 3))):
        spoil(bundle, data)
    agree(bundle)


@settings(max_examples=75)
@given(messages(), st.data())
def test_our_own_messages_are_judged_as_by_the_models(
    message: Message, data: st.DataObject
) -> None:
    """Any event, with up to three changes."""
    bundle = orjson.loads(orjson.dumps(write(message, base_url=BASE_URL)))
    for _ in range(data.draw(st.integers(0, 3))):
        spoil(bundle, data)
    agree(bundle)


def bundle_of(resource: Any) -> JSON:
    """A Bundle with one resource."""
    return {"resourceType": "Bundle", "type": "message", "entry": [{"resource": resource}]}


@pytest.mark.parametrize(
    ("resource", "where"),
    [
        ('{"id": "x"}', ""),
        ({"id": "x"}, ".resourceType"),
        ({"resourceType": "Patient", "name": ['{"family": "x"}']}, ".name[0]"),
        ({"resourceType": "Patient", "active__ext": {"id": "x"}}, ".active__ext"),
        ({"resourceType": "Patient", "resource_type": "Patient"}, ".resource_type"),
        ({"resourceType": "Patient", "fhir_comments": ["x"]}, ".fhir_comments"),
    ],
)
def test_what_only_the_models_take_for_fhir_is_refused(resource: Any, where: str) -> None:
    """JSON inside a string, a resource without its type, Python's names: readers cannot read them."""
    assert wheres(bundle_of(resource)) == set()
    [issue] = faults(bundle_of(resource))
    assert issue.where == f"Bundle.entry[0].resource{where}"


def test_a_required_code_may_say_why_it_is_not_there() -> None:
    """By an extension on its twin; an empty one says nothing."""
    stay: JSON = {"resourceType": "Encounter", "class": {"code": "IMP"}}
    absent = {"extension": [{"url": "x", "valueCode": "unknown"}]}
    assert faults(bundle_of(stay | {"_status": absent})) == ()
    assert len(faults(bundle_of(stay | {"_status": {"id": "x"}}))) == 1
