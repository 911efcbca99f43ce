"""Calls and answers that name one promise by the address of its Task: they belong to the matter of that."""

from dataclasses import replace

from carepath.store import promises
from carepath.store.arrivals import Arrival, PatientState
from carepath.store.unit import Unit
from pathways.events import Family
from pathways.facts import InquiryFacts, known_as
from pathways.pathway import Thread
from pathways.threads import keys_of


def pointed(unit: Unit, arrival: Arrival, patient: PatientState, root: str | None) -> Arrival:
    """The arrival in the matter of the promise it names; ``root`` is its sender's topmost parent.

    As it was, where it names none, or none of this patient's.
    """
    message = arrival.message
    named = known_as(InquiryFacts, message.facts).promise
    if named is None or message.matter is not None:
        return arrival
    thread = _matter(unit, patient, named)
    if thread is None:
        return arrival
    patient.threads.setdefault(thread.id, thread)
    patient.keys[unit.blind_key(thread.family, thread.anchor)] = thread.id
    matter = None if thread.family is Family.INQUIRY else thread.family
    belongs = replace(message, matter=matter, keys=(*message.keys, thread.anchor))
    return replace(arrival, message=belongs, keys=keys_of(belongs, arrival.sender, root))


def _matter(unit: Unit, patient: PatientState, promise: str) -> Thread | None:
    found = promises.show(unit.connection, promise)
    if found is None or found.patient != patient.key:
        return None
    threads = [patient.threads.get(found.thread), *unit.stored_threads([found.thread])]
    return next(filter(None, threads), None)
