"""A message taken apart: segments, fields, repetitions, components.

python-hl7 splits; what it lets pass is checked here. Its ``unescape`` is not used: it logs what it cannot read,
forgets what follows an open escape, and repeats a line break as often as it is told to.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import hl7

from fhir_mappings.hl7v2 import charsets
from pathways.refusals import Issue, Reason, Refusal, refuse

MAX_BYTES: Final = 10 * 1024 * 1024
MAX_PARTS: Final = 20_000
"""Separators in a message: taking it apart costs 12 µs for each, and a report of 30 pages has 15,000."""

_HEAD: Final = re.compile(r"MSH([!-/:-@\[-`{-~])((?:(?!\1)[!-/:-@\[-`{-~]){4,5})\1")
_NAME: Final = re.compile(r"[A-Z][A-Z0-9]{2}")
_HEADS: Final = frozenset(("MSH", "BHS", "FHS"))
_NULL: Final = '""'
_UNSPEAKABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
_FORMATTING: Final[Mapping[str, str]] = {
    **dict.fromkeys((".br", ".sp", ".ce"), "\n"),
    ".sk": " ",
    **dict.fromkeys((".fi", ".nf", ".in", ".ti", "H", "N"), ""),
}
_FORMAT: Final = re.compile(r"(\.[a-z]{2}|[HN])[+-]?\d*")


@dataclass(frozen=True, slots=True)
class Value:
    """One repetition of a field: components, each of sub-components, unescaped."""

    parts: tuple[tuple[str, ...], ...] = ()

    def at(self, component: int = 1, sub: int = 1) -> str | None:
        """A component's text, counted from 1; ``None`` when it is empty or said to be deleted (``""``)."""
        found = self.parts[component - 1 : component]
        text = found[0][sub - 1].strip() if found and len(found[0]) >= sub else ""
        return None if text in ("", _NULL) else text


_NOTHING: Final = Value()


@dataclass(frozen=True, slots=True)
class Segment:
    """``number``: which of its name it is, from 1. Fields count from 1, too, as HL7 does; those of MSH as well."""

    name: str
    number: int = 1
    fields: Any = ()  # python-hl7's, which has no types
    escapes: "Escapes | None" = None

    def values(self, number: int) -> list[Value]:
        """The repetitions of a field that say anything."""
        found = [self._value(one) for one in _inside(self._field(number))]
        return [value for value in found if any(part for parts in value.parts for part in parts)]

    def value(self, number: int) -> Value:
        """The first repetition of a field."""
        return next(iter(self.values(number)), _NOTHING)

    def at(self, number: int, component: int = 1, sub: int = 1) -> str | None:
        """The text of a component in the first repetition of a field."""
        return self.value(number).at(component, sub)

    def where(self, number: int = 0, component: int = 0) -> str:
        """A place in this segment, as issues name it."""
        name = self.name if self.number == 1 else f"{self.name}[{self.number}]"
        return name + (f"-{number}" if number else "") + (f".{component}" if component else "")

    def _field(self, number: int) -> Any:
        return self.fields[number] if number < len(self.fields) else ""

    def _value(self, repetition: Any) -> Value:
        escapes = self.escapes
        return Value(
            tuple(
                tuple(escapes.undone(sub) if escapes else sub for sub in _inside(component))
                for component in _inside(repetition)
            )
        )


def _inside(node: Any) -> list[Any]:
    """What a part consists of; python-hl7 leaves out the levels that are not needed."""
    return list(node) if isinstance(node, hl7.Container) else [node]


@dataclass(frozen=True, slots=True)
class Escapes:
    """What stands for characters that would separate (HL7 2.7, 2.7.1)."""

    escape: str
    characters: Mapping[str, str]
    codec: str

    def undone(self, text: str) -> str:
        """The text that was meant; what is not understood stays as it is."""
        if self.escape in text:
            mark = re.escape(self.escape)
            text = re.sub(f"{mark}([^{mark}]*){mark}", self._character, text)
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        return _UNSPEAKABLE.sub("", text)

    def _character(self, found: re.Match[str]) -> str:
        code = found[1]
        if code in self.characters:
            return self.characters[code]
        if formatting := _FORMAT.fullmatch(code):
            return _FORMATTING.get(formatting[1], found[0])
        if code.startswith("X"):
            try:
                return bytes.fromhex(code[1:]).decode(self.codec, "replace")
            except ValueError:
                return found[0]
        return found[0]


@dataclass(slots=True)
class Content:
    """A message's segments. Reading goes on after a fault, so that a sender learns all of them at once."""

    segments: tuple[Segment, ...]
    canonical: str  # what is the same in every sending of the message
    _issues: list[Issue] = field(default_factory=list)
    _reason: Reason = Reason.INVALID

    def of(self, name: str) -> list[Segment]:
        """All segments of that name."""
        return [segment for segment in self.segments if segment.name == name]

    def first(self, name: str) -> Segment:
        """The first of that name; an empty one when there is none."""
        return next(iter(self.of(name)), Segment(name))

    def fault(self, code: str, text: str, where: str, reason: Reason = Reason.INVALID) -> None:
        """Note what is wrong, where. The first one's reason is the refusal's."""
        issue = Issue(code, text, where)
        self._reason = self._reason if self._issues else reason
        if issue not in self._issues:
            self._issues.append(issue)

    def refusal(self) -> Refusal | None:
        """Everything that was wrong, or ``None``."""
        return Refusal(self._reason, tuple(self._issues)) if self._issues else None


def parse(source: bytes) -> Content | Refusal:
    """The message in ``source``. Never raises, whatever the bytes.

    Refusals: TOO_LARGE; MALFORMED (not one message that can be read in one way only).
    """
    if len(source) > MAX_BYTES:
        return refuse(
            Reason.TOO_LARGE, "too-long", f"a message may have at most {MAX_BYTES} bytes", "MSH"
        )
    text = charsets.decode(source)
    if isinstance(text, Refusal):
        return text
    text = _with_returns(text.strip())
    head = _HEAD.match(text)
    if head is None or len({head[1], *head[2]}) <= len(head[2]):
        told = "a message begins with MSH, a separator and its encoding characters"
        return refuse(Reason.MALFORMED, "structure", told, "MSH-2")
    if sum(text.count(separator) for separator in (head[1], *head[2][:2], head[2][3])) > MAX_PARTS:
        told = f"a message may have at most {MAX_PARTS} fields and components"
        return refuse(Reason.TOO_LARGE, "too-long", told, "MSH")
    return _content(text, charsets.CODECS[charsets.named(source)])


def _with_returns(text: str) -> str:
    """Segments end with a carriage return; files from Unix end them with a line feed, from Windows with both."""
    return text.replace("\r\n", "\r") if "\r" in text else text.replace("\n", "\r")


def _content(text: str, codec: str) -> Content | Refusal:
    lines = [line for line in text.split("\r") if line.strip()]
    names = [line.split(text[3], 1)[0].strip() for line in lines]
    for number, name in enumerate(names, 1):
        if not _NAME.fullmatch(name) or (name in _HEADS and number > 1):
            told = "one message to a frame: each line a segment, the first of them MSH"
            return refuse(Reason.MALFORMED, "structure", told, f"line {number}")
    parsed = hl7.parse("\r".join(lines))
    separators, escape = str(parsed.separators), str(parsed.esc)
    characters = dict(zip("FRSTE", (*separators[1:], escape), strict=True))
    escapes = Escapes(escape, characters, codec)
    numbers = Counter[str]()
    found = []
    for name, fields in zip(names, parsed, strict=True):
        numbers[name] += 1
        found.append(Segment(name, numbers[name], fields, escapes))
    return Content(tuple(found), _canonical(lines, separators[1]))


def _canonical(lines: list[str], separator: str) -> str:
    """Without MSH-7, which some systems renew when they send again."""
    head = lines[0].split(separator)
    head[6:7] = [""] if len(head) > 6 else []
    return "\r".join((separator.join(head), *lines[1:]))
