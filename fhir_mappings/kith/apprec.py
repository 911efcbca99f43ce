"""AppRec 1.1 out: the answer to a message, to whoever sent it, from whoever it was for.

It needs the message's own head, which is read as far as it can be: also what is refused is answered, and what is no
XML at all (*ukjent*, unknown). Receipts themselves are never answered. Structure: AppRec-v1.1.xsd.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from fhir_mappings.codes import BROKER_NAME
from fhir_mappings.kith import names
from fhir_mappings.kith.heads import numbers
from fhir_mappings.kith.local_times import local_text
from fhir_mappings.kith.messages import ENCODINGS
from fhir_mappings.kith.parties import Level, levels
from fhir_mappings.kith.reading import Element, Reading, split
from fhir_mappings.options import OSLO
from fhir_mappings.reply import Reply
from fhir_mappings.xml_parsing import root_of
from pathways.parties import PartyRef
from pathways.refusals import Issue, Refusal

UNKNOWN: Final = "ukjent"
"""What stands where a message does not say it."""
_OK, _REFUSED, _PARTLY = ("1", "OK"), ("2", "Avvist"), ("3", "OK, feil i delmelding")
_DATE_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?", re.ASCII
)
_ERRORS: Final[Sequence[tuple[str, str, str]]] = (
    ("structure", r"MsgHead", "T01"),
    ("required", r".*/Patient/(?:Ident/Id|OffId)", "E30"),
    ("value", r".*/Patient/(?:Ident.*/Id|OffId).*", "E31"),
    ("required", r".*/Patient/(?:FamilyName|Name)", "E32"),
    (r"required|invariant", r".*Patient.*", "E36"),
    (r"required|value", r".*/(?:MsgId|AppRec/Id)", "E10"),
    ("duplicate", r".*", "E10"),
    ("not-found", r".*destination.*", "E21"),
    ("not-supported", r".*", "T10"),
    (
        r"required|value|code-invalid|structure|invariant|too-long",
        r"(?:MsgHead|Message|AppRec)/.*",
        "T02",
    ),
)
"""Which error of 8221 an issue is, by its code and its place: the first row that fits; else X99."""


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a message by its head; texts as its sender wrote them."""

    kind: str = UNKNOWN
    called: str | None = None
    issued: str | None = None
    id: str = UNKNOWN
    sender: tuple[Level, ...] = ()
    receiver: tuple[Level, ...] = ()


@dataclass(frozen=True, slots=True)
class Error:
    """One of 8221: its code and name, and our words and the place."""

    code: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Coded:
    """An AppRec's ``status`` (8258) and errors, for who writes the rest of it themselves."""

    status: str
    errors: tuple[Error, ...]


def coded(reply: Reply) -> Coded:
    """The reply in the codes of an AppRec."""
    return Coded(_status(reply)[0], tuple(map(_error, reply.issues)))


def write(source: bytes, reply: Reply) -> bytes:
    """The AppRec to ``source``; the same reply gives the same bytes."""
    return answer(head_of(source), reply)


def answer(head: Head, reply: Reply) -> bytes:
    """The AppRec to the message with that head."""
    root = etree.Element(_q("AppRec"), nsmap={None: names.APPREC_11})
    _code(root, "MsgType", "APPREC", "Applikasjonskvittering")
    _text(root, "MIGversion", "v1.1 2012-02-15")
    _text(root, "GenDate", local_text(reply.at, OSLO))
    _text(root, "Id", reply.id)
    broker = (Level("Inst", BROKER_NAME.capitalize(), ()),)
    _party(root, "Sender", ("PRIM", "Primærmottaker"), head.receiver or broker)
    _party(root, "Receiver", ("AVS", "Avsender"), head.sender or (Level("Inst", UNKNOWN, ()),))
    _code(root, "Status", *_status(reply))
    for error in coded(reply).errors:
        element = _code(root, "Error", error.code, error.name)
        element.set("S", names.ERRORS)
        element.set("OT", error.text)
    about = etree.SubElement(root, _q("OriginalMsgId"))
    _code(about, "MsgType", head.kind, head.called)
    _text(about, "IssueDate", head.issued or local_text(reply.at, OSLO))
    _text(about, "Id", head.id)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _status(reply: Reply) -> tuple[str, str]:
    """OK with an error in part is what was taken in although something is to be looked at."""
    if reply.code != "ok":
        return _REFUSED
    return _PARTLY if reply.issues else _OK


def _error(issue: Issue) -> Error:
    place = issue.where or ""
    fits = (
        error
        for code, where, error in _ERRORS
        if re.fullmatch(code, issue.code) and re.fullmatch(where, place)
    )
    error = next(fits, "X99")
    own = place.startswith(("MsgHead", "Message", "AppRec"))
    text = f"{issue.text} ({place})" if own else issue.text
    return Error(error, names.ERROR_TEXTS[error], text)


# --- what is answered


def head_of(source: bytes) -> Head:
    """What a message of whatever kind says of itself, as far as it can be read."""
    root = root_of(source, "MsgHead", encodings=ENCODINGS)
    if isinstance(root, Refusal):
        return Head()
    namespace, name = split(root)
    reading = Reading(root, frozenset((namespace, names.COMMON)), OSLO)
    top = reading.one(root, "MsgInfo") if name == "MsgHead" else root
    if top is None:
        return Head()
    kind, issued = reading.one(top, "Type"), reading.text(top, "GenDate") or ""
    sender, receiver = _parties(reading, top)
    return Head(
        kind=_short(reading.text(top, "Type")) or names.ALONE.get(namespace, UNKNOWN),
        called=_short(kind.get("DN")) if kind is not None else None,
        issued=issued if _DATE_TIME.fullmatch(issued) else None,
        id=_short(reading.text(top, "MsgId")) or UNKNOWN,
        sender=sender,
        receiver=receiver,
    )


def _parties(reading: Reading, top: Element) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """Who sent it and who it was for: in the head, or in what a message without a head is about."""
    for holder, sender, receiver in (
        ("", "Sender", "Receiver"),
        ("ServReq", "Requester", "ServProvider"),
        ("ServRprt", "ServProvider", "Requester"),
    ):
        at = reading.one(top, holder) if holder else top
        told = levels(reading, reading.one(at, sender)), levels(reading, reading.one(at, receiver))
        if any(told):
            return told
    return (), ()


def level(party: PartyRef) -> Level:
    """A party as the only level that is told of it."""
    return Level("Inst", party.name, tuple(numbers(party)))


# --- elements


def _party(root: Element, name: str, role: tuple[str, str], told: tuple[Level, ...]) -> None:
    """The house, and whoever in it sends or receives: HCP/Inst/Dept, or HCPerson."""
    element = etree.SubElement(root, _q(name))
    _code(element, "Role", *role)
    holder = etree.SubElement(element, _q("HCP"))
    for level in dict.fromkeys((told[0], told[-1])):
        holder = etree.SubElement(holder, _q(level.kind))
        if level.name:
            _text(holder, "Name", level.name)
        for type_, id_ in level.ids[:1]:
            _text(holder, "Id", id_)
            _code(holder, "TypeId", type_)


def _text(parent: Element, name: str, text: str) -> None:
    etree.SubElement(parent, _q(name)).text = text


def _code(parent: Element, name: str, value: str, called: str | None = None) -> Element:
    element = etree.SubElement(parent, _q(name))
    element.set("V", value)
    if called:
        element.set("DN", called)
    return element


def _short(text: str | None) -> str | None:
    return text[:200] if text else None


def _q(name: str) -> str:
    return f"{{{names.APPREC_11}}}{name}"
