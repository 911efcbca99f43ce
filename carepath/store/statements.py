"""What every batch asks, built once: making a statement costs SQLAlchemy as much as running it."""

from typing import Any, Final

from sqlalchemy import BindParameter, bindparam, select, text

from carepath.store.tables import (
    events,
    inbox,
    patient_identifiers,
    patients,
    promises,
    resources,
    thread_keys,
    threads,
)


def _any(name: str) -> BindParameter[Any]:
    return bindparam(name, expanding=True)


LOCK: Final = text("SELECT pg_advisory_xact_lock(n) FROM unnest(CAST(:numbers AS bigint[])) AS n")
"""PostgreSQL: wait for, and hold until the end of the transaction, ``numbers`` in their order."""

SEEN: Final = select(
    inbox.c.id,
    inbox.c.sender,
    inbox.c.format,
    inbox.c.message_id,
    inbox.c.envelope,
    inbox.c.content,
    inbox.c.verdict,
    inbox.c.status,
    inbox.c.received,
).where(inbox.c.message_id.in_(_any("ids")) | inbox.c.envelope.in_(_any("envelopes")))

BEARERS: Final = select(patient_identifiers.c.blind, patient_identifiers.c.patient).where(
    patient_identifiers.c.blind.in_(_any("blinds"))
)

IDENTIFIERS: Final = (
    select(patient_identifiers.c.patient, patient_identifiers.c.blind, patient_identifiers.c.cipher)
    .where(patient_identifiers.c.patient.in_(_any("patients")))
    .order_by(patient_identifiers.c.blind)
)

PATIENTS: Final = (
    select(patients)
    .where(patients.c.key.in_(_any("keys")))
    .order_by(patients.c.key)
    .with_for_update()
)

PLACES: Final = select(thread_keys.c.patient, thread_keys.c.blind, thread_keys.c.thread).where(
    thread_keys.c.blind.in_(_any("blinds"))
)

THREADS: Final = select(threads.c.body).where(threads.c.id.in_(_any("ids")))

HISTORIES: Final = select(events).where(events.c.thread.in_(_any("ids")))

VERSIONS: Final = select(resources).where(
    resources.c.type.in_(_any("types")), resources.c.id.in_(_any("ids"))
)

PROMISES: Final = select(promises).where(promises.c.thread.in_(_any("threads")))
