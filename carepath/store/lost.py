"""Who lost a right: noted in the transaction that takes it away, so that what is open for them is closed.

A stream is of a whole feed and a right is of one entry, so whoever lost any is made to connect again: what they may
still see they get, from where they were. Times are microseconds.
"""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, select

from carepath.store.tables import bars, grants, lost_rights, sharing
from carepath.store.upserts import replace_rows


def note(conn: Connection, readers: Collection[str], now: int) -> None:
    """Grants of these readers are barred, ended or gone."""
    known = marks(conn, readers)
    rows = [{"reader": one, "at": max(now, known.get(one, 0) + 1)} for one in sorted({*readers})]
    replace_rows(conn, lost_rights, rows)


def marks(conn: Connection, readers: Collection[str]) -> Mapping[str, int]:
    """A number for each reader that changes whenever they lose something, however clocks run."""
    at = lost_rights.c
    rows = conn.execute(select(at.reader, at.at).where(at.reader.in_([*readers])))
    return dict(rows.all())


def ended(conn: Connection, readers: Collection[str], since: int, now: int) -> set[str]:
    """Those of the readers who lost something after ``since``, by ``now``, as was known beforehand.

    A grant ended, or a bar began. Where an agreement to share ended, it may be any of them.
    """
    of, bar, agreed = grants.c, bars.c, sharing.c
    over = select(of.reader).where(of.until > since, of.until <= now)
    begun = select(bar.reader).where(bar.begins > since, bar.begins <= now)
    parted = select(agreed.id).where(agreed.until > since, agreed.until <= now).limit(1)
    if conn.execute(parted).first() is not None:
        return {*readers}
    found = (one.where(one.selected_columns[0].in_([*readers])) for one in (over, begun))
    return {reader for one in found for reader in conn.execute(one.distinct()).scalars()}
