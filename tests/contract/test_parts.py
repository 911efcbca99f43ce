"""Who was told only a part of a matter sees what that part says, wherever they look: on both stores, over HTTP."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any, Final

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from carepath.service import Service, ServiceOptions
from carepath.service.viewers import receiver
from carepath.store import everything, matters, overview, resources, search
from carepath.store.criteria import ByPatient
from carepath.store.database import Database
from carepath.store.everything import Everything
from carepath.store.resources import Viewer
from carepath.store.search import Search
from carepath.store.tables import events, grants, promises
from carepath.store.times import micros
from carepath.store.upserts import insert_new
from pathways.events import RULES, EventCode
from pathways.facts import CourseFacts, StayFacts
from pathways.messages import Message
from pathways.parties import Identifier
from tests.contract.front import JSON, asked, told
from tests.contract.matters import REPORTS, of_person, stories, take
from tests.contract.stored import opened
from tests.contract.watching import OFFICE, WARD, Scene

C = EventCode
STAY: Final = (Identifier("https://ward.example/stays", "1"),)


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    """A ward tells the case office of one thing, and of two others it does not."""
    with opened(database_url) as database:
        made = Scene(database)
        made.tell(made.message(C.ADMISSION, WARD, StayFacts(identifiers=STAY, ward="Infeksjon")))
        made.later(hours=1)
        notice = StayFacts(identifiers=STAY, ward="Observasjon")
        made.tell(made.message(C.EARLY_NOTICE, WARD, notice, to=(OFFICE,)))
        made.later(hours=1)
        made.tell(made.message(C.LEAVE_START, WARD, StayFacts(identifiers=STAY, ward="Palliasjon")))
        yield made


def broker(scene: Scene) -> Service:
    """As it is asked."""
    return Service(scene.database, scene.options)


def encounter(scene: Scene, org: str | None) -> JSON:
    """The stay, by the one search that finds it."""
    ((entry),) = told(broker(scene), "Encounter", org)["entry"]
    found: JSON = entry["resource"]
    return found


def test_the_stay_is_what_they_were_told_of_it(scene: Scene) -> None:
    """Neither where the patient lies nor that they are on leave is the case office's to know."""
    whole, part = encounter(scene, "ward"), encounter(scene, "office")
    assert (whole["status"], part["status"]) == ("onleave", "in-progress")
    assert "Palliasjon" in str(whole)
    assert "Observasjon" in str(part)
    assert "Infeksjon" not in str(part)
    assert "Palliasjon" not in str(part)
    assert part["meta"]["lastUpdated"] < whole["meta"]["lastUpdated"]
    assert encounter(scene, None) == whole
    read = told(broker(scene), f"Encounter/{part['id']}", "office")
    assert read == part


def test_its_versions_are_those_that_came_with_what_they_were_told(scene: Scene) -> None:
    """The others are not there, and no number or time tells of them."""
    broker_, part = broker(scene), encounter(scene, "office")
    where = f"Encounter/{part['id']}/_history"
    history = told(broker_, where, "office")
    assert [one["resource"] for one in history["entry"]] == [part]
    assert history["total"] == 1
    mine = part["meta"]["versionId"]
    assert mine == "1"
    versions = [one["resource"]["meta"]["versionId"] for one in told(broker_, where)["entry"]]
    assert mine in versions
    assert len(versions) == 3
    for version in versions:
        answer = asked(broker_, f"{where}/{version}", "office")
        assert answer.status_code == (200 if version == mine else 404)
        assert asked(broker_, f"{where}/{version}", "ward").status_code == 200


def test_a_search_finds_nothing_by_what_they_were_not_told(scene: Scene) -> None:
    """Nor counts it."""
    broker_ = broker(scene)

    def number(org: str, **query: str) -> int:
        found = told(broker_, "Encounter", org, **query)
        assert len(found.get("entry", ())) == found["total"]
        return int(found["total"])

    assert number("ward", status="onleave") == 1
    assert number("office", status="onleave") == 0
    assert number("office", **{"status:not": "in-progress"}) == 0
    assert number("office") == 1
    updated = encounter(scene, "office")["meta"]["lastUpdated"]
    assert number("office", _lastUpdated=f"gt{updated}") == 0
    assert number("office", _lastUpdated=f"ge{updated}") == 1


def test_all_ways_of_reading_say_the_same(scene: Scene) -> None:
    """$everything, the timeline with what it is about, the pages, and what notifications are made of."""
    broker_, part = broker(scene), encounter(scene, "office")
    patient = part["subject"]["reference"].removeprefix("Patient/")
    for operation in ("$everything", "$timeline"):
        bundle = told(broker_, f"Patient/{patient}/{operation}", "office")
        shown = [one["resource"] for one in bundle["entry"]]
        assert [one for one in shown if one["resourceType"] == "Encounter"] == [part]
        assert "Infeksjon" not in str(bundle)
    viewer = receiver("office", micros(scene.now))
    with scene.database.seen_by(viewer) as conn:
        (sent,) = resources.each(conn, [("Encounter", part["id"])], viewer)
        (thread,) = overview.matters(conn, viewer, (patient,), None)
    assert orjson.loads(sent.body) == part
    assert isinstance(thread.facts, StayFacts)
    assert thread.facts.ward == "Observasjon"


def test_a_timeline_of_then_says_what_they_knew_then(scene: Scene) -> None:
    """Also where what they were told later changed nothing for those who know all."""
    part = encounter(scene, "office")
    patient = part["subject"]["reference"].removeprefix("Patient/")
    before = (scene.now + timedelta(minutes=30)).isoformat()
    scene.later(hours=1)
    scene.tell(scene.message(C.EARLY_NOTICE, WARD, StayFacts(identifiers=STAY, ward="Palliasjon")))
    assert encounter(scene, "office") != part
    then = told(broker(scene), f"Patient/{patient}/$timeline", "office", asOf=before)
    shown = [one["resource"] for one in then["entry"]]
    assert [one for one in shown if one["resourceType"] == "Encounter"] == [part]


def test_who_makes_nothing_of_parts_sees_none(scene: Scene) -> None:
    """Whoever forgets to say how a part is made keeps it closed."""
    part = encounter(scene, "office")
    viewer = Viewer("office", micros(scene.now))
    with scene.database.seen_by(viewer) as conn:
        assert resources.read(conn, "Encounter", part["id"], viewer) is None


def test_promises_are_for_both_sides_and_for_those_who_know_all(scene: Scene) -> None:
    """What a ward and a case office owe each other is not a nursing unit's, who was told of one thing."""
    ready = StayFacts(identifiers=STAY)
    scene.tell(scene.message(C.DISCHARGE_READY, WARD, ready, to=(OFFICE,)))
    owed = [one for one in scene.promised() if {one.responsible, one.other} == {"office", "ward"}]
    assert owed
    at = micros(scene.now)
    with (
        scene.database.write() as conn
    ):  # somebody else was told of the admission alone, and owes something elsewhere
        row = conn.execute(select(events).where(events.c.code == C.ADMISSION)).mappings().one()
        insert_new(conn, grants, [grant(row, "nursing")])
        first = select(promises).where(promises.c.id == owed[0].id)
        elsewhere = {"id": "p", "patient": "p", "thread": "t", "responsible": "nursing"}
        insert_new(conn, promises, [{**conn.execute(first).mappings().one(), **elsewhere}])
    broker_ = broker(scene)
    for one in owed:
        assert asked(broker_, f"Task/{one.id}", "office").status_code == 200
        assert asked(broker_, f"Task/{one.id}", "nursing").status_code == 404
    assert told(broker_, "Task", "nursing")["total"] == 0
    with scene.database.read() as conn:
        patient = owed[0].patient
        assert overview.owed(conn, receiver("office", at), [patient])
        assert overview.owed(conn, receiver("nursing", at), [patient]) == {}


# --- the law

CODES: Final = [one for one in REPORTS if RULES[one].facts in {StayFacts, CourseFacts}]
WORD: Final = re.compile(r"word\d+x")
_PEOPLE: Final = count(5000)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(stories(codes=CODES), st.data())
def test_of_what_they_were_not_told_no_word_is_said(
    database_url: str, story: list[Message], data: st.DataObject
) -> None:
    """Each message has a word of its own. Whatever was told to whom, corrected and joined: they read their words."""
    person = next(_PEOPLE)
    said = [of_person(_with_word(one, place), person) for place, one in enumerate(story)]
    known = data.draw(st.sets(st.sampled_from(range(len(said)))))
    with opened(database_url) as database:
        patient = take(Service(database, ServiceOptions()), said)
        ids = {said[place].id for place in known}
        with database.write() as conn:
            conn.execute(delete(grants).where(grants.c.reader == "reader"))
            rows = conn.execute(select(events).where(events.c.message_id.in_(ids))).mappings()
            insert_new(conn, grants, [grant(row, "reader") for row in rows])
        read = "".join(_read(database, patient))
    assert {*WORD.findall(read)} <= {f"word{place}x" for place in known}
    assert bool(known) == ("Patient" in read)


def _with_word(message: Message, number: int) -> Message:
    word = f"word{number}x"
    if isinstance(message.facts, StayFacts):
        return replace(message, facts=replace(message.facts, ward=word))
    assert isinstance(message.facts, CourseFacts)
    return replace(message, facts=replace(message.facts, title=word))


def _read(database: Database, patient: str) -> Iterator[str]:
    """All that there is to be read: of each resource every version, of each matter what the pages show."""
    viewer = receiver("reader", 1)
    with database.seen_by(viewer) as conn:
        about = Everything(patients=(patient,), viewer=viewer)
        found = everything.page(conn, about, count=1000, after=None)
        assert everything.total(conn, about) == len(found)
        for type_ in {one.type for one in found}:
            by_type = Search(type=type_, criteria=(ByPatient((patient,)),), viewer=viewer)
            page = search.page(conn, database.keys, by_type, count=1000, after=None)
            assert {one.found for one in page} == {one for one in found if one.type == type_}
        for one in found:
            seen = resources.history(conn, one.type, one.id, viewer, count=99, before=99)
            assert seen[0] == one
            assert len(seen) == resources.versions(conn, one.type, one.id, viewer)
            yield from (each.body.decode() for each in seen)
        yield from map(repr, matters.matters(conn, viewer, (patient,)))


def grant(event: Any, reader: str) -> dict[str, Any]:
    """The right of a reader to an entry."""
    return {
        "patient": event["patient"],
        "reader": reader,
        "event": event["id"],
        "thread": event["thread"],
        "basis": "addressed",
        "since": 0,
        "until": None,
        "pair": None,
    }
