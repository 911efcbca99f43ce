"""A narrative (``Narrative.div``) as XML and as the string that JSON has (https://hl7.org/fhir/R4/narrative.html).

The same narrative is written in many ways, by quotes, entities and namespaces; ``normal`` is the way this broker
writes all of them.
"""

import html
import re
from typing import Final

from lxml import etree

from fhir_mappings.codes import XHTML
from fhir_mappings.xml_parsing import fragment

DIV: Final = f"{{{XHTML}}}div"
FORBIDDEN: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML cannot have in a text."""
REPLACEMENT: Final = "\ufffd"
_ONLY: Final = {None: XHTML}
_ENTITY: Final = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_OF_XML: Final = frozenset(("amp", "lt", "gt", "quot", "apos"))
_BARE: Final = re.compile(r"\s*<div(?=[\s>/])")


def to_element(div: str) -> etree._Element:
    """The div in a string; what some sender wrote that is no XML is the text of one."""
    found = _parsed(div)
    if found is None:
        found = etree.Element(DIV, nsmap=_ONLY)
        found.text = FORBIDDEN.sub(REPLACEMENT, div)
    return found


def to_text(element: etree._Element) -> str:
    """The string of a div. Its namespace is the default one, which is what browsers read."""
    whole = element if element.nsmap == _ONLY else _copied(element)
    return etree.tostring(whole, encoding="unicode", with_tail=False)


def normal(div: str) -> str:
    """The same narrative as this broker writes it; what is no XML stays as it is."""
    found = _parsed(div)
    return div if found is None else to_text(found)


def _parsed(div: str) -> etree._Element | None:
    text = _ENTITY.sub(_character, div) if "&" in div else div
    found = fragment(text)
    if found is not None and found.tag == "div":  # somebody forgot the namespace
        found = fragment(_BARE.sub(f'<div xmlns="{XHTML}"', text, count=1))
    return found if found is not None and found.tag == DIV else None


def _character(entity: re.Match[str]) -> str:
    """XML knows only five of HTML's names for characters."""
    return entity[0] if entity[1] in _OF_XML else html.escape(html.unescape(entity[0]))


def _copied(element: etree._Element, parent: etree._Element | None = None) -> etree._Element:
    """A copy without prefixes and what else the document declares; no deeper than the parser lets anything be."""
    if parent is None:
        made = etree.Element(element.tag, dict(element.attrib), nsmap=_ONLY)
    else:
        made = etree.SubElement(parent, element.tag, dict(element.attrib))
        made.tail = element.tail
    made.text = element.text
    for child in element:
        _copied(child, made)
    return made
