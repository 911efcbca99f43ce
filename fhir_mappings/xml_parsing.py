"""Bytes to a tree of XML elements, or a refusal: what a document may do to whoever reads it, it cannot do here.

No DOCTYPE gets as far as the parser, so that there are no entities but XML's own five, and nothing that is fetched.
What stands in the document is never quoted: names in broken XML may be anything.
"""

import codecs
import re
from typing import Final

from lxml import etree

from fhir_mappings.reading import MAX_BYTES
from pathways.refusals import Reason, Refusal, refuse

_UTF8, _UTF16 = "utf-8", "utf-16"
_STARTS: Final = (
    (codecs.BOM_UTF16_LE, _UTF16),
    (codecs.BOM_UTF16_BE, _UTF16),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
"""How a document begins that is not UTF-8 (https://www.w3.org/TR/xml/#sec-guessing)."""
_LIKE_XML: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*<")
_DECLARED: Final = re.compile(rb"""<\?xml\s[^>]{0,200}?\bencoding\s*=\s*["']([^"'>]*)["']""")
_BETWEEN: Final = ((b"<!--", b"-->"), (b"<?", b"?>"))
_SPACE: Final = re.compile(rb"[ \t\r\n]*")


def is_xml(source: bytes) -> bool:
    """Whether it begins as XML does; no JSON begins so."""
    return _LIKE_XML.match(source) is not None or source.startswith(
        tuple(start for start, _ in _STARTS)
    )


def root_of(source: bytes, named: str) -> etree._Element | Refusal:
    """The document's root, without comments and processing instructions. ``named``: what is looked for, as a place."""
    if len(source) > MAX_BYTES:
        told = f"a message may have at most {MAX_BYTES} bytes"
        return refuse(Reason.TOO_LARGE, "too-long", told, named)
    try:
        text = _as_utf8(source)
    except UnicodeDecodeError as broken:
        return _malformed(f"not {broken.encoding.upper()} at byte {broken.start}", named)
    if text is None:
        return _malformed("only UTF-8 and UTF-16 are read", named)
    if _has_doctype(text):
        return _malformed("a DOCTYPE is not allowed in FHIR XML", named)
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


def _as_utf8(source: bytes) -> bytes | None:
    """The document in UTF-8; ``None`` when it says that it is neither that nor UTF-16. Raises UnicodeDecodeError."""
    for start, encoding in _STARTS:
        if source.startswith(start):
            return source.decode(encoding).encode()
    source.decode(_UTF8)
    source = source.removeprefix(codecs.BOM_UTF8)
    declared = _DECLARED.match(source)
    if declared and declared[1].lower() not in (b"utf-8", b"utf8", b"us-ascii", b"ascii"):
        return None
    return source


def _has_doctype(source: bytes) -> bool:
    """Whether a DOCTYPE stands where one can stand: before the root, after comments and instructions."""
    at = 0
    while True:
        found = _SPACE.match(source, at)
        at = found.end() if found else at
        ending = next((end for begin, end in _BETWEEN if source.startswith(begin, at)), None)
        if ending is None:
            return source.startswith(b"<!", at)
        closed = source.find(ending, at + 2)
        if closed < 0:
            return False  # never closed: no XML
        at = closed + len(ending)


def _malformed(text: str, named: str) -> Refusal:
    return refuse(Reason.MALFORMED, "structure", text, named)


def _explain(problem: etree.XMLSyntaxError) -> str:
    """What keeps it from being XML, by the parser's own name for it, and where."""
    last = problem.error_log.last_error
    name = last.type_name.removeprefix("ERR_").removeprefix("NS_ERR_") if last else "no document"
    line, column = problem.position
    return f"not well-formed XML: {name.replace('_', ' ').lower()} (line {line}, column {column})"
