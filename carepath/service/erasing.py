"""Erasing a patient: on somebody's decision, with a line in the access log that stays."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from carepath.store import audit, erasing
from carepath.store.database import Database
from carepath.store.encrypting import compact
from carepath.store.erasing import Erasure
from carepath.store.times import micros
from pathways.access import Purpose, Role
from pathways.access_log import Act, Line, Who


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided that a patient is erased, and why."""

    by: str
    reason: str


def erase(
    database: Database,
    patient: str,
    now: datetime,
    decision: Decision,
    note: Callable[[Erasure], None] = lambda _: None,
) -> bool:
    """Erase what is stored about a patient key, for good; false when nobody has it.

    Who decided it and why stand in the access log, encrypted, and not what was erased. ``note`` keeps it outside the
    database before it is committed; when that fails, nothing is erased.
    """
    who = Who(
        role=Role.OPERATOR,
        name=decision.by,
        purpose=Purpose.OPERATIONS,
        reason=decision.reason,
    )
    line = Line(
        id=audit.line_id(micros(now)),
        at=now,
        act=Act.ERASURE,
        who=who,
        patient=patient,
        interaction="erase",
        request="carepath erase",
        outcome="erased",
    )
    with database.write() as connection:
        if not erasing.is_known(connection, patient):
            return False
        erased = erasing.erase(connection, patient, micros(now))
        if erased is None:  # somebody else was first
            return False
        audit.write(connection, database.keys, [line])
        note(erased)
    database.keyring.forget()
    compact(database)
    return True
