"""Until when a person has seen the worklist of a party. Times are microseconds."""

from typing import Final

from sqlalchemy import Connection, select

from carepath.store.tables import looks
from carepath.store.upserts import replace_rows

NOBODY: Final = ""
"""Who looks where nobody signs in: everybody at the party is one."""


def last(conn: Connection, person: str | None, party: str) -> int | None:
    """When that was; ``None``: they never said so."""
    mine = (looks.c.person == (person or NOBODY)) & (looks.c.party == party)
    return conn.execute(select(looks.c.at).where(mine)).scalar()


def saw(conn: Connection, person: str | None, party: str, at: int) -> None:
    """They have seen all until then; what they saw before, they have seen."""
    before = last(conn, person, party)
    if before is None or before < at:
        replace_rows(conn, looks, [{"person": person or NOBODY, "party": party, "at": at}])
