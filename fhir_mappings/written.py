"""What was said, entry by entry: a Provenance for each, a Composition for a report, a Communication for a question.

All have the event's id, and whoever may see the entry may see them. A message that was cancelled, or replaced by
another, is entered in error: what stands is said by the others. A cancellation itself says nothing new.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from fhir_mappings import times
from fhir_mappings.bundle import JSON
from fhir_mappings.codes import PATHWAY_EVENT
from fhir_mappings.elements import write_fields
from fhir_mappings.entries import stored
from fhir_mappings.options import OSLO
from fhir_mappings.profile import SHAPES
from fhir_mappings.references import about, party, writing
from pathways.events import Activity, EventCode, Family
from pathways.parties import Directory
from pathways.pathway import Thread
from pathways.timeline import Entry, Mark

_VOID: Final = frozenset((Mark.CANCELLED, Mark.CORRECTED, Mark.WITHOUT_EFFECT))
_ASKS: Final = frozenset((EventCode.INQUIRY, EventCode.INQUIRY_FORWARDED))


def of_entries(thread: Thread, entries: Sequence[Entry], directory: Directory) -> Iterator[JSON]:
    """The resources of these entries of a thread, oldest first; of a question, all its entries are needed."""
    replaced = _replaced(entries)
    waits = _waiting(thread, entries)
    for number, entry in enumerate(entries):
        document = "Composition" in SHAPES[entry.code] and entry.activity is not Activity.CANCEL
        yield stored(entry, about("Composition", entry.id) if document else None)
        if document:
            yield _composition(entry, replaced.get(entry.id, ()), directory)
        elif entry.family is Family.INQUIRY:
            answers = _answers(entry, entries[:number], entries)
            yield _communication(entry, answers, directory, waits=entry is waits)


def _replaced(entries: Sequence[Entry]) -> Mapping[str, list[str]]:
    """By the id of an entry, the ids of those it stands in the place of."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        if entry.replaced_by is not None:
            found.setdefault(entry.replaced_by, []).append(entry.id)
    return found


def _stands(entry: Entry) -> bool:
    return entry.activity is not Activity.CANCEL and not entry.marks & _VOID


# --- reports


def _composition(entry: Entry, replaced: Sequence[str], directory: Directory) -> JSON:
    amended = "amended" if entry.activity is Activity.REVISE else "final"
    resource: JSON = {
        "resourceType": "Composition",
        "id": entry.id,
        "status": amended if _stands(entry) else "entered-in-error",
        "type": {"coding": [{"system": PATHWAY_EVENT, "code": str(entry.code)}]},
        "subject": about("Patient", entry.patient),
        "date": times.moment_text(entry.happened, OSLO),
        "author": _authors(entry),
    }
    if entry.family is Family.STAY:
        resource["encounter"] = about("Encounter", entry.thread)
    if replaced:
        resource["relatesTo"] = [
            {"code": "replaces", "targetReference": about("Composition", id_)} for id_ in replaced
        ]
    shape = SHAPES[entry.code]["Composition"]
    write_fields(writing(directory, entry.happened.at), shape, entry.facts, resource)
    resource.setdefault(
        "title", str(entry.code)
    )  # FHIR wants one, and many clients read none without
    return resource


def _authors(entry: Entry) -> list[JSON]:
    unit = {**about("Organization", entry.sender), "display": entry.sender_name}
    return [unit, {"display": entry.author.name}] if entry.author.name else [unit]


# --- questions and what was said of them


def _communication(
    entry: Entry, answers: Sequence[str], directory: Directory, *, waits: bool
) -> JSON:
    status = "in-progress" if waits else "completed"
    resource: JSON = {
        "resourceType": "Communication",
        "id": entry.id,
        "status": status if _stands(entry) else "entered-in-error",
        "subject": about("Patient", entry.patient),
        "sent": times.moment_text(entry.happened, OSLO),
        **party("sender", entry.sender),
    }
    if answers:
        resource["inResponseTo"] = [about("Communication", id_) for id_ in answers]
    shape = SHAPES[entry.code]["Communication"]
    write_fields(writing(directory, entry.happened.at), shape, entry.facts, resource)
    if entry.asked:  # the unit that the message reached
        resource["recipient"] = [about("Organization", entry.asked)]
    return resource


def _waiting(thread: Thread, entries: Sequence[Entry]) -> Entry | None:
    """The question that has no answer yet: the newest one, while the matter is open."""
    asked = [entry for entry in entries if entry.code in _ASKS and _stands(entry)]
    return asked[-1] if asked and thread.is_open else None


def _answers(entry: Entry, before: Sequence[Entry], entries: Sequence[Entry]) -> Sequence[str]:
    """What a message answers, forwards or corrects: what it names, else what was said before it."""
    named = [one.id for one in entries if one.message_id == entry.target and one is not entry]
    return named or [one.id for one in before if one.activity is not Activity.CANCEL][-1:]
