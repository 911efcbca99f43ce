"""All state made again from the events. It must change nothing; what it does change was wrong.

Grants, deliveries and the inbox are facts about arrival: they are kept as they are. What was promised and is overdue
before it is seen for the first time raises no alarm.
"""

from collections.abc import Sequence
from datetime import datetime

from carepath.service.directory import Parties
from carepath.service.effects import Effects
from carepath.service.promised import promised
from carepath.service.restricted import Restricted
from carepath.service.terms import Agreed
from carepath.store import indexing, promises, rebuilding
from carepath.store.arrivals import PatientState
from carepath.store.database import Database
from carepath.store.unit import Unit
from fhir_mappings.indexing import indexed
from fhir_mappings.resources import organization
from pathways.messages import Key, Record
from pathways.pathway import Header, Thread, fold, header_told, header_with
from pathways.threads import begin, components, keys_of, place

BATCH = 100
"""Patients in one transaction."""


def rebuild(database: Database, base_url: str, now: datetime) -> int:
    """Make threads, headers and FHIR versions again; how many of them were not as they should be."""
    parties, agreed = Parties(database, open_mode=False), Agreed()
    with database.write() as connection:
        parties.refresh(connection)
        agreed.refresh(connection)
        shown = {key: organization(party) for key, party in parties.current.parties.items()}
        found = {("Organization", key): indexed(one) for key, one in shown.items()}
        indexing.write(connection, database.keys, {}, found)
    changed, last = 0, ""
    while True:
        with database.write() as connection:
            unit = Unit(connection, database.keys, now)
            patients = rebuilding.load_patients_after(unit, last, BATCH)
            if not patients:
                promises.all_known(connection)
                return changed
            kept = promised(unit, parties.current, agreed.current, quiet=True)
            effects = Effects(unit, parties.current, base_url, kept)
            changed += sum(_rebuild(unit, effects, patient) for patient in patients)
            changed += effects.keep_promises()
            changed += effects.keep_versions(anew=True)
            unit.flush()
            changed += Restricted(unit, parties.current).keep(effects.matters, anew=True)
            last = patients[-1].key


def _rebuild(unit: Unit, effects: Effects, patient: PatientState) -> int:
    kept = rebuilding.records_of(unit, patient)
    wrong = rebuilding.threads_of(unit, patient)
    changed = 0
    header = Header()
    for record in sorted((record for record, _ in kept), key=lambda r: r.received):
        header = header_told(header, record)
    for matter in components(record for record, _ in kept):
        thread, keys = _thread(patient.key, matter)
        effects.show(thread, matter, whole=True)
        header = header_with(header, thread)
        stray = [record.id for record, at in kept if record in matter and at != thread.id]
        if wrong.pop(thread.id, None) != thread or stray:
            unit.keep_thread(thread, keys, ())
            rebuilding.move_records(unit, stray, thread.id)
            changed += 1
    rebuilding.drop_threads(unit, wrong)
    changed += len(wrong) + (header != patient.header)
    patient.header, patient.changed, patient.loaded = header, True, None
    return changed


def _thread(patient: str, matter: Sequence[Record]) -> tuple[Thread, set[Key]]:
    family = matter[0].family
    keys = {key for r in matter for key in keys_of(r, r.sender, r.sender_root)}
    where = place(patient, family, keys, ())
    return fold(begin(where, patient, family), matter), keys
