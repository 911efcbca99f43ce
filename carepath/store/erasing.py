"""Erasure: a patient's data key is destroyed, and nothing that was said of them is left in a row.

What stays says nothing of anybody: that messages came and places in feeds were given, so that a message that is sent
again still changes nothing and no feed has a gap; that a resource was there, for 410; the access log; and the
patient's own key, in ``erasures``, by which a backup from before is erased again when it is restored.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, insert, inspect, or_, select, tuple_, update

from carepath.store.parked import State
from carepath.store.statements import LOCK, PATIENTS
from carepath.store.tables import (
    answers,
    erasures,
    inbox,
    metadata,
    outbox,
    parked,
    patient_identifiers,
    patient_links,
    patients,
    resource_dates,
    resource_tokens,
    resource_values,
    resource_versions,
    resources,
    thread_aliases,
    threads,
)
from carepath.store.upserts import Row, insert_new
from pathways.messages import stable_id

_STAYS: Final = frozenset(
    {"inbox", "parked", "outbox", "resources", "resource_versions", "access_log", "erasures"}
)
"""Tables with a column ``patient`` whose rows are not deleted: they are emptied here, or are the access log."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """Who was erased, when (microseconds), and the messages that told of them: ids and a hash, nothing they say.

    By it a store that was restored is erased again, and takes none of these messages in a second time.
    """

    patient: str
    at: int
    messages: tuple[Row, ...] = ()


def is_known(conn: Connection, patient: str) -> bool:
    """Whether there is such a patient."""
    return conn.execute(select(patients.c.key).where(patients.c.key == patient)).first() is not None


def erased(conn: Connection) -> list[Erasure]:
    """Who was erased, as this database knows it: their messages no longer lead to them."""
    found = conn.execute(select(erasures.c.patient, erasures.c.at).order_by(erasures.c.at))
    return [Erasure(patient, at) for patient, at in found]


def erase(conn: Connection, patient: str, now: int) -> Erasure | None:
    """Erase a patient; ``None`` when none has the key, or was erased already. All in the caller's transaction."""
    _lock(conn, patient)
    known = is_known(conn, patient)
    told = select(*_NAMED).where(inbox.c.patient == patient)
    messages = [
        {str(name): value for name, value in row.items()} for row in conn.execute(told).mappings()
    ]
    _messages(conn, patient)
    _resources(conn, patient, now)
    mine = select(threads.c.id).where(threads.c.patient == patient)
    conn.execute(delete(thread_aliases).where(thread_aliases.c.thread.in_(mine)))
    conn.execute(delete(patient_links).where(patient_links.c.other == patient))
    for table in _deleted():
        conn.execute(delete(table).where(table.c.patient == patient))
    conn.execute(delete(patients).where(patients.c.key == patient))
    insert_new(conn, erasures, [{"patient": patient, "at": now}])
    return Erasure(patient, now, tuple(messages)) if known else None


_NAMED: Final = tuple(
    inbox.c[name]
    for name in (
        *("id", "sender", "format", "message_id", "envelope"),
        *("content", "verdict", "received", "media_type", "status"),
    )
)


def is_there(conn: Connection) -> bool:
    """Whether the database is old enough to know of erasures: not before it was migrated."""
    return inspect(conn).has_table(erasures.name)


def erase_again(conn: Connection, known: Iterable[Erasure]) -> None:
    """In a store that was restored: those who had been erased since, and what told of them counts as taken in."""
    for one in known:
        erase(conn, one.patient, one.at)
        empty = {"patient": None, "source": b"", "receipt": b""}
        insert_new(conn, inbox, [{**row, **empty} for row in one.messages])


def _lock(conn: Connection, patient: str) -> None:
    """Whoever brings a message about the patient waits until it is done, and then finds nobody (``Unit.load``)."""
    if conn.dialect.name == "sqlite":
        return
    borne = select(patient_identifiers.c.blind).where(patient_identifiers.c.patient == patient)
    blinds = conn.execute(borne).scalars()
    numbers = sorted(int.from_bytes(bytes(blind)[:8], signed=True) for blind in blinds)
    conn.execute(LOCK, {"numbers": numbers})
    conn.execute(PATIENTS, {"keys": [patient]}).all()


def _deleted() -> list[Table]:
    return [
        table
        for table in metadata.tables.values()
        if "patient" in table.columns and table.name not in _STAYS
    ]


def _messages(conn: Connection, patient: str) -> None:
    """What was sent and is to be sent: its bytes go, its place stays."""
    ids = [*conn.execute(select(inbox.c.id).where(inbox.c.patient == patient)).scalars()]
    conn.execute(
        delete(answers).where(answers.c.id.in_([stable_id("receipt", id_) for id_ in ids]))
    )
    gone: dict[str, Any] = {"patient": None, "source": b""}
    conn.execute(update(inbox).where(inbox.c.patient == patient).values(**gone, receipt=b""))
    aside = update(parked).where(parked.c.patient == patient)
    conn.execute(aside.where(parked.c.state == State.OPEN).values(state=State.DROPPED))
    conn.execute(aside.values(**gone, due=False, note="erased"))
    sent = update(outbox).where(or_(outbox.c.patient == patient, outbox.c.event.in_(ids)))
    conn.execute(sent.where(outbox.c.body.is_not(None)).values(body=b""))
    conn.execute(sent.values(patient=None, withheld=True))


def _resources(conn: Connection, patient: str, now: int) -> None:
    """Of each resource one version stays, which says that it is gone."""
    own = resources.c.patient == patient
    shown = [
        dict(row)
        for row in conn.execute(
            select(resources.c.type, resources.c.id, resources.c.version).where(own)
        ).mappings()
    ]
    mine = select(resources.c.type, resources.c.id).where(own)
    for table in (resource_tokens, resource_values, resource_dates, resource_versions):
        conn.execute(delete(table).where(tuple_(table.c.type, table.c.id).in_(mine)))
    if shown:
        conn.execute(insert(resource_versions), _last(shown, now))
    empty = dict.fromkeys(("thread", "status", "code", "starts", "ends", "digest", "patient"))
    last = {"version": resources.c.version + 1, "updated": now, "deleted": True}
    conn.execute(update(resources).where(own).values({**empty, **last}))


def _last(shown: Collection[dict[str, Any]], now: int) -> list[dict[str, Any]]:
    return [
        {**row, "version": row["version"] + 1, "patient": None, "updated": now, "body": b""}
        for row in shown
    ]
