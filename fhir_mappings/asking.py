"""Questions, what is said of them, and what a call or an answer is about: the elements of our own profile."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fhir_mappings import keys as of
from fhir_mappings.bundle import JSON, Resources, identifiers
from fhir_mappings.codes import ASKED_BY, DISCLOSURE, MATTER, SETTLED_WITH, TASK_DETAIL
from fhir_mappings.elements import (
    IDENTIFIERS,
    MOMENT,
    PARTY,
    PAYLOAD,
    At,
    Extension,
    Field,
    Shape,
    as_identifier,
    coded,
)
from fhir_mappings.slots import Either, Input
from pathways.events import WHOLE, EventCode, Family
from pathways.facts import Disclosure
from pathways.messages import Key, KeyRank, Message
from pathways.parties import Identifier, PartyRef


@dataclass(frozen=True, slots=True)
class _Promise:
    """The Task of one promise, by its address at the broker, among what a Communication is ``about``."""

    path: str = "about"

    def find(self, resource: JSON) -> list[Any]:
        """The ids of the Tasks."""
        named = (reference.get("reference", "") for reference in resource.get("about", ()))
        return [found[1] for address in named if (found := _TASK.search(address))]

    def put(self, resource: JSON, value: Any) -> None:
        """Add the Reference."""
        resource.setdefault("about", []).append({"reference": f"Task/{value}"})


_TASK: Final = re.compile(r"(?:^|/)Task/([A-Za-z0-9.-]{1,64})$")
_COMMUNICATION: Final = (
    Field("topic", Either(At("topic", "text"), At("topic", "coding", 0, "code"))),
    Field("text", At("payload"), PAYLOAD),
    Field("owner", At("recipient", 0), PARTY),
    Field("asker", Extension(ASKED_BY, "valueString")),
    Field("reason", At("reasonCode", 0, "text")),
    Field("disclosure", Extension(DISCLOSURE, "valueCode"), coded(Disclosure)),
    Field("settled_with", Extension(SETTLED_WITH, "valueString")),
    Field("promise", _Promise()),
    Field("identifiers", At("identifier"), IDENTIFIERS),
)
_ASKED: Final[Shape] = {"Communication": _COMMUNICATION}
_UNAVAILABLE: Final[Shape] = {
    "Communication": _COMMUNICATION,
    "Task": (
        Field("text", At("description")),
        Field("owner", At("owner"), PARTY),
        Field("since", Input(TASK_DETAIL, "since", ("valueDateTime", "valueDate")), MOMENT),
        Field("until", Input(TASK_DETAIL, "until", ("valueDateTime", "valueDate")), MOMENT),
        Field("fallback", Input(TASK_DETAIL, "fallback-plan", ("valueString",))),
        Field("identifiers", At("identifier"), IDENTIFIERS),
    ),
}
SHAPES: Final[Mapping[EventCode, Shape]] = {
    EventCode.INQUIRY: _ASKED,
    EventCode.INQUIRY_FORWARDED: _ASKED,
    EventCode.REPLY: _ASKED,
    EventCode.SETTLED_BY_PHONE: _ASKED,
    EventCode.CARER_UNAVAILABLE: _UNAVAILABLE,
}


# --- what a call or an answer is about


@dataclass(frozen=True, slots=True)
class Matter:
    """What it belongs to, where that is no question."""

    family: Family
    keys: frozenset[Key]


_ABOUT_ANYTHING: Final = frozenset((EventCode.REPLY, EventCode.SETTLED_BY_PHONE))
_TYPES: Final[Mapping[str, Family]] = {
    "Encounter": Family.STAY,
    "EpisodeOfCare": Family.STAY,
    "ServiceRequest": Family.REFERRAL,
    "Task": Family.MEASURE,
    "CarePlan": Family.PLAN,
    "Appointment": Family.MEETING,
    "CareTeam": Family.COORDINATION,
    "Consent": Family.CONSENT,
}
"""What a type stands for where the extension ``matter`` says nothing else."""
_FAMILIES: Final = {
    str(family): family
    for family in Family
    if family not in (Family.INQUIRY, Family.BROKER, Family.DEADLINE)
}
_MATTER: Final = Extension(MATTER, "valueCode")
_Named = tuple[Family, str, tuple[Identifier, ...]]  # the family, the type, its ids


def matter(
    parts: Resources, code: EventCode, communication: JSON, sender: PartyRef
) -> Matter | None:
    """The matter that ``Communication.about`` names; what answers a question belongs to that.

    The first that is named counts, with all the ids of the same family.
    """
    if code not in _ABOUT_ANYTHING or "inResponseTo" in communication:
        return None
    named = [*_named(parts, communication)]
    if not named:
        return None
    family = named[0][0]
    found = (of.keys(_rank(family, kind), ids, sender) for of_, kind, ids in named if of_ is family)
    return Matter(family, frozenset().union(*found))


def _named(parts: Resources, communication: JSON) -> Iterator[_Named]:
    for reference in communication.get("about", ()):
        there = parts.resolve(reference, communication)
        if "reference" in reference and there is None:
            continue
        kind = there["resourceType"] if there else reference.get("type", "")
        family = _TYPES.get(kind)
        for said in _MATTER.find(reference):
            family = _FAMILIES.get(said)
            if family is None:
                text = f"Unknown code; known are: {', '.join(sorted(_FAMILIES))}."
                parts.fault("code-invalid", text, communication, f"about.{_MATTER.path}")
        if family is not None:
            own = identifiers(there.get("identifier")) if there else ()
            yield family, kind, (*identifiers(reference.get("identifier")), *own)


def _rank(family: Family, kind: str) -> KeyRank:
    if family in of.NUMBERED:
        return of.NUMBERED[family].rank
    return KeyRank.EPISODE if kind == "EpisodeOfCare" else KeyRank.STAY


def write_about(message: Message, communication: JSON) -> None:
    """Name the matter of ``message`` in its Communication, one Reference for each key."""
    family = message.matter
    if family is None:
        return
    known = () if family in WHOLE else message.keys
    told = [
        _reference(family, _kind(family, one))
        | {"identifier": as_identifier(of.identifier_of(one, message.sender))}
        for one in known
    ]
    communication.setdefault("about", []).extend(told or [_reference(family, _kind(family))])


def _reference(family: Family, kind: str) -> JSON:
    reference: JSON = {"type": kind}
    if _TYPES.get(kind) is not family:
        _MATTER.put(reference, str(family))
    return reference


def _kind(family: Family, key: Key | None = None) -> str:
    """The type that stands for a family."""
    if family in of.NUMBERED:
        return of.NUMBERED[family].kind
    if key is not None and key.rank is KeyRank.EPISODE:
        return "EpisodeOfCare"
    return next((kind for kind, of_ in _TYPES.items() if of_ is family), "Encounter")
