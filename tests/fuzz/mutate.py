"""Inputs made from others: of JSON and XML the structure is changed, of everything the bytes."""

import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

CANARIES: Final = ("131169 00217", "Ødegård, Åse")
"""What stands for a person: no refusal may repeat it."""

LONGEST: Final = 256 * 1024
"""Bytes of a large input, about."""

_Mutation = Callable[[bytes, random.Random, Sequence[bytes]], bytes]
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|<[^<>]*>|[\w.+-]+|\s+|.', re.DOTALL)
_TEXT = re.compile(rb'"[^"\\]*"')
_ODD: Final[tuple[bytes, ...]] = (
    *(b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc3", "\u202e".encode()),
    *(b'"', b"\\", b"\\u0000", b"\\ud800", b"\\u003a", b"{", b"}", b"[", b"]", b",", b":", b"null"),
    *(b"true", b"-0", b"1e999", b"9" * 400, b"1.10", b"NaN", b'"', b"'", b"[]", b"{}", b'""'),
    *(b"<", b">", b"/>", b"</a>", b"&amp;", b"&#0;", b"&#xD800;", b"&x;", b"<!--", b"]]>"),
    *(b"<![CDATA[x]]>", b"<?x y?>", b'<!DOCTYPE a [<!ENTITY x "y">]>', b' xmlns="urn:x"'),
    *(b"2026-02-30", b"9999-12-31T23:59:59+14:00", b"0001-01-01", b"24:00", b"2026-10-25T02:30"),
    *(b"ge", b"ap", b"%00", b"%ff", b"+", b"&", b"=", b"|", b"$", b"_include", b"*", b":not", b";"),
    *(b"q=0", b"q=nan", b"*/*", b"charset=utf-16", b"fhirVersion=5.0", b"handling=strict"),
    *(b"http://", b"urn:uuid:", b"#", b"/_history/", b"https://[::1]/", b"xn--", b"\r\n", b"\t"),
)
_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1.5, 10**30, "", " ", [], {}, [None], [[]], {"": ""}),
    *("x", "\u0000", "#", "urn:uuid:", "2026-02-30", "2026", "Patient/1", "a" * 300),
    *({"resourceType": "Patient"}, {"reference": "#x"}, {"reference": "urn:uuid:x"}),
    *({"system": "urn:x", "value": "1"}, {"coding": [{"system": "urn:x", "code": "x"}]}),
    *({"start": "2026-02-02", "end": "2026-02-01"}, {"url": "x", "valueString": "y"}),
)


def mutated(source: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Another input, from one to four changes away; ``others`` lend their parts. The same chance, the same input."""
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        source = chance.choice(_MUTATIONS)(source, chance, others)
    return source


def large(source: bytes, chance: random.Random) -> bytes:
    """A piece of it very often, so that what takes too long is seen to."""
    if chance.random() < 0.2 or not source:
        return _long_name(source)
    begin = chance.randrange(len(source))
    piece = source[begin : begin + chance.choice((1, 2, 10, 200, 3000))]
    return source[:begin] + piece * (LONGEST // len(piece)) + source[begin:]


def _long_name(source: bytes) -> bytes:
    """In JSON, a very long name above very many objects."""
    below = b",".join(b'"a%d":{"b":[1]}' % n for n in range(LONGEST // 64))
    name = b"k" * (LONGEST // 2)
    return source.replace(b"{", b'{"' + name + b'":{' + below + b"},", 1)


def _tree(source: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """A value somewhere in JSON is gone, doubled, moved, or another."""
    try:
        document = json.loads(source)
    except (ValueError, RecursionError):
        return _tokens(source, chance, others)
    places = _places(document)
    if not places:
        return _tokens(source, chance, others)
    _change(chance.choice(places), places, chance)
    return json.dumps(document, ensure_ascii=chance.random() < 0.2).encode(errors="replace")


def _change(place: tuple[Any, Any], places: list[tuple[Any, Any]], chance: random.Random) -> None:
    (holder, key), (other, name) = place, chance.choice(places)
    change = chance.randrange(7)
    if change == 0:
        del holder[key]
    elif change == 1 and isinstance(holder, list):
        holder[key:key] = [holder[key]] * chance.choice((1, 2, 30))
    elif change == 2 and isinstance(holder, dict):
        holder[str(name)] = holder.pop(key)
    else:
        moved = json.loads(json.dumps(other[name]))
        deep = _deep(holder[key], chance.choice((1, 3, 60)))
        said = (chance.choice(CANARIES), chance.choice(_VALUES))
        holder[key] = chance.choice((moved, deep, *said, *said))


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Every container with every key there is in it."""
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            keys: list[Any] = [*value]
        elif isinstance(value, list):
            keys = [*range(len(value))]
        else:
            continue
        found += [(value, key) for key in keys]
        waiting += [value[key] for key in keys]
    return found


def _deep(value: Any, levels: int) -> Any:
    for _ in range(levels):
        value = [value] if levels % 2 else {"extension": value}
    return value


def _tokens(source: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """A token is gone, doubled, odd, somebody else's, or at another place."""
    found = _TOKEN.findall(source[:LONGEST])
    if not found:
        return chance.choice(_ODD)
    at, change = chance.randrange(len(found)), chance.randrange(5)
    if change == 0:
        del found[at : at + chance.choice((1, 1, 2, 8))]
    elif change == 1:
        found[at:at] = found[at : at + chance.choice((1, 4, 16))]
    elif change == 2:
        found[at] = chance.choice(_ODD)
    elif change == 3:
        lent = _TOKEN.findall(chance.choice(others)[:LONGEST]) or [b""]
        begin = chance.randrange(len(lent))
        found[at:at] = lent[begin : begin + chance.choice((1, 3, 12))]
    else:
        other = chance.randrange(len(found))
        found[at], found[other] = found[other], found[at]
    return b"".join(found)


def _bytes(source: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Bits, pieces, ends."""
    at, change = chance.randrange(len(source) + 1), chance.randrange(5)
    if change == 0:
        return source[:at]
    if change == 1:
        return source[:at] + chance.choice(_ODD) + source[at:]
    if change == 2:
        return source[:at] + source[at + chance.choice((1, 2, 40)) :]
    if change == 3:
        other = chance.choice(others)
        return source[:at] + other[chance.randrange(len(other) + 1) :]
    return source[:at] + bytes([chance.randrange(256)]) + source[at + 1 :]


def _person(source: bytes, chance: random.Random, _others: Sequence[bytes]) -> bytes:
    """Texts become canaries."""
    found = list(_TEXT.finditer(source[:LONGEST]))
    if not found:
        return source + chance.choice(CANARIES).encode()
    place = chance.choice(found)
    return (
        source[: place.start() + 1] + chance.choice(CANARIES).encode() + source[place.end() - 1 :]
    )


_MUTATIONS: Final[tuple[_Mutation, ...]] = (
    *(_tree, _tree, _tree, _tree, _tokens, _tokens, _tokens),
    *(_bytes, _person),
)
