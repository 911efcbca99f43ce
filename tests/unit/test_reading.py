"""Bytes to a Bundle: whatever comes in, there is one reading of it, or a refusal."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings.reading import MAX_BYTES, MAX_DEPTH, parse
from pathways.refusals import Reason, Refusal

LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text()
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def refused(source: bytes) -> Refusal:
    """The refusal of ``source``."""
    answer = parse(source)
    assert isinstance(answer, Refusal)
    return answer


def nested(depth: int) -> bytes:
    """A Bundle with ``depth`` objects and arrays inside each other."""
    return b'{"resourceType":"Bundle","x":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_give_an_answer(source: bytes) -> None:
    """Never an exception, and a refusal says what and where."""
    answer = parse(source)
    if isinstance(answer, Refusal):
        assert answer.issues[0].where
        assert answer.issues[0].text


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_a_bundle_comes_out_as_json_reads_it(content: dict[str, Any]) -> None:
    """Two parsers agree on all that is accepted."""
    bundle = {**content, "resourceType": "Bundle"}
    source = json.dumps(bundle).encode()
    answer = parse(source)
    if not isinstance(answer, Refusal):
        assert answer == orjson.loads(orjson.dumps(bundle))


@given(
    st.dictionaries(st.text(), JSON, min_size=1, max_size=5),
    st.data(),
    st.sampled_from([True, False]),
)
def test_a_repeated_property_is_always_refused(
    content: dict[str, Any], data: st.DataObject, escaped: bool
) -> None:
    """At any depth, with any value, however its name is written."""
    name = data.draw(st.sampled_from(sorted(content)))
    members = [(key, json.dumps(value)) for key, value in content.items()]
    members.append((name, json.dumps(data.draw(JSON))))
    inner = ",".join(f"{json.dumps(key, ensure_ascii=escaped)}:{value}" for key, value in members)
    source = f'{{"resourceType":"Bundle","entry":[{{"resource":{{{inner}}}}}]}}'
    assert refused(source.encode()).reason is Reason.MALFORMED


def test_a_repeated_property_is_named() -> None:
    """The sender is told where the two readings are."""
    source = b'{"resourceType":"Bundle","entry":[{"resource":{"birthDate":"1","birthDate":"2"}}]}'
    assert refused(source).issues[0].where == "Bundle.entry[0].resource.birthDate"


def test_a_repeated_property_written_with_escapes_is_found() -> None:
    """An escaped colon does not hide it, nor an escaped letter."""
    source = rb'{"resourceType":"Bundle","id":"\u003a","a\u0062":1,"ab":":"}'
    assert refused(source).issues[0].where == "Bundle.ab"


def test_a_name_that_is_no_element_name_is_not_repeated_to_the_sender() -> None:
    """It could be anything, also a person's number."""
    source = b'{"resourceType":"Bundle","12 3":1,"12 3":2}'
    assert refused(source).issues[0].where == "Bundle"


def test_an_escaped_colon_alone_is_fine() -> None:
    """The suspicion is looked into."""
    assert parse(rb'{"resourceType":"Bundle","id":"\u003a"}') == {
        "resourceType": "Bundle",
        "id": ":",
    }


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_byte_order_mark_is_tolerated(mark: bytes) -> None:
    """Windows programs write one."""
    assert parse(mark + b'{"resourceType":"Bundle"}') == {"resourceType": "Bundle"}


def test_too_many_bytes_are_refused_unread() -> None:
    """The limit is on the bytes, not on what they say."""
    assert refused(b" " * (MAX_BYTES + 1)).reason is Reason.TOO_LARGE


def test_depth_is_counted_exactly() -> None:
    """The last allowed level, and one more."""
    assert isinstance(parse(nested(MAX_DEPTH)), dict)
    assert "deeper" in refused(nested(MAX_DEPTH + 1)).issues[0].text


@pytest.mark.parametrize("opening", [b"[", b"{", b'{"a":', b'[{"a":[', b'["\\"",'])
@pytest.mark.parametrize("depth", [51, 10_000, 1_000_000])
def test_any_depth_is_refused_without_harm(opening: bytes, depth: int) -> None:
    """Also where nothing is ever closed."""
    assert refused((opening * depth)[:MAX_BYTES]).reason is Reason.MALFORMED


def test_brackets_in_text_are_not_depth() -> None:
    """Narratives may hold anything."""
    text = "[{" * 100 + '"\\'
    source = orjson.dumps({"resourceType": "Bundle", "id": text})
    assert parse(source) == {"resourceType": "Bundle", "id": text}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (b"", "not JSON"),
        (b"\xff", "not UTF-8 at byte 0"),
        ('{"a":"æ"}'.encode("latin-1"), "not UTF-8 at byte 6"),
        (b'{"resourceType":"Bundle"', "not JSON"),
        (b'{"resourceType":"Bundle"}\x00', "not JSON"),
        (b'{"a":"\x00"}', "not JSON"),
        (rb'{"a":"\ud800"}', "not JSON"),
        (rb'{"a":"\udc00"}', "not JSON"),
        (b'{"a":1e999}', "not JSON"),
        (b'{"a":' + b"9" * 400 + b"}", "not JSON"),
        (b'{"a":NaN}', "not JSON"),
        (b"[]", "not an object"),
        (b'"Bundle"', "not an object"),
        (rb'{"a":"\u0000"}', "control character"),
        (rb'{"a":"\\\u0000"}', "control character"),
        (rb'{"a":"\u001F"}', "control character"),
        (rb'{"a":"\b"}', "control character"),
    ],
)
def test_what_is_not_json_is_malformed(source: bytes, text: str) -> None:
    """With a reason that a programmer can use, and none of the content."""
    refusal = refused(source)
    assert refusal.reason is Reason.MALFORMED
    assert text in refusal.issues[0].text


def test_an_escaped_backslash_before_u0000_is_text() -> None:
    """It only looks like a control character."""
    assert parse(rb'{"resourceType":"Bundle","a":"\\u0000"}') == {
        "resourceType": "Bundle",
        "a": "\\u0000",
    }


@pytest.mark.parametrize(
    ("source", "named"),
    [
        (b'{"resourceType":"Patient"}', "Patient"),
        (b"{}", "no resource type"),
        (b'{"resourceType":3}', "no resource type"),
        (b'{"resourceType":"<script>"}', "no resource type"),
    ],
)
def test_another_resource_is_refused_by_name(source: bytes, named: str) -> None:
    """JSON, but no Bundle."""
    refusal = refused(source)
    assert refusal.reason is Reason.INVALID
    assert refusal.issues[0].text.endswith(named)
