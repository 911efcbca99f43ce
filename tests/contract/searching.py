"""Resources to be found, and searches for them, for the tests of search."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from hypothesis import HealthCheck, settings
from sqlalchemy import delete

from carepath.api.parameters import Asking, criterion
from carepath.store.criteria import ByPatient, Criterion
from carepath.store.database import Database
from carepath.store.resources import Viewer
from carepath.store.tables import (
    grants,
    resource_dates,
    resource_tokens,
    resource_values,
    resource_versions,
    resources,
)
from tests.contract.stored import BASE, NOW, found, searchables

JSON = dict[str, Any]
OPERATOR: Final = Viewer(None, NOW)
ASKING: Final = Asking(base_url=BASE, now=datetime(2026, 3, 11, tzinfo=UTC))
EXAMPLES: Final = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def clear(database: Database) -> None:
    """No resources, and nobody's right to see any."""
    with database.write() as conn:
        for table in (
            resources,
            resource_versions,
            resource_values,
            resource_dates,
            resource_tokens,
            grants,
        ):
            conn.execute(delete(table))


def keep(database: Database, made: Sequence[JSON]) -> list[JSON]:
    """These resources and no others; each with an id by its place."""
    clear(database)
    named = [{**resource, "id": f"r{number}"} for number, resource in enumerate(made)]
    searchables(database, [(one, {"updated": 1, "patient": "p"}) for one in named])
    return named


def asked(type_: str, name: str, value: str) -> Criterion:
    """The criterion of a parameter."""
    read = criterion(type_, name, value, ASKING)
    assert read is not None
    return read


def ids(database: Database, type_: str, name: str, value: str) -> list[str]:
    """Who is found by a parameter: the same when rows are tried one by one."""
    one = asked(type_, name, value)
    alone = found(database, type_, one, viewer=OPERATOR)
    assert found(database, type_, one, ByPatient(("p",)), viewer=OPERATOR) == alone
    return alone
