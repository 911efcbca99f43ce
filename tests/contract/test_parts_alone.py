"""Who was told a part of a matter cannot tell that there is more: not by a version's number or time, on both stores."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any, Final, TypeAlias

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, select

from carepath.service import Service, ServiceOptions
from carepath.service.viewers import receiver
from carepath.store import everything, resources, search
from carepath.store.database import Database
from carepath.store.everything import Everything
from carepath.store.rights import ENTRIES, PERSONS, Viewer
from carepath.store.search import Search
from carepath.store.stored import Stored
from carepath.store.tables import events, grants, promises
from carepath.store.upserts import insert_new
from pathways.messages import Message
from tests.contract.matters import of_person, stories, take
from tests.contract.stored import opened
from tests.contract.test_parts import CODES, grant

Read: TypeAlias = dict[tuple[str, str], list[Stored]]
"""All versions of what is read, newest first."""
_PEOPLE: Final = count(6000)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(stories(least=3, codes=CODES), st.data())
def test_what_others_are_told_later_changes_nothing_that_they_read(
    database_url: str, story: list[Message], data: st.DataObject
) -> None:
    """Whatever is told, corrected and joined behind their back: every version is byte for byte what it was."""
    person = next(_PEOPLE)
    said = [of_person(one, person) for one in story]
    told = data.draw(st.integers(1, len(said) - 1))
    known = data.draw(st.sets(st.sampled_from(said[:told]).map(lambda one: one.id), min_size=1))
    with opened(database_url) as database:
        service = Service(database, ServiceOptions())
        patient = take(service, said[:told])
        with database.write() as conn:
            rows = conn.execute(select(events).where(events.c.message_id.in_(known))).mappings()
            insert_new(conn, grants, [grant(row, "reader") for row in rows])
        before, matters = _read(database, patient), _matters(database)
        take(service, said[told:])
        assume(
            _matters(database) == matters
        )  # two that turn out to be one have one id from then on
        assert _read(database, patient) == before
    for versions in before.values():
        numbers = [one.version for one in versions]
        assert numbers == [*range(len(numbers), 0, -1)]


def test_who_knows_all_of_it_is_asked_no_more(database: Database) -> None:
    """Of the operator and of citizens nothing is looked for that they know in part: no grant and no entry is read."""
    for viewer in (Viewer(None, 1), Viewer("person:x", 1, sights=())):
        assert viewer.knows_whole
        asked = Search(type="Encounter", viewer=viewer)
        with database.seen_by(viewer) as conn, _statements(conn) as made:
            search.total(conn, database.keys, asked)
            everything.total(conn, Everything(patients=("p",), viewer=viewer))
            resources.versions(conn, "Encounter", "e", viewer)
            resources.history(conn, "Encounter", "e", viewer, count=1, before=9)
        assert not [one for one in made if "events" in one]
        assert len([one for one in made if " resources" in one]) == 4
    assert not receiver("ward", 1).knows_whole


@contextmanager
def _statements(conn: Connection) -> Iterator[list[str]]:
    made: list[str] = []

    def note(*about: Any) -> None:
        made.append(about[2])

    event.listen(conn, "before_cursor_execute", note)
    yield made
    event.remove(conn, "before_cursor_execute", note)


def _matters(database: Database) -> set[str]:
    with database.read() as conn:
        mine = select(grants.c.thread).where(grants.c.reader == "reader")
        return {*conn.execute(mine).scalars()}


def _read(database: Database, patient: str) -> Read:
    """What shows matters; of what others promise each other they are told only while they know all."""
    viewer = receiver("reader", 1)
    with database.seen_by(viewer) as conn:
        about = Everything(patients=(patient,), viewer=viewer)
        promised = {*conn.execute(select(promises.c.id)).scalars()}
        found = [
            one
            for one in everything.page(conn, about, count=1000, after=None)
            if one.type not in ENTRIES | PERSONS and one.id not in promised
        ]
        read = {}
        for one in found:
            own = resources.history(conn, one.type, one.id, viewer, count=99, before=99)
            assert own[0] == one
            for version in own:
                number = version.version
                assert resources.vread(conn, one.type, one.id, number, viewer) == version
            read[one.place] = [replace(version, part=False) for version in own]
        return read
