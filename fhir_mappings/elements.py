"""How facts stand in resources: one line per fact, read and written by the same table.

A ``Field`` joins the name of a fact, a *slot* (where in the resource) and a *kind* (what sort of value).
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from fhir_mappings import times
from fhir_mappings.bundle import JSON, Resources, identifier, identifiers
from fhir_mappings.codes import MUNICIPALITY, MUNICIPALITY_CODE
from fhir_mappings.html import to_div, to_text
from fhir_mappings.parties import party
from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading needs besides the resource: dates stand at ``written`` in ``zone``."""

    parts: Resources
    written: datetime
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class Writing:
    """What writing needs: ``refer`` puts an organisation into the Bundle and gives the Reference to it."""

    zone: tzinfo
    refer: Callable[[PartyRef], JSON]


@dataclass(frozen=True, slots=True)
class Place:
    """An element being read: the resource and the path in it, for faults."""

    resource: JSON
    path: str


# --- slots: where


class Slot(Protocol):
    """Where a value stands in a resource. ``find`` gives all there are; two that differ are a fault."""

    @property
    def path(self) -> str:
        """The FHIRPath inside the resource."""

    def find(self, resource: JSON) -> list[Any]:
        """The values that stand there."""

    def put(self, resource: JSON, value: Any) -> None:
        """Put one there."""


Step: TypeAlias = str | int


@dataclass(frozen=True, slots=True)
class At:
    """A plain path; ``0`` is the first element of a list."""

    steps: tuple[Step, ...]
    path: str = field(init=False)

    def __init__(self, *steps: Step) -> None:
        object.__setattr__(self, "steps", steps)
        dotted = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in steps)
        object.__setattr__(self, "path", dotted[1:])

    def find(self, resource: JSON) -> list[Any]:
        """The value at the path."""
        node: Any = resource
        for step in self.steps:
            if isinstance(step, int):
                node = node[step] if len(node) > step else None
            else:
                node = node.get(step)
            if node is None:
                return []
        return [node]

    def put(self, resource: JSON, value: Any) -> None:
        """Make the path and set its end."""
        node: Any = resource
        for step, following in zip(self.steps, self.steps[1:], strict=False):
            node = _enter(node, step, [] if isinstance(following, int) else {})
        _enter(node, self.steps[-1], value, replace=True)


def _enter(node: Any, step: Step, new: Any, *, replace: bool = False) -> Any:
    if isinstance(step, str):
        if replace:
            node[step] = new
        return node.setdefault(step, new)
    if len(node) <= step:
        node.append(new)
    return node[step]


@dataclass(frozen=True, slots=True)
class Extension:
    """The value of the extension with this ``url``, and what stands inside it."""

    url: str
    inner: At

    def __init__(self, url: str, *steps: str) -> None:
        object.__setattr__(self, "url", url)
        object.__setattr__(self, "inner", At(*steps))

    @property
    def path(self) -> str:
        """FHIRPath's ``extension()`` function."""
        return f"extension('{self.url}').value"

    def find(self, resource: JSON) -> list[Any]:
        """The values of all extensions with the url."""
        found = (e for e in resource.get("extension", ()) if e.get("url") == self.url)
        return [value for extension in found for value in self.inner.find(extension)]

    def put(self, resource: JSON, value: Any) -> None:
        """Add the extension."""
        added = {"url": self.url}
        self.inner.put(added, value)
        resource.setdefault("extension", []).append(added)


_ON_DISTRICT = Extension(MUNICIPALITY_CODE, "valueCoding", "code")


@dataclass(frozen=True, slots=True)
class Municipality:
    """The kommunenummer of a Patient's home (or temporary) address."""

    use: str

    @property
    def path(self) -> str:
        """The list it stands in."""
        return "address"

    def find(self, resource: JSON) -> list[Any]:
        """The numbers of the addresses with this use; an address without use is a home."""
        addresses = (a for a in resource.get("address", ()) if a.get("use", "home") == self.use)
        return [
            number
            for address in addresses
            for number in _ON_DISTRICT.find(address.get("_district") or {})
        ]

    def put(self, resource: JSON, value: Any) -> None:
        """Set it, on the address that is there already if there is one."""
        addresses = resource.setdefault("address", [])
        address = next((a for a in addresses if a.get("use") == self.use), None)
        if address is None:
            address = {"use": self.use}
            addresses.append(address)
        coding = {"system": MUNICIPALITY, "code": value}
        address["_district"] = {"extension": [{"url": MUNICIPALITY_CODE, "valueCoding": coding}]}


def codes(concepts: list[JSON] | JSON | None, system: str) -> Iterable[str]:
    """All codes of ``system`` in CodeableConcepts, in order."""
    for concept in [concepts] if isinstance(concepts, dict) else concepts or ():
        for coding in concept.get("coding", ()):
            if coding.get("system") == system and "code" in coding:
                yield coding["code"]


# --- kinds: what


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of value: from JSON (``None`` when it says nothing) and to JSON."""

    read: Callable[[Reading, Any, Place], Any]
    write: Callable[[Writing, Any], Any]


def _read_moment(reading: Reading, value: str, place: Place) -> Moment | None:
    try:
        return times.moment(value, reading.written, reading.zone)
    except times.Unreadable as wrong:
        reading.parts.fault("value", f"The value {wrong}.", place.resource, place.path)
        return None


def coded(codes: type[StrEnum]) -> Kind:
    """A code of ours; one that we do not know is a fault, not silence."""

    def read(reading: Reading, value: str, place: Place) -> StrEnum | None:
        try:
            return codes(value)
        except ValueError:
            known = ", ".join(codes)
            text = f"Unknown code; known are: {known}."
            reading.parts.fault("code-invalid", text, place.resource, place.path)
            return None

    return Kind(read, lambda _, value: str(value))


def flag(true: str, false: str) -> Kind:
    """A yes or no that is written as one of two codes; other codes say nothing."""
    meaning = {true: True, false: False}
    return Kind(lambda _, value, __: meaning.get(value), lambda _, value: true if value else false)


def concepts(system: str) -> Kind:
    """Codes of one system as a list of CodeableConcepts."""

    def write(_: Writing, value: Iterable[str]) -> list[JSON]:
        return [{"coding": [{"system": system, "code": code}]} for code in value]

    return Kind(lambda _, value, __: tuple(codes(value, system)) or None, write)


def _read_narrative(_: Reading, sections: list[JSON], __: Place) -> str | None:
    return "\n\n".join(_section_texts(sections)) or None


def _section_texts(sections: list[JSON]) -> Iterable[str]:
    for section in sections:
        if title := section.get("title"):
            yield title
        if div := section.get("text", {}).get("div"):
            yield to_text(div)
        yield from _section_texts(section.get("section", ()))


def _read_references(reading: Reading, references: list[JSON], place: Place) -> Any:
    found = [
        one
        for reference in references
        for one in (
            *identifiers(reference.get("identifier")),
            *identifiers(
                (reading.parts.resolve(reference, place.resource) or {}).get("identifier")
            ),
        )
    ]
    return tuple(dict.fromkeys(found)) or None


def as_identifier(one: Identifier) -> JSON:
    """A FHIR Identifier; without system when the sender gave none."""
    return {"system": one.system, "value": one.value} if one.system else {"value": one.value}


PLAIN = Kind(lambda _, value, __: value, lambda _, value: value)
MOMENT = Kind(_read_moment, lambda writing, value: times.moment_text(value, writing.zone))
PARTY = Kind(
    lambda reading, value, place: party(reading.parts, value, place.resource),
    lambda writing, value: writing.refer(value),
)
IDENTIFIERS = Kind(
    lambda _, value, __: identifiers(value) or None,
    lambda _, value: [as_identifier(one) for one in value],
)
IDENTIFIER = Kind(
    lambda _, value, __: (found,) if (found := identifier(value)) else None,
    lambda _, value: as_identifier(value[0]),
)
REFERENCES = Kind(
    _read_references, lambda _, value: [{"identifier": as_identifier(one)} for one in value]
)
LINKS = Kind(
    lambda _, value, __: identifiers([link["other"].get("identifier") for link in value]) or None,
    lambda _, value: [
        {"other": {"identifier": as_identifier(one)}, "type": "seealso"} for one in value
    ],
)
NARRATIVE = Kind(
    _read_narrative,
    lambda _, value: [{"text": {"status": "additional", "div": to_div(value)}}],
)
PAYLOAD = Kind(
    lambda _, value, __: (
        "\n\n".join(p["contentString"] for p in value if "contentString" in p) or None
    ),
    lambda _, value: [{"contentString": value}],
)


def _read_attachment(_: Reading, attachment: JSON, __: Place) -> str | None:
    if not attachment.get("contentType", "").startswith("text/plain"):
        return None
    try:
        return b64decode(attachment.get("data", "")).decode() or None
    except ValueError:  # neither base64 nor UTF-8: the bytes stay at Binary/{id}
        return None


def _write_attachment(_: Writing, value: str) -> JSON:
    return {"contentType": "text/plain; charset=utf-8", "data": b64encode(value.encode()).decode()}


ATTACHMENT = Kind(_read_attachment, _write_attachment)


# --- fields: the table's lines


@dataclass(frozen=True, slots=True)
class Field:
    """One fact: its name, where it stands, what it is."""

    name: str
    slot: Slot
    kind: Kind = PLAIN


Shape: TypeAlias = Mapping[str, tuple[Field, ...]]
"""Which facts stand in which resource (by FHIR type) of one event."""


def read_fields(reading: Reading, fields: Iterable[Field], resource: JSON) -> dict[str, Any]:
    """The facts that a resource states. Two different values in one slot are a fault."""
    told: dict[str, Any] = {}
    for one in fields:
        found = one.slot.find(resource)
        if not found:
            continue
        place = Place(resource, one.slot.path)
        if len(found) > 1 and any(value != found[0] for value in found):
            reading.parts.fault("invariant", "The element has two values.", resource, place.path)
        value = one.kind.read(reading, found[0], place)
        if value is not None:
            told[one.name] = value
    return told


def write_fields(writing: Writing, fields: Iterable[Field], facts: Any, resource: JSON) -> bool:
    """Put the facts into the resource; whether there was any."""
    wrote = False
    for one in fields:
        value = getattr(facts, one.name)
        if value is not None:
            one.slot.put(resource, one.kind.write(writing, value))
            wrote = True
    return wrote
