"""What a sender is told, in HL7 v2: ACK in original and in enhanced mode, with ERR as the sender's version has it.

HL7 2.9.2: *accepted* is AA; what is wrong with the message's content is AE; AR rejects a type, version or processing
id that is not taken, and what failed for reasons of our own and may be sent again. Enhanced mode (2.9.3: MSH-15 or
MSH-16 is given): CA, CE and CR say the same of *taken in for good*; what was not, gets no second answer. A sender
learns nothing that it did not ask for. Whatever the bytes, their header is echoed as far as there is one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fhir_mappings.codes import BROKER_NAME
from fhir_mappings.hl7v2 import charsets, times
from fhir_mappings.reply import Reply
from pathways.messages import stable_id
from pathways.refusals import Issue

_SEPARATORS: Final = "|^~\\&"
_FIRST: Final = 4096  # bytes that a header is looked for in
_VERSION: Final = re.compile(r"2\.\d(\.\d)?")
_MOST_ISSUES: Final = 20
_LONGEST: Final = 80  # characters of MSA-3
_ANSWERS: Final = frozenset(("ACK", "MCF", "RRI", "ORR"))
"""Types (MSH-9) that are answers themselves: to answer them would never end."""

_OF_CODE: Final[Mapping[str, tuple[str, str]]] = {
    "structure": ("100", "Segment sequence error"),
    "required": ("101", "Required field missing"),
    "value": ("102", "Data type error"),
    "invalid": ("102", "Data type error"),
    "code-invalid": ("103", "Table value not found"),
    "not-supported": ("103", "Table value not found"),
    "too-long": ("104", "Value too long"),
    "not-found": ("204", "Unknown key identifier"),
    "duplicate": ("205", "Duplicate key identifier"),
}
_OF_PLACE: Final[Mapping[str, tuple[str, str]]] = {
    "MSH-9.1": ("200", "Unsupported message type"),
    "MSH-9.2": ("201", "Unsupported event code"),
    "MSH-11": ("202", "Unsupported processing id"),
    "MSH-12": ("203", "Unsupported version id"),
}
"""Table 0357, by FHIR's IssueType; a message is rejected for what stands at these places."""
_INTERNAL: Final = ("207", "Application internal error")
MEANINGS: Final[Mapping[str, str]] = dict((*_OF_CODE.values(), *_OF_PLACE.values(), _INTERNAL))
"""What the codes of table 0357 mean."""
UNSUPPORTED: Final = frozenset(code for code, _ in _OF_PLACE.values())
"""Those that say that messages of such a kind are not taken at all."""
_TABLE: Final = "HL70357"
_NEW_ERR: Final = "2.5"

_PLACE: Final = re.compile(r"([A-Z][A-Z0-9]{2})(?:\[(\d+)\])?(?:-(\d+)(?:\.(\d+))?)?")
_ELSEWHERE: Final[Mapping[str, str]] = {
    ".sender": "MSH-4",
    ".destination": "MSH-6",
    ".eventCoding": "MSH-9",
    ".id": "MSH-10",
    "occurred": "EVN-6",
}
"""Where the rules find fault with a message, as its FHIRPath ends, and where that stands in HL7 v2."""
_SEVERITIES: Final[Mapping[str, str]] = {"information": "I", "warning": "W"}


@dataclass(frozen=True, slots=True)
class Asked:
    """The sender's header, as far as there is one: fields by number, MSH-1 being the separator."""

    separators: str
    fields: tuple[str, ...]
    charset: str

    def at(self, number: int) -> str:
        """A field as it was written; empty when there is none."""
        return self.fields[number - 1] if number <= len(self.fields) else ""

    def line(self, *fields: str) -> str:
        """A segment, without what is empty at its end."""
        return self.separators[0].join(fields).rstrip(self.separators[0])

    def joined(self, *components: str) -> str:
        """Components, without those that are empty at the end."""
        return self.separators[1].join(components).rstrip(self.separators[1])

    def coded(self, code: tuple[str, str]) -> str:
        """A CE."""
        return self.joined(*code, _TABLE)

    def escaped(self, text: str) -> str:
        """A text of ours in a field."""
        escape = self.separators[3]
        letters = dict(zip(self.separators, "FSRET", strict=True))
        return "".join(f"{escape}{letters[c]}{escape}" if c in letters else c for c in text)

    def part(self, number: int, component: int) -> str:
        """A component of its first repetition."""
        parts = self.at(number).split(self.separators[2])[0].split(self.separators[1])
        return parts[component - 1].strip() if component <= len(parts) else ""

    @property
    def version(self) -> str:
        """The version to answer in."""
        told = self.part(12, 1)
        return told if _VERSION.fullmatch(told) else "2.5"

    @property
    def enhanced(self) -> bool:
        """Whether it says which acknowledgements it wants."""
        return bool(self.part(15, 1) or self.part(16, 1))


def acknowledgements(source: bytes, reply: Reply) -> tuple[bytes, ...]:
    """The answers that the sender wants: one in original mode; in enhanced mode none, one or two."""
    asked = header(source)
    if asked.part(9, 1) in _ANSWERS:
        return ()
    if not asked.enhanced:
        return (_ack(asked, reply, "A"),)
    levels = (("C", asked.part(15, 1)), ("A", asked.part(16, 1)))
    wanted = [level for level, condition in levels if _is_wanted(condition, reply)]
    if reply.code != "ok":
        wanted = wanted[:1]
    return tuple(_ack(asked, reply, level) for level in wanted)


def _is_wanted(condition: str, reply: Reply) -> bool:
    """MSH-15 and MSH-16 (table 0155): always, never, on success, on error."""
    if condition in ("SU", "ER"):
        return (reply.code == "ok") is (condition == "SU")
    return condition not in ("", "NE")


def header(source: bytes) -> Asked:
    """The header of whatever was sent, as far as there is one."""
    charset = charsets.named(source)
    charset = charset if charset in charsets.CODECS else ""
    found = source[:_FIRST].decode(charsets.CODECS[charset], "replace").lstrip("\ufeff \t\r\n")
    head = re.split(r"[\r\n\x1c]", found, maxsplit=1)[0]
    head = re.sub(r"[\x00-\x1f\x7f-\x9f]", "", head)
    separator = head[3:4]
    if not head.startswith("MSH") or not separator or separator.isalnum():
        return Asked(_SEPARATORS, (), charset)
    _, *fields = head.split(separator)
    own = (fields or [""])[0]
    usable = len(own) in (4, 5) and len({*own, separator}) > len(own)
    separators = separator + (own[:4] if usable else _SEPARATORS[1:])
    return Asked(separators, (separator, *fields), charset)


# --- one acknowledgement


def _ack(asked: Asked, reply: Reply, level: str) -> bytes:
    problems = [_Problem(asked, issue) for issue in reply.issues[:_MOST_ISSUES]]
    code = level + _verdict(level, reply, problems)
    errors = [problem for problem in problems if problem.severity == "E"]
    lines = [_msh(asked, reply, code)]
    if asked.version >= _NEW_ERR:
        lines.append(asked.line("MSA", code, asked.at(10)))
        lines += (problem.since_2_5() for problem in problems)
    else:
        lines.append(asked.line("MSA", code, asked.at(10), *_told_in_msa(asked, problems)))
        if errors:
            told = asked.separators[2].join(problem.before_2_5() for problem in errors)
            lines.append(asked.line("ERR", told))
    text = "".join(f"{line}\r" for line in lines)
    return text.encode(charsets.CODECS[asked.charset], "replace")


def _verdict(level: str, reply: Reply, problems: list["_Problem"]) -> str:
    """Accept, error or reject."""
    if reply.code == "ok":
        return "A"
    transient = reply.code == "transient-error" and level == "A"
    return "R" if transient or any(problem.rejects for problem in problems) else "E"


def _msh(asked: Asked, reply: Reply, code: str) -> str:
    """Sender and receiver change places; version, processing id and character set are the sender's."""
    component, trigger = asked.separators[1], asked.part(9, 2)
    kind = component.join(("ACK", trigger) if trigger else ("ACK",))
    if trigger and asked.version > "2.3":
        kind += f"{component}ACK"
    wants_none = ("NE", "NE") if asked.enhanced else ("", "")
    return asked.line(
        "MSH",
        asked.separators[1:],
        *(asked.at(5) or BROKER_NAME.upper(), asked.at(6), asked.at(3), asked.at(4)),
        *(times.text(reply.at), "", kind, stable_id(reply.id, code).replace("-", "")[:20]),
        *(asked.part(11, 1) or "P", asked.version),
        *("", "", *wants_none, "", asked.charset or charsets.UTF_8),
    )


def _told_in_msa(asked: Asked, problems: list["_Problem"]) -> tuple[str, ...]:
    """MSA-3 and MSA-6: the first thing to be told, where nothing else may be told (before 2.5)."""
    if not problems:
        return ()
    first = problems[0]
    return (asked.escaped(first.issue.text[:_LONGEST]), "", "", asked.coded(first.code))


@dataclass(frozen=True, slots=True)
class _Problem:
    """An issue, for ERR."""

    asked: Asked
    issue: Issue

    @property
    def place(self) -> str:
        """Where it is, as HL7 names places; empty when that is nowhere in the message."""
        where = self.issue.where or ""
        for ending, place in _ELSEWHERE.items():
            if where.endswith(ending):
                return place
        return where if _PLACE.fullmatch(where) else ""

    @property
    def rejects(self) -> bool:
        """Whether the message is one that is not taken at all."""
        return self.place in _OF_PLACE

    @property
    def code(self) -> tuple[str, str]:
        """HL7's code for it and what that means."""
        return _OF_PLACE.get(self.place) or _OF_CODE.get(self.issue.code, _INTERNAL)

    @property
    def severity(self) -> str:
        """Error, warning or information."""
        return _SEVERITIES.get(self.issue.severity, "E")

    def since_2_5(self) -> str:
        """ERR with location (2), code (3), severity (4), a place that has no location (7), and words (8)."""
        segment, number, field, component = self._located()
        location = (segment, number, field, "1" if component else "", component)
        told = self.asked.escaped(self.issue.text)
        elsewhere = "" if self.place else self.asked.escaped(self.issue.where or "")
        code, place = self.asked.coded(self.code), self.asked.joined(*location)
        return self.asked.line("ERR", "", place, code, self.severity, "", "", elsewhere, told)

    def before_2_5(self) -> str:
        """A repetition of ERR-1: segment, which of its name, field, and the code in sub-components."""
        segment, number, field, _ = self._located()
        code = self.asked.separators[4].join((*self.code, _TABLE))
        return self.asked.joined(segment, number, field, code)

    def _located(self) -> tuple[str, str, str, str]:
        found = _PLACE.fullmatch(self.place)
        if found is None:
            return "", "", "", ""
        segment, number, field, component = found.groups("")
        return segment, number or "1", field, component
