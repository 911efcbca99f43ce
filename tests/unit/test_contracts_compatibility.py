"""What a release promised is kept: the check finds what breaks a promise, and nothing else."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.compatibility import breaks
from schemas.jsonschema import schemas

JSON = dict[str, Any]
EVENT = schemas()["update-event"]
Change = Callable[[JSON], None]


def changed(change: Change) -> list[str]:
    """What a change of the schema of updates breaks."""
    current = deepcopy(EVENT)
    change(current)
    return breaks(EVENT, current)


@pytest.mark.parametrize("name", schemas())
def test_a_schema_keeps_its_own_promises(name: str) -> None:
    """Nothing has changed."""
    assert breaks(schemas()[name], schemas()[name]) == []


def _adds_a_field(schema: JSON) -> None:
    schema["properties"]["subject"] = {"type": "string"}


def _adds_an_event(schema: JSON) -> None:
    schema["properties"]["type"]["anyOf"][0]["enum"].append("example.carepath.new.v1")


def _says_it_better(schema: JSON) -> None:
    schema["description"] = schema["title"] = "better"
    schema["properties"]["id"]["description"] = "better"
    schema["properties"]["id"]["examples"] = ["x"]


def _adds_a_definition(schema: JSON) -> None:
    schema["$defs"]["Other"] = {"type": "object"}


@pytest.mark.parametrize(
    "change", [_adds_a_field, _adds_an_event, _says_it_better, _adds_a_definition]
)
def test_what_may_be_added(change: Change) -> None:
    """It takes nothing from anybody."""
    assert changed(change) == []


def _removes_a_field(schema: JSON) -> None:
    del schema["properties"]["data"]


def _asks_for_more(schema: JSON) -> None:
    _adds_a_field(schema)
    schema["required"].append("subject")


def _promises_less(schema: JSON) -> None:
    schema["required"].remove("sequence")


def _other_type(schema: JSON) -> None:
    schema["properties"]["sequence"]["type"] = "integer"


def _other_format(schema: JSON) -> None:
    del schema["properties"]["time"]["format"]


def _narrower(schema: JSON) -> None:
    schema["properties"]["id"]["maxLength"] = 36


def _wider(schema: JSON) -> None:
    del schema["properties"]["id"]["minLength"]


def _closes(schema: JSON) -> None:
    schema["additionalProperties"] = False


def _removes_an_event(schema: JSON) -> None:
    schema["properties"]["type"]["anyOf"][0]["enum"].remove("example.carepath.death.v1")


def _closes_the_events(schema: JSON) -> None:
    told = schema["properties"]["type"]
    told["enum"] = told.pop("anyOf")[0]["enum"]


def _other_pattern(schema: JSON) -> None:
    schema["properties"]["type"]["anyOf"][1]["pattern"] = "^x"


def _within(schema: JSON) -> None:
    schema["$defs"]["Message"]["properties"]["entry"]["minItems"] = 2


def _of_items(schema: JSON) -> None:
    schema["$defs"]["Message"]["properties"]["entry"]["items"]["required"] = ["fullUrl"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_removes_a_field, ["/properties/data: is gone"]),
        (_asks_for_more, ["/required: subject was not"]),
        (_promises_less, ["/required: sequence is not"]),
        (_other_type, ["/properties/sequence/type: was 'string', is 'integer'"]),
        (_other_format, ["/properties/time/format: was 'date-time', is None"]),
        (_narrower, ["/properties/id/maxLength: was None, is 36"]),
        (_wider, ["/properties/id/minLength: was 1, is None"]),
        (_closes, ["/additionalProperties: was True, is False"]),
        (_removes_an_event, ["/properties/type/anyOf/enum: example.carepath.death.v1 is gone"]),
        (_within, ["/$defs/Message/properties/entry/minItems: was 1, is 2"]),
        (_of_items, ["/$defs/Message/properties/entry/items/required: fullUrl was not"]),
    ],
)
def test_what_breaks_a_promise(change: Change, told: list[str]) -> None:
    """In words, with its place."""
    assert changed(change) == told


@pytest.mark.parametrize("change", [_closes_the_events, _other_pattern])
def test_the_events_stay_open(change: Change) -> None:
    """A receiver need not know an event to let it pass."""
    assert changed(change)


def _places(schema: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every keyword, name and value in a schema, but those that say nothing."""
    told = schema.items() if isinstance(schema, dict) else enumerate(schema)
    for key, value in told:
        if key in {"$id", "$schema", "title", "description", "examples"}:
            continue
        yield (*at, key)
        if isinstance(value, dict | list):
            yield from _places(value, (*at, key))


@given(st.sampled_from([*schemas()]), st.data())
def test_nothing_can_be_taken_away(name: str, data: st.DataObject) -> None:
    """Whatever it is, somebody may rely on it."""
    schema = schemas()[name]
    *way, last = data.draw(st.sampled_from([*_places(schema)]))
    less = deepcopy(schema)
    place = less
    for step in way:
        place = place[step]
    del place[last]
    assert breaks(schema, less)
