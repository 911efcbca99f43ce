"""What releases before this one stored is found: by what they searched for at once, by everything after a rebuild."""

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from sqlalchemy import not_, select

from carepath.service.rebuild import rebuild
from carepath.store.database import Database
from carepath.store.resources import NEWEST
from carepath.store.tables import resource_dates, resource_values, resources
from carepath.store.times import instant
from fhir_mappings.indexing import Indexed, indexed
from tests.contract.keeping import BASE, Make, restore_into
from tests.contract.test_upgrade_recorded import KINDS, RELEASES

Kept = dict[tuple[str, str], Indexed]
BEFORE = {
    "Encounter": {"status", "class"},
    "ServiceRequest": {"status", "priority"},
    "Task": {"status", "code"},
    "Organization": {"name"},
}
"""What releases without an index found by their columns."""


def told(database: Database) -> Kept:
    """What every resource says that it is to be found by."""
    with database.read() as conn:
        rows = conn.execute(NEWEST.where(not_(resources.c.deleted))).mappings().all()
    return {
        (row["type"], row["id"]): indexed(orjson.loads(bytes(row["body"])), BASE) for row in rows
    }


def kept(database: Database, every: Kept) -> Kept:
    """What every one of them is found by."""
    values, dates = resource_values, resource_dates
    with database.read() as conn:
        codes = {(row[:2], tuple(row[2:])) for row in conn.execute(select(values))}
        times = {(row[:2], tuple(row[2:])) for row in conn.execute(select(dates))}
    return {
        place: Indexed(
            frozenset((n, system, value) for at, (n, system, value) in codes if at == place),
            frozenset((n, _instant(a), _instant(b)) for at, (n, a, b) in times if at == place),
        )
        for place in every
    }


def _instant(value: int | None) -> datetime | None:
    return None if value is None else instant(value)


@pytest.mark.parametrize("folder", RELEASES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_stored_is_found(make: Make, folder: Path, kind: str) -> None:
    """Migrating keeps what could be found; ``carepath rebuild`` makes the index whole."""
    database = make(kind)
    restore_into(database, folder / "store.backup", datetime.now(UTC))
    every = told(database)
    assert {type_ for type_, _ in every} >= {*BEFORE}
    for (type_, id_), there in kept(database, every).items():
        names = BEFORE.get(type_, set())
        said = {one for one in every[type_, id_].values if one[0] in names}
        if type_ == "Organization":  # an alias was no name then
            said = {one for one in said if one in there.values}
            assert said
        assert {one for one in there.values if one[0] in names} == said
        assert type_ != "Encounter" or {name for name, *_ in there.dates} == {"date"}

    rebuild(database, BASE, datetime.now(UTC))

    every = told(database)
    for place, there in kept(database, every).items():
        assert there.values == every[place].values, place
        assert there.dates == every[place].dates, place
