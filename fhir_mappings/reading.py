"""Bytes to a parsed FHIR JSON message, or a refusal: nothing gets further that could be read in two ways.

The rules are those of RFC 8259 and of FHIR R4's JSON format (hl7.org/fhir/R4/json.html): UTF-8, no property
twice in an object, no control characters in strings. ``orjson`` refuses the rest itself: lone surrogates,
numbers beyond a double, NaN, what follows the document.
"""

import json
import re
from typing import Any, Final

import orjson

from pathways.refusals import Reason, Refusal, refuse

MAX_BYTES: Final = 5 * 1024 * 1024
MAX_DEPTH: Final = 50
"""Objects and arrays inside each other; FHIR messages seen in the field stay below 20."""

_BOM = b"\xef\xbb\xbf"
_BRACKETS = bytes.maketrans(b"[]", b"{}")
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'{}[]"\\'))
_STRING = re.compile(rb'"[^"]*"')
_CONTROL = re.compile(rb"\\(?:[bf]|u00(?:0[0-8bcefBCEF]|1[0-9a-fA-F]))")
_SPEAKABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}")
_LONGEST_NAME: Final = 41


def parse(source: bytes, kind: str = "Bundle") -> dict[str, Any] | Refusal:
    """The resource of type ``kind`` in ``source``, as plain JSON values. Never raises, whatever the bytes.

    Refusals: TOO_LARGE; MALFORMED (not JSON that can be read in one way only); INVALID (another type).
    """
    found = json_object(source, kind)
    if isinstance(found, Refusal):
        return found
    given = found.get("resourceType")
    if given != kind:
        speakable = isinstance(given, str) and _SPEAKABLE.fullmatch(given)
        named = given if speakable else "no resource type"
        return refuse(Reason.INVALID, "invalid", f"expected a {kind}, got {named}", kind)
    return found


def json_object(source: bytes, kind: str) -> dict[str, Any] | Refusal:
    """The JSON object in ``source``, whatever it is; ``kind`` names it in refusals: TOO_LARGE, MALFORMED."""
    source = source.removeprefix(_BOM)
    if len(source) > MAX_BYTES:
        text = f"a message may have at most {MAX_BYTES} bytes"
        return refuse(Reason.TOO_LARGE, "too-long", text, kind)
    if _deeper_than(source, MAX_DEPTH):
        text = f"nested deeper than {MAX_DEPTH} levels"
        return refuse(Reason.MALFORMED, "structure", text, kind)
    try:
        parsed = orjson.loads(source)
    except orjson.JSONDecodeError as problem:
        return refuse(Reason.MALFORMED, "structure", _explain(source, problem), kind)
    return _object_read_once(parsed, source, kind)


def _object_read_once(parsed: object, source: bytes, kind: str) -> dict[str, Any] | Refusal:
    """``parsed`` if it is an object in which every property stands once."""
    if not isinstance(parsed, dict):
        return refuse(Reason.MALFORMED, "structure", "the JSON is not an object", kind)
    if _has_control(source):
        text = "a string contains a control character (below U+0020)"
        return refuse(Reason.MALFORMED, "structure", text, kind)
    if _may_repeat(parsed, source) and (repeated := _repeated(source, kind)):
        return refuse(Reason.MALFORMED, "structure", "a property is given twice", repeated)
    return parsed


def below(place: str, name: str) -> str:
    """The place of a property; the place it stands at where its name is none that FHIR could have.

    Such a name may be anything, and of any length: it is not repeated, and no path is made of it.
    """
    plain = len(name) <= _LONGEST_NAME and name.isascii() and name.isidentifier()
    return f"{place}.{name}" if plain else place


def _deeper_than(source: bytes, limit: int) -> bool:
    """Whether brackets nest deeper than ``limit``: linear passes in C, no recursion.

    Strings go first; then each pass removes the innermost pairs, so the passes needed are the depth.
    """
    skeleton = source.translate(_BRACKETS, _NOT_STRUCTURE)
    if b"\\" in skeleton:
        skeleton = skeleton.replace(b"\\\\", b"").replace(b'\\"', b"").replace(b"\\", b"")
    skeleton = _STRING.sub(b"", skeleton.replace(b'""', b""))
    for _ in range(limit):
        inner = skeleton.replace(b"{}", b"")
        if len(inner) == len(skeleton):
            break
        skeleton = inner
    return b"{}" in skeleton or skeleton.count(b"{") > limit


def _has_control(source: bytes) -> bool:
    """Whether a string holds an escaped control character; unescaped ones are not JSON at all."""
    if _CONTROL.search(source) is None:
        return False
    return _CONTROL.search(source.replace(b"\\\\", b"")) is not None  # \\u0000 is only text


def _may_repeat(parsed: dict[str, Any], source: bytes) -> bool:
    """Whether a property may have been given twice: never no when one was.

    The parser keeps the last of two, so its value written again has fewer colons than the source; unless an
    escaped colon became a plain one.
    """
    return b"\\u003" in source or orjson.dumps(parsed).count(b":") != source.count(b":")


class _Repeated(dict[str, Any]):
    """An object that has a property twice; ``name`` is that property."""

    name = ""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, marked when a property is repeated."""
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    marked = _Repeated(value)
    names = [name for name, _ in pairs]
    marked.name = next(name for name in names if names.count(name) > 1)
    return marked


def _repeated(source: bytes, kind: str) -> str | None:
    """The FHIRPath of the first repeated property, or ``None``; slow, for suspects only."""
    document = json.loads(source, object_pairs_hook=_object, parse_int=float)
    places: list[tuple[str, Any]] = [(kind, document)]
    while places:
        where, value = places.pop()
        if isinstance(value, _Repeated):
            return below(where, value.name)
        if isinstance(value, dict):
            places.extend((below(where, name), inner) for name, inner in value.items())
        elif isinstance(value, list):
            places.extend((f"{where}[{index}]", inner) for index, inner in enumerate(value))
    return None


def _explain(source: bytes, problem: orjson.JSONDecodeError) -> str:
    """What keeps ``source`` from being JSON, and where, without quoting it."""
    try:
        source.decode()
    except UnicodeDecodeError as broken:
        return f"not UTF-8 at byte {broken.start}"
    what = problem.msg.split(":")[0]
    return f"not JSON: {what} (line {problem.lineno}, column {problem.colno})"
