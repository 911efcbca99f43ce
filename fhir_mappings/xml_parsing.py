"""Bytes to a tree of XML elements, or a refusal: what a document may do to whoever reads it, it cannot do here.

No DOCTYPE gets as far as the parser, so that there are no entities but XML's own five, and nothing that is fetched.
What stands in the document is never quoted: names in broken XML may be anything.
"""

import codecs
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from lxml import etree

from fhir_mappings.reading import MAX_BYTES
from pathways.refusals import Reason, Refusal, refuse

NO_OTHERS: Final[Mapping[bytes, str]] = MappingProxyType({})
"""FHIR is in UTF-8 or UTF-16 only."""

_UTF8, _UTF16 = "utf-8", "utf-16"
_STARTS: Final = (
    (codecs.BOM_UTF16_LE, _UTF16),
    (codecs.BOM_UTF16_BE, _UTF16),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
"""How a document begins that is not UTF-8 (https://www.w3.org/TR/xml/#sec-guessing)."""
_LIKE_XML: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*<")
_OF_UTF8: Final = (b"utf-8", b"utf8", b"us-ascii", b"ascii")
_DECLARED: Final = re.compile(
    rb"""(?:\xef\xbb\xbf)?<\?xml\s[^>]{0,200}?\bencoding\s*=\s*["']([^"'>]*)["']"""
)
_BETWEEN: Final = ((b"<!--", b"-->"), (b"<?", b"?>"))
_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_NAME: Final = re.compile(rb"<(?:[^<>/:\s]+:)?([^<>/:\s]+)[\s/>]")


def is_xml(source: bytes) -> bool:
    """Whether it begins as XML does; no JSON begins so."""
    return _LIKE_XML.match(source) is not None or source.startswith(
        tuple(start for start, _ in _STARTS)
    )


def root_name(source: bytes) -> str | None:
    """The local name of the root, whatever comes before it; ``None`` where something else than a root does."""
    head = source.removeprefix(codecs.BOM_UTF8)
    for start, encoding in _STARTS:
        if head.startswith(start):
            head = head.decode(encoding, "replace").encode()
    found = _NAME.match(head, _root_at(head))
    return found[1].decode(errors="replace") if found else None


def root_of(
    source: bytes, named: str, *, encodings: Mapping[bytes, str] = NO_OTHERS
) -> etree._Element | Refusal:
    """The document's root, without comments and processing instructions. ``named``: what is looked for, as a place.

    ``encodings``: others than UTF-8 and UTF-16 that a document may say it is in, by the names it may use.
    """
    if len(source) > MAX_BYTES:
        told = f"a message may have at most {MAX_BYTES} bytes"
        return refuse(Reason.TOO_LARGE, "too-long", told, named)
    try:
        text = _as_utf8(source, encodings)
    except UnicodeDecodeError as broken:
        return _malformed(f"not {broken.encoding.upper()} at byte {broken.start}", named)
    if text is None:
        return _malformed(_encodings(encodings), named)
    if _has_doctype(text):
        return _malformed("a DOCTYPE is not allowed", named)
    try:
        return etree.fromstring(text, _parser())
    except etree.XMLSyntaxError as problem:
        return _malformed(_explain(problem), named)


def fragment(text: str) -> etree._Element | None:
    """The root of a piece of XML, such as a narrative's div; ``None`` when it is none, or has a DOCTYPE."""
    try:
        source = text.encode()
        return None if _has_doctype(source) else etree.fromstring(source, _parser())
    except (etree.XMLSyntaxError, UnicodeEncodeError):
        return None


def _parser() -> etree.XMLParser[etree._Element]:
    """One for each document: threads would wait for each other's."""
    return etree.XMLParser(
        encoding=_UTF8,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )


def _as_utf8(source: bytes, encodings: Mapping[bytes, str]) -> bytes | None:
    """The document in UTF-8; ``None`` when it says that it is in none that is read. Raises UnicodeDecodeError."""
    for start, encoding in _STARTS:
        if source.startswith(start):
            return source.decode(encoding).encode()
    declared = _DECLARED.match(source)
    named = declared[1].lower() if declared else b"utf-8"
    if encoding_ := encodings.get(named):
        return source.decode(encoding_).encode()
    source.decode(_UTF8)
    return source.removeprefix(codecs.BOM_UTF8) if named in _OF_UTF8 else None


def _encodings(others: Mapping[bytes, str]) -> str:
    """Which are read, in words."""
    more = "".join(f", {name.upper()}" for name in dict.fromkeys(others.values()))
    return f"only UTF-8{more} and UTF-16 are read"


def _has_doctype(source: bytes) -> bool:
    """Whether a DOCTYPE stands where one can stand: before the root, after comments and instructions."""
    at = _root_at(source)
    return source.startswith(b"<!", at) and not source.startswith(b"<!--", at)


def _root_at(source: bytes) -> int:
    """Where the root begins, or a DOCTYPE; where a comment or an instruction is never closed, its begin."""
    at = 0
    while True:
        found = _SPACE.match(source, at)
        at = found.end() if found else at
        ending = next((end for begin, end in _BETWEEN if source.startswith(begin, at)), None)
        closed = source.find(ending, at + 2) if ending else -1
        if ending is None or closed < 0:
            return at
        at = closed + len(ending)


def _malformed(text: str, named: str) -> Refusal:
    return refuse(Reason.MALFORMED, "structure", text, named)


def _explain(problem: etree.XMLSyntaxError) -> str:
    """What keeps it from being XML, by the parser's own name for it, and where."""
    last = problem.error_log.last_error
    name = last.type_name.removeprefix("ERR_").removeprefix("NS_ERR_") if last else "no document"
    line, column = problem.position
    return f"not well-formed XML: {name.replace('_', ' ').lower()} (line {line}, column {column})"
