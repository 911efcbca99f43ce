"""Narratives (``Narrative.div``, FHIR R4) and plain text, both ways.

The text that comes out is plain: no markup survives, whatever was sent. Cutting into tokens is linear in the
length, also for markup that never ends.
"""

import re
from html import escape, unescape
from typing import Final

from fhir_mappings.codes import XHTML

_TOKEN: Final = re.compile(
    r"""<!--(?:.*?-->|.*)                              # a comment, or one that never ends
      | <(/?)([A-Za-z][A-Za-z0-9]*)((?:[^<>"']|"[^<"]*"|'[^<']*')*+)>""",
    re.VERBOSE | re.DOTALL,
)
_SPACE: Final = re.compile(r"[ \t\r\n\f]+")
_SPACES: Final = re.compile(r" {2,}")
_BREAK: Final = re.compile(r" ?\n ?(?: ?\n ?)*")
_FORBIDDEN: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BREAKS: Final = frozenset(
    [
        "address",
        "blockquote",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
        "table",
        "tr",
        "ul",
    ]
)
_HIDDEN: Final = frozenset(("script", "style"))
_CELLS: Final = frozenset(("td", "th"))
_VERBATIM: Final = "white-space: pre-wrap"


def to_text(div: str) -> str:
    """The readable text of an xhtml div; what we wrote ourselves comes back letter by letter."""
    inner = div.removeprefix(_OPENING)
    if len(inner) < len(div) and "<" not in (body := inner.removesuffix("</div>")):
        return unescape(body)
    return _BREAK.sub(_gap, _SPACES.sub(" ", _flow(div))).strip()


def to_div(text: str) -> str:
    """Plain text as a valid xhtml div that keeps its line breaks and spaces; what XML forbids is left out."""
    return f"{_OPENING}{escape(_FORBIDDEN.sub('', text), quote=False)}</div>"


_OPENING: Final = f'<div xmlns="{XHTML}" style="{_VERBATIM}">'


def _flow(div: str) -> str:
    pieces: list[str] = []
    position, hidden = 0, ""
    for token in _TOKEN.finditer(div):
        if not hidden:
            pieces.append(_SPACE.sub(" ", unescape(div[position : token.start()])))
        position = token.end()
        name = (token[2] or "").lower()
        if hidden:
            hidden = "" if token[1] and name == hidden else hidden
        elif name in _HIDDEN:
            hidden = "" if token[1] or token[3].endswith("/") else name
        else:
            pieces.append(_separator(name))
    if not hidden:
        pieces.append(_SPACE.sub(" ", unescape(div[position:])))
    return "".join(pieces)


def _gap(breaks: re.Match[str]) -> str:
    """One break, or one empty line for more."""
    return "\n" if breaks[0].count("\n") == 1 else "\n\n"


def _separator(name: str) -> str:
    if name in _BREAKS:
        return "\n"
    return " " if name in _CELLS else ""
