"""Bytes of a message as text. MSH-18 names the character set (HL7 table 0211).

A message without MSH-18 should be ASCII; UTF-8 is taken, too, as no text in another set looks like it by chance.
Sets of which a byte could be a frame character of MLLP (UTF-16, UTF-32) cannot come this way.
"""

import re
from collections.abc import Mapping
from typing import Final

from pathways.refusals import Reason, Refusal, refuse

UTF_8: Final = "UNICODE UTF-8"
CODECS: Final[Mapping[str, str]] = {
    "": "utf-8",
    "ASCII": "ascii",
    **{f"8859/{part}": f"iso-8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    "UNICODE": "utf-8",
    UTF_8: "utf-8",
}
"""Python's name of each character set that is understood."""

_BOM: Final = b"\xef\xbb\xbf"
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f]")
_MSH_18: Final = 17  # MSH-1 is the separator itself


def named(source: bytes) -> str:
    """The character set that MSH-18 names, the first if several; empty when it names none, or there is no MSH."""
    head = re.split(rb"[\r\n]", source.removeprefix(_BOM).lstrip()[:4096], maxsplit=1)[0]
    fields = head.split(head[3:4]) if head.startswith(b"MSH") and head[3:4] else []
    if len(fields) <= _MSH_18:
        return ""
    first = fields[_MSH_18].split(fields[1][1:2] or b"~")[0]
    return first.strip().upper().decode("ascii", "replace")


def decode(source: bytes) -> str | Refusal:
    """The text. Refused (MALFORMED, at MSH-18): an unknown set, bytes that are not of it, control characters."""
    codec = CODECS.get(named(source))
    if codec is None:
        text = "this character set is not understood: use UNICODE UTF-8 or 8859/1"
        return refuse(Reason.MALFORMED, "not-supported", text, "MSH-18")
    try:
        found = source.removeprefix(_BOM).decode(codec)
    except UnicodeDecodeError:
        return _other_set()
    return _other_set() if _CONTROL.search(found) else found


def _other_set() -> Refusal:
    text = "the bytes are not text in the character set that MSH-18 names (none: UTF-8)"
    return refuse(Reason.MALFORMED, "value", text, "MSH-18")
