"""What was said, entry by entry: a Provenance for each, a Composition for a report, a Communication for a question.

All have the event's id, and whoever may see the entry may see them. A message that was cancelled, or replaced by
another, is entered in error: what stands is said by the others. A cancellation itself says nothing new.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from fhir_mappings import consents, times
from fhir_mappings.bundle import JSON
from fhir_mappings.codes import PATHWAY_EVENT
from fhir_mappings.elements import write_fields
from fhir_mappings.entries import stored
from fhir_mappings.options import OSLO
from fhir_mappings.profile import SHAPES
from fhir_mappings.references import about, instant, party, writing
from fhir_mappings.resources import focus
from pathways.events import RULES, Activity, EventCode, Family
from pathways.parties import Directory
from pathways.pathway import Thread
from pathways.timeline import Entry, Mark

_VOID: Final = frozenset((Mark.CANCELLED, Mark.CORRECTED, Mark.WITHOUT_EFFECT))
_ASKS: Final = frozenset(
    (EventCode.INQUIRY, EventCode.INQUIRY_FORWARDED, EventCode.CARER_UNAVAILABLE)
)


def of_entries(thread: Thread, entries: Sequence[Entry], directory: Directory) -> Iterator[JSON]:
    """The resources of these entries of a thread, oldest first; of a question, all its entries are needed."""
    replaced = _replaced(entries)
    waits = _waiting(thread, entries)
    for number, entry in enumerate(entries):
        document = _is_document(entry)
        yield stored(entry, about("Composition", entry.id) if document else None)
        if document:
            yield _composition(entry, replaced.get(entry.id, ()), directory)
        elif entry.family is Family.CONSENT and entry.code in consents.SHAPES:
            yield consents.of_entry(entry, thread, directory, stands=_stands(entry))
        elif _is_said(entry):
            answers = _answers(entry, entries[:number], entries)
            yield _communication(entry, answers, thread, directory, waits=entry is waits)
            if "Task" in SHAPES[entry.code]:
                yield _task(entry, directory, waits=entry is waits)


def _is_document(entry: Entry) -> bool:
    """Whether it is a report, or brings a letter along."""
    letter = SHAPES[entry.code].get("Composition", ())
    first = RULES[entry.code].focus[0] == "Composition" or RULES[entry.code].report
    told = first or any(getattr(entry.facts, one.name) is not None for one in letter)
    return bool(letter) and told and entry.activity is not Activity.CANCEL


def _is_said(entry: Entry) -> bool:
    """Whether it is a question, or what was said of one or of another matter."""
    return "Communication" in SHAPES[entry.code]


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
    entry: Entry, answers: Sequence[str], thread: Thread, directory: Directory, *, waits: bool
) -> JSON:
    resource: JSON = {
        "resourceType": "Communication",
        "id": entry.id,
        "status": _status(entry, "in-progress" if waits else "completed"),
        "subject": about("Patient", entry.patient),
        "sent": times.moment_text(entry.happened, OSLO),
        **party("sender", entry.sender),
    }
    if answers:
        resource["inResponseTo"] = [about("Communication", id_) for id_ in answers]
    shape = SHAPES[entry.code]["Communication"]
    write_fields(writing(directory, entry.happened.at), shape, entry.facts, resource)
    if entry.family is not Family.INQUIRY:
        shown = focus(entry.family, entry.thread, entry.patient)
        resource.setdefault("about", []).append({"reference": shown})
    if entry.asked:  # the unit that the message reached, and whose it is where that is another
        owner = thread.owner if waits and thread.owner else entry.asked
        parties = dict.fromkeys((entry.asked, owner))
        resource["recipient"] = [about("Organization", key) for key in parties]
    return resource


def _status(entry: Entry, now: str) -> str:
    return now if _stands(entry) else "entered-in-error"


def _task(entry: Entry, directory: Directory, *, waits: bool) -> JSON:
    """What a question asks somebody to do."""
    resource: JSON = {
        "resourceType": "Task",
        "id": entry.id,
        "status": _status(entry, "requested" if waits else "completed"),
        "intent": "order",
        "code": {"coding": [{"system": PATHWAY_EVENT, "code": str(entry.code)}]},
        "focus": about("Communication", entry.id),
        "for": about("Patient", entry.patient),
        **instant("authoredOn", entry.happened),
        **party("requester", entry.sender),
    }
    shape = SHAPES[entry.code]["Task"]
    write_fields(writing(directory, entry.happened.at), shape, entry.facts, resource)
    return resource | party("owner", entry.asked)


def _waiting(thread: Thread, entries: Sequence[Entry]) -> Entry | None:
    """The question that has no answer yet: the newest one, while the matter is open."""
    asked = [entry for entry in entries if entry.code in _ASKS and _stands(entry)]
    return asked[-1] if asked and thread.is_open else None


def _answers(entry: Entry, before: Sequence[Entry], entries: Sequence[Entry]) -> Sequence[str]:
    """What a message answers, forwards or corrects: what it names, else what was said before it."""
    said = [one for one in entries if _is_said(one) and one is not entry]
    named = [one.id for one in said if one.message_id == entry.target]
    earlier = [one.id for one in before if _is_said(one) and one.activity is not Activity.CANCEL]
    return named or earlier[-1:]
