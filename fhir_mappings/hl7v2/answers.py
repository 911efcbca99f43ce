"""What a receiver answers to a message that was sent: MSA and ERR, in whatever version it speaks.

Only codes and places are taken over, never its words: those may say who the message is about.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from fhir_mappings.hl7v2.acknowledgement import MEANINGS, UNSUPPORTED, Asked, header

_CODE: Final = re.compile(r"[A-Z0-9]{1,8}")
_SEGMENT: Final = re.compile(r"[A-Z][A-Z0-9]{2}")
_VERDICTS: Final[Mapping[str, str]] = {"A": "taken", "E": "refused", "R": "rejected"}


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """``verdict``: taken, refused, or rejected (tables 0008: AA, AE, AR; CA, CE, CR). ``about``: MSA-2."""

    verdict: str
    about: str
    codes: tuple[str, ...]  # of table 0357, in order
    reason: str  # in codes and their meanings: what and where

    @property
    def is_final(self) -> bool:
        """Whether the same message would get the same answer: it was not rejected for reasons of the receiver's own."""
        return self.verdict != "rejected" or not UNSUPPORTED.isdisjoint(self.codes)


def acknowledgement(source: bytes) -> Acknowledgement | None:
    """The answer; ``None`` when it is none that can be understood."""
    asked = header(source)
    segments = [line.split(asked.separators[0]) for line in _lines(source)]
    msa = next((fields for fields in segments if fields[0] == "MSA"), ())
    code, about = _at(msa, 1).strip(), _at(msa, 2).strip()
    verdict = _VERDICTS.get(code[1:]) if code[:1] in ("A", "C") else None
    if verdict is None:
        return None
    errors = [found for fields in segments for found in _errors(asked, fields)]
    if not errors and (alone := _code(_at(msa, 6).split(asked.separators[1])[0])):
        errors = [(alone, "")]
    told = [f"{number} {MEANINGS.get(number, '')}".strip() + place for number, place in errors]
    codes = tuple(number for number, _ in errors)
    return Acknowledgement(verdict, about, codes, ": ".join((code, ", ".join(told))).rstrip(": "))


def code_of(answer: bytes) -> str:
    """MSA-1 of an acknowledgement of ours."""
    separator = header(answer).separators[0]
    msa = next(line for line in _lines(answer) if line.startswith("MSA"))
    return _at(msa.split(separator), 1)


def control_id(source: bytes) -> str:
    """MSH-10 of a message that is sent."""
    return header(source).at(10).strip()


def _lines(source: bytes) -> list[str]:
    return re.split(r"[\r\n]+", source.decode("latin-1"))  # codes are ASCII in every character set


def _errors(asked: Asked, fields: list[str]) -> Iterator[tuple[str, str]]:
    """Code and place of each error in a segment: ERR-3 and ERR-2 since 2.5, ERR-1 before."""
    _, component, repetition, _, sub = (*asked.separators,)
    if fields[0] != "ERR":
        return
    if code := _code(_at(fields, 3).split(component)[0]):
        segment, _, number = [*_at(fields, 2).split(repetition)[0].split(component), "", "", ""][:3]
        yield code, _place(segment, number)
        return
    for one in _at(fields, 1).split(repetition):
        segment, _, number, coded = [*one.split(component), "", "", "", ""][:4]
        if code := _code(coded.split(sub)[0]):
            yield code, _place(segment, number)


def _code(text: str) -> str:
    return text if _CODE.fullmatch(text) else ""


def _place(segment: str, number: str) -> str:
    if not _SEGMENT.fullmatch(segment):
        return ""
    field = f"-{number}" if number.isascii() and number.isdigit() and len(number) < 4 else ""
    return f" ({segment}{field})"


def _at(fields: tuple[str, ...] | list[str], number: int) -> str:
    return fields[number] if number < len(fields) else ""
