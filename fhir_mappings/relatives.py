"""Relatives as RelatedPersons: everyone who was ever registered; those named in the newest list are active."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from fhir_mappings.bundle import JSON, identifiers
from fhir_mappings.codes import RELATIVE_AUTHORITY, RELATIVE_ROLE
from fhir_mappings.elements import Extension, as_identifier, codes
from fhir_mappings.parties import human_name, telecom
from fhir_mappings.references import about
from fhir_mappings.times import Unreadable, day
from pathways.corrections import standing
from pathways.facts import PersonFacts, Relative, RelativeRole, known_as
from pathways.messages import Record, stable_id
from pathways.pathway import Thread

_AUTHORITY: Final = Extension(RELATIVE_AUTHORITY, "valueString")
_ROLES: Final = {str(role): role for role in RelativeRole}


def relative(resource: JSON) -> Relative | None:
    """A RelatedPerson that has a name; roles of others' systems are no roles of ours."""
    name = human_name(resource)
    if name is None:
        return None
    relationship = resource.get("relationship", [])
    roles = (_ROLES.get(code) for code in codes(relationship, RELATIVE_ROLE))
    return Relative(
        name,
        next((one["text"] for one in relationship if one.get("text")), None),
        telecom(resource, "phone"),
        tuple(dict.fromkeys(role for role in roles if role)),
        next(iter(_AUTHORITY.find(resource)), None),
        _born(resource.get("birthDate")),
        identifiers(resource.get("identifier")),
    )


def _born(text: str | None) -> date | None:
    """Without day it is left out."""
    try:
        return day(text) if text else None
    except Unreadable:
        return None


def related_person(one: Relative) -> JSON:
    """A relative as the elements of a RelatedPerson."""
    elements: JSON = {"name": [{"text": one.name}]}
    if one.identifiers:
        elements["identifier"] = [as_identifier(known) for known in one.identifiers]
    concepts: list[JSON] = [{"text": one.relationship}] if one.relationship else []
    concepts += ({"coding": [{"system": RELATIVE_ROLE, "code": str(r)}]} for r in one.roles)
    if concepts:
        elements["relationship"] = concepts
    if one.phone is not None:
        elements["telecom"] = [{"system": "phone", "value": one.phone}]
    if one.born is not None:
        elements["birthDate"] = one.born.isoformat()
    if one.authority is not None:
        _AUTHORITY.put(elements, one.authority)
    return elements


Named = tuple[str, int]
"""A name, whatever its case, and which of its bearers in one list."""


def of_records(thread: Thread, records: Collection[Record]) -> Iterator[JSON]:
    """Every relative as told last, by what stands before what was cancelled. ``records``: all of the thread."""
    known: dict[Named, Relative] = {}
    stand = {record.id for record in standing(records).records}
    for record in sorted(records, key=lambda r: (r.id in stand, r.order)):
        known.update(_named(_relatives(record.facts)))
    now = dict(_named(_relatives(thread.facts)))
    for name, relative in sorted((known | now).items(), key=lambda pair: pair[0]):
        yield {
            "resourceType": "RelatedPerson",
            "id": stable_id("relative", thread.patient, name[0], str(name[1])),
            "active": name in now,
            "patient": about("Patient", thread.patient),
            **related_person(replace(relative, identifiers=())),  # whoever cares needs no number
        }


def _relatives(facts: object) -> Sequence[Relative]:
    return known_as(PersonFacts, facts).relatives or ()


def _named(relatives: Iterable[Relative]) -> Iterator[tuple[Named, Relative]]:
    """Relatives by name; two of one name by their order in the list."""
    bearers: Counter[str] = Counter()
    for relative in relatives:
        name = " ".join(relative.name.casefold().split())
        yield (name, bearers[name]), relative
        bearers[name] += 1
