"""Timeline entries as FHIR: one Provenance each (design, *Fixed names*, ``$timeline``)."""

from html import escape
from typing import Final

from fhir_mappings.bundle import JSON
from fhir_mappings.codes import PARTY_FUNCTION, PATHWAY_EVENT, TIMELINE_MARK, XHTML
from fhir_mappings.html import to_div
from fhir_mappings.options import OSLO
from fhir_mappings.resources import focus
from fhir_mappings.times import instant_text, moment_text
from pathways.events import Activity
from pathways.timeline import Entry

_ROLES: Final = {Activity.REVISE: "revision", Activity.CANCEL: "removal"}


def provenance(entry: Entry, text: str, base_url: str) -> JSON:
    """An entry as ``$timeline`` shows it. ``text`` is its sentence, plain; struck through when another replaced it.

    The first ``entity`` is the message itself, the second the message it corrects, forwards or answers.
    """
    made = _provenance(entry, f"{base_url}/")
    made["meta"] = {"lastUpdated": instant_text(entry.received), **made.get("meta", {})}
    return made | {"text": {"status": "generated", "div": _div(entry, text)}}


def stored(entry: Entry, document: JSON | None = None) -> JSON:
    """An entry as a resource of its own, and of ``document`` where it is one.

    It has no sentence: a sentence has a language.
    """
    made = _provenance(entry, "")
    made["target"] += [document] if document else []
    return made


def _provenance(entry: Entry, base: str) -> JSON:
    tags = [{"system": TIMELINE_MARK, "code": str(mark)} for mark in sorted(entry.marks)]
    focused = focus(entry.family, entry.thread, entry.patient, entry.id)
    return {
        "resourceType": "Provenance",
        "id": entry.id,
        **({"meta": {"tag": tags}} if tags else {}),
        "target": [{"reference": f"{base}{focused}"}],
        "occurredDateTime": moment_text(entry.happened, OSLO),
        "recorded": instant_text(entry.written),
        "activity": {"coding": [{"system": PATHWAY_EVENT, "code": str(entry.code)}]},
        "agent": _agents(entry, base),
        "entity": _entities(entry),
    }


def _div(entry: Entry, text: str) -> str:
    if entry.replaced_by is None:
        return to_div(text)
    style = "text-decoration: line-through"  # FHIR's xhtml has no del
    return f'<div xmlns="{XHTML}"><span style="{style}">{escape(text, quote=False)}</span></div>'


def _agents(entry: Entry, base: str) -> list[JSON]:
    """The sender with its function, and the person who wrote on its behalf."""
    sender = {"reference": f"{base}Organization/{entry.sender}", "display": entry.sender_name}
    unit: JSON = {"who": sender}
    if entry.sender_function is not None:
        coding = {"system": PARTY_FUNCTION, "code": str(entry.sender_function)}
        unit = {"role": [{"coding": [coding]}], **unit}
    if entry.author.name is None:
        return [unit]
    return [unit, {"who": {"display": entry.author.name}, "onBehalfOf": sender}]


def _entities(entry: Entry) -> list[JSON]:
    told = [("source", entry.message_id)]
    if entry.target is not None:
        told.append((_ROLES.get(entry.activity, "derivation"), entry.target))
    return [
        {"role": role, "what": {"type": "MessageHeader", "identifier": {"value": id_}}}
        for role, id_ in told
    ]
