"""Relatives as RelatedPersons: everyone who was ever registered; those named in the newest list are active."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from fhir_mappings.bundle import JSON
from fhir_mappings.profile import related_person
from fhir_mappings.references import about
from pathways.corrections import standing
from pathways.facts import PersonFacts, Relative
from pathways.messages import Record, stable_id
from pathways.pathway import Thread

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
            **related_person(relative),
        }


def _relatives(facts: object) -> Sequence[Relative]:
    return (facts.relatives or ()) if isinstance(facts, PersonFacts) else ()


def _named(relatives: Iterable[Relative]) -> Iterator[tuple[Named, Relative]]:
    """Relatives by name; two of one name by their order in the list."""
    bearers: Counter[str] = Counter()
    for relative in relatives:
        name = " ".join(relative.name.casefold().split())
        yield (name, bearers[name]), relative
        bearers[name] += 1
