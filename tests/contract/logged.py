"""Lines of the access log for tests, and a chain that seals them."""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from carepath.service.audit import Sealer, Verdict, verify
from carepath.store import audit, times
from carepath.store.audit_tables import access_log
from carepath.store.database import Database
from carepath.store.times import instant
from pathways.access import Purpose, Role
from pathways.access_log import Act, Line, Who


def line(at: int, patient: str | None = "p", **more: Any) -> Line:
    """A line at a moment in microseconds."""
    who = more.pop("who", Who(role=Role.SYSTEM, party="ward", purpose=Purpose.TREATMENT))
    told = {"act": Act.READ, "interaction": "read", "request": "r", "outcome": "200"} | more
    return Line(id=audit.line_id(at), at=instant(at), who=who, patient=patient, **told)


def written(database: Database, *lines: Line) -> None:
    """Keep them."""
    with database.write() as conn:
        audit.write(conn, database.keys, lines)


def filled(database: Database, number: int, begins: int = 1_000_000) -> list[Line]:
    """So many lines, a millisecond apart."""
    made = [line(begins + 1000 * each, f"p{each % 3}") for each in range(number)]
    written(database, *made)
    return made


def sealed(database: Database, *, holder: str = "one") -> int:
    """Seal all that waits; how many lines."""
    sealer, total = Sealer(database, holder), 0
    while number := sealer.round():
        total += number
    return total


def checked(database: Database, now: datetime | None = None) -> Verdict:
    """The verdict."""
    return verify(database, now or instant(times.now()))


def rows(database: Database) -> list[dict[str, Any]]:
    """Every line as it is stored, by number."""
    with database.read() as conn:
        found = conn.execute(select(access_log).order_by(access_log.c.number)).mappings()
        return [dict(row) for row in found]


def changed(database: Database, id_: str, **columns: Any) -> None:
    """Somebody with the database alone changes a line."""
    with database.write() as conn:
        conn.execute(update(access_log).where(access_log.c.id == id_).values(**columns))
