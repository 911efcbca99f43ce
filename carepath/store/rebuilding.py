"""Reading and mending all of a patient's state, for ``carepath rebuild``."""

from collections.abc import Collection

from sqlalchemy import delete, select, update

from carepath.store import codec
from carepath.store.arrivals import PatientState
from carepath.store.tables import events, grants, patients, promises, resources, threads
from carepath.store.unit import Unit
from pathways.messages import Record
from pathways.pathway import Thread


def load_patients_after(unit: Unit, key: str, limit: int) -> list[PatientState]:
    """The next patients by key, locked."""
    query = select(patients).where(patients.c.key > key).order_by(patients.c.key).limit(limit)
    unit.know_patients(unit.connection.execute(query.with_for_update()))
    return sorted(unit.patients.values(), key=lambda patient: patient.key)


def records_of(unit: Unit, patient: PatientState) -> list[tuple[Record, str]]:
    """All the patient's records, each with the thread it is kept under."""
    query = select(events).where(events.c.patient == patient.key)
    rows = unit.connection.execute(query).mappings()
    return [(codec.record(row), row["thread"]) for row in rows]


def threads_of(unit: Unit, patient: PatientState) -> dict[str, Thread]:
    """All the patient's threads as they are stored."""
    query = select(threads.c.body).where(threads.c.patient == patient.key)
    found = (codec.thread(body) for (body,) in unit.connection.execute(query))
    return {thread.id: thread for thread in found}


def move_records(unit: Unit, ids: Collection[str], thread: str) -> None:
    """Keep records, the grants on them and what shows them under another thread."""
    for table, column in (
        (events, events.c.id),
        (grants, grants.c.event),
        (resources, resources.c.id),
    ):
        unit.connection.execute(update(table).where(column.in_(ids)).values(thread=thread))


def drop_threads(unit: Unit, ids: Collection[str]) -> None:
    """Forget threads that no record belongs to, and what was promised in them; what showed them is gone, too."""
    unit.connection.execute(delete(threads).where(threads.c.id.in_(ids)))
    owed = delete(promises).where(promises.c.thread.in_(ids)).returning(promises.c.id)
    gone = {*ids, *unit.connection.execute(owed).scalars()}
    shown = update(resources).where(resources.c.thread.in_(ids), resources.c.id.in_(gone))
    unit.connection.execute(shown.values(deleted=True))
