"""No audit, no data: every interaction and page that tells of a patient leaves its line; without it, nothing leaves."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import delete, select
from starlette.routing import Route, WebSocketRoute

from carepath.api.app import ROUTES, application
from carepath.api.exchange import ORGANISATION
from carepath.store import audit, numbering
from carepath.store.audit import Asked
from carepath.store.audit_tables import access_log
from carepath.store.database import Database
from carepath.store.tables import events, outbox, promises, resources
from carepath.ui.routes import OWN_DOOR
from pathways.access import Basis, Purpose, Role
from pathways.access_log import Act, Line
from pathways.events import EventCode
from pathways.facts import StayFacts
from tests.contract.door import STAY, Door, closed_door, someone
from tests.contract.front import ADDRESS, context, open_pages
from tests.contract.silent import SILENT
from tests.contract.test_notifications import subscribed

JSON = dict[str, Any]
READER = "town-case-office"


@dataclass(frozen=True)
class Scene:
    """A broker that knows of one patient, and what there is to be asked for."""

    door: Door
    patient: str
    event: str
    item: str
    message: str
    stay: str
    subscription: str

    @property
    def database(self) -> Database:
        """Its store."""
        return self.door.service.database

    @property
    def owed(self) -> str:
        """What the case office owes an answer."""
        with self.database.read() as conn:
            wanted = select(promises.c.id).where(promises.c.kind == "capacity-answer")
            return str(conn.execute(wanted).scalar_one())

    def lines(self) -> list[Line]:
        """All lines, oldest first."""
        with self.database.read() as conn:
            return audit.listed(conn, self.database.keys, Asked(), limit=1000)[::-1]

    def forget(self) -> None:
        """Begin the log anew."""
        with self.database.write() as conn:
            conn.execute(delete(access_log))


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    """The ward told the case office of an admission."""
    with closed_door(database_url) as door:
        answer = door.tell(EventCode.ADMISSION, "ward", READER, facts=StayFacts(identifiers=STAY))
        assert answer.status == 200, answer.body
        database = door.service.database
        subscription = subscribed(database, READER)
        door.tell(EventCode.DISCHARGE_READY, "ward", READER, facts=StayFacts(identifiers=STAY))
        with database.write() as conn:
            numbering.number(conn)
        with database.read() as conn:
            first = select(events).where(events.c.code == "admission")
            event = conn.execute(first).mappings().one()
            mine = (outbox.c.receiver == READER) & (outbox.c.event == event["id"])
            item = conn.execute(select(outbox.c.id).where(mine)).scalar_one()
            stay = select(resources.c.id).where(resources.c.type == "Encounter")
            yield Scene(
                door=door,
                patient=event["patient"],
                event=event["id"],
                item=item,
                message=event["message_id"],
                stay=conn.execute(stay).scalar_one(),
                subscription=subscription,
            )


Send = Callable[[httpx.AsyncClient], Any]


def ask(scene: Scene, send: Send, org: str | None = None) -> httpx.Response:
    """What the whole application answers, pages and all."""
    broker = context(scene.door.service)
    inside = httpx.ASGITransport(
        application(broker, open_pages(broker, scene.door.service), OWN_DOOR),
        client=("127.0.0.1", 1),
        raise_app_exceptions=False,
    )
    headers = {ORGANISATION: org} if org else {}

    async def call() -> httpx.Response:
        async with httpx.AsyncClient(transport=inside, base_url=ADDRESS, headers=headers) as client:
            found: httpx.Response = await send(client)
            return found

    return asyncio.run(call())


def get(path: str, **query: str) -> Send:
    """GET it."""
    return lambda client: client.get(path, params=query or None)


def post(path: str, *parameters: JSON) -> Send:
    """POST Parameters."""
    body = {"resourceType": "Parameters"} | ({"parameter": parameters} if parameters else {})
    said = {"Content-Type": "application/fhir+json"}
    return lambda client: client.post(path, content=orjson.dumps(body), headers=said)


def form(path: str, **fields: str) -> Send:
    """POST a form."""
    return lambda client: client.post(path, data=fields)


@dataclass(frozen=True)
class Asking:
    """How a route is asked so that it tells of the patient, and what its line then says: types that were shown."""

    send: Callable[[Scene], Send]
    shown: frozenset[str]
    org: str | None = READER
    act: Act = Act.READ


def _asking(
    path: Callable[[Scene], Send], *shown: str, org: str | None = READER, act: Act = Act.READ
) -> Asking:
    return Asking(path, frozenset(shown), org, act)


READERS: dict[str, Asking] = {
    "GET /fhir/$mailbox": _asking(lambda s: get("/fhir/$mailbox"), "Bundle", act=Act.DELIVERY),
    "GET /fhir/$worklist": _asking(
        lambda s: get("/fhir/$worklist"), "Task", org=None, act=Act.QUERY
    ),
    "POST /fhir/$worklist": _asking(
        lambda s: post("/fhir/$worklist"), "Task", org=None, act=Act.QUERY
    ),
    "GET /fhir/Patient/{id}/$timeline": _asking(
        lambda s: get(f"/fhir/Patient/{s.patient}/$timeline"), "Patient", "Provenance", "Encounter"
    ),
    "GET /fhir/Patient/{id}/$summary": _asking(
        lambda s: get(f"/fhir/Patient/{s.patient}/$summary"), "Patient"
    ),
    "GET /fhir/Patient/{id}/$everything": _asking(
        lambda s: get(f"/fhir/Patient/{s.patient}/$everything"), "Patient", "Encounter"
    ),
    "POST /fhir/Patient/{id}/$everything": _asking(
        lambda s: post(f"/fhir/Patient/{s.patient}/$everything"), "Patient", "Encounter"
    ),
    "GET /fhir/Patient/{id}/$access-log": _asking(
        lambda s: get(f"/fhir/Patient/{s.patient}/$access-log"), "AuditEvent", org=None
    ),
    "GET /fhir/AuditEvent": _asking(
        lambda s: get("/fhir/AuditEvent", patient=s.patient), "AuditEvent", org=None
    ),
    "GET /fhir/AuditEvent/{id}": _asking(
        lambda s: get(f"/fhir/AuditEvent/{s.lines()[0].id}"), "AuditEvent", org=None
    ),
    "GET /fhir/Encounter/{id}/$payment-days": _asking(
        lambda s: get(f"/fhir/Encounter/{s.stay}/$payment-days"), "Encounter", org=None
    ),
    "GET /fhir/MessageHeader/{id}/$where": _asking(
        lambda s: get(f"/fhir/MessageHeader/{s.message}/$where"), "MessageHeader"
    ),
    "GET /fhir/Binary/{id}": _asking(lambda s: get(f"/fhir/Binary/{s.event}"), "Binary"),
    "GET /fhir/Bundle/{id}": _asking(lambda s: get(f"/fhir/Bundle/{s.item}"), "Bundle"),
    "GET /fhir/Subscription/{id}/$events": _asking(
        lambda s: get(f"/fhir/Subscription/{s.subscription}/$events"),
        *("Bundle", "Encounter"),
        act=Act.DELIVERY,
    ),
    "POST /fhir/Subscription/{id}/$events": _asking(
        lambda s: post(f"/fhir/Subscription/{s.subscription}/$events"),
        *("Bundle", "Encounter"),
        act=Act.DELIVERY,
    ),
    "GET /fhir/{type}": _asking(lambda s: get("/fhir/Encounter"), "Encounter", act=Act.QUERY),
    "POST /fhir/{type}/_search": _asking(
        lambda s: form("/fhir/Encounter/_search", _id=s.stay), "Encounter", act=Act.QUERY
    ),
    "GET /fhir/{type}/{id}": _asking(lambda s: get(f"/fhir/Encounter/{s.stay}"), "Encounter"),
    "GET /fhir/{type}/{id}/_history": _asking(
        lambda s: get(f"/fhir/Encounter/{s.stay}/_history"), "Encounter"
    ),
    "GET /fhir/{type}/{id}/_history/{version}": _asking(
        lambda s: get(f"/fhir/Encounter/{s.stay}/_history/1"), "Encounter"
    ),
    "GET /": _asking(lambda s: get("/"), "Patient", org=None, act=Act.QUERY),
    "GET /patients/{id}": _asking(
        lambda s: get(f"/patients/{s.patient}"), "Patient", "Provenance", org=None
    ),
    "GET /patients/{id}/plan": _asking(
        lambda s: get(f"/patients/{s.patient}/plan"), "Patient", "Provenance", org=None
    ),
    "GET /send": _asking(
        lambda s: get(f"/send?patient={s.patient}"), "Patient", "Provenance", org=None
    ),
    "POST /send": _asking(
        lambda s: form("/send", patient=s.patient, event="admission"), "Patient", org=None
    ),
    "GET /send/{id}": _asking(lambda s: get(f"/send/{s.message}"), "Provenance", org=None),
    "GET /worklist": _asking(
        lambda s: get("/worklist"), "Patient", "Task", org=None, act=Act.QUERY
    ),
    "POST /worklist": _asking(
        lambda s: form("/worklist", text="kari"), "Task", org=None, act=Act.QUERY
    ),
    "GET /worklist/{id}": _asking(
        lambda s: get(f"/worklist/{s.owed}"), "Task", "Provenance", org=None
    ),
    "GET /worklist/{id}/{deed}": _asking(
        lambda s: get(f"/worklist/{s.owed}/can"), "Task", "Provenance", org=None
    ),
}
"""Every route that tells of patients."""


def _name(route: object) -> list[str]:
    if isinstance(route, WebSocketRoute):
        return [f"WS {route.path_format}"]
    if isinstance(route, Route):
        methods = (route.methods or set()) - {"HEAD"}
        return [f"{method} {route.path_format}" for method in methods]
    return []


def test_every_route_is_known_to_tell_or_not_to(scene: Scene) -> None:
    """A new one fails here until it is named above."""
    pages = open_pages(context(scene.door.service), scene.door.service)
    every = {name for route in [*ROUTES, *pages] for name in _name(route)}
    assert every == READERS.keys() | SILENT.keys()
    assert not READERS.keys() & SILENT.keys()


@pytest.mark.parametrize("route", READERS)
def test_every_reader_leaves_exactly_its_line(scene: Scene, route: str) -> None:
    """Who, why, of whom, what, how it ended."""
    asking = READERS[route]
    ask(scene, get(f"/fhir/Encounter/{scene.stay}"))  # something is in the log
    send = asking.send(scene)
    before = {line.id for line in scene.lines()}
    answer = ask(scene, send, asking.org)
    assert answer.status_code == 200, answer.text
    (line,) = [one for one in scene.lines() if one.id not in before]
    assert line.patient == scene.patient
    assert asking.shown <= line.shown.keys()
    assert all(line.shown.values())
    assert line.act is asking.act
    assert (line.who.role, line.who.party) == (Role.OPEN, asking.org)
    assert line.who.purpose is Purpose.TREATMENT
    assert line.outcome == "200"
    assert line.network == "127.0.0.1"
    assert line.query is not None
    assert line.query.split(" ")[1].split("?")[0] == answer.request.url.path
    assert bool(line.basis) is (asking.org is not None)


def test_whatever_names_the_patient_has_a_line(scene: Scene) -> None:
    """Whoever asks: an answer that has the patient's name or key in it has its one line, a refusal has none."""
    family = someone().family
    assert family
    for route, asking in READERS.items():
        scene.forget()
        ask(scene, get(f"/fhir/Encounter/{scene.stay}"))
        send = asking.send(scene)
        before = {line.id for line in scene.lines()}
        for org in (None, READER, "ward", "other-hospital"):
            answer = ask(scene, send, org)
            text = answer.text.replace(str(answer.request.url), "")  # what they asked is no news
            told = answer.status_code < 400 and (family in text or scene.patient in text)
            new = [one for one in scene.lines() if one.id not in before]
            before |= {one.id for one in new}
            if told:
                assert [one.patient for one in new] == [scene.patient], (route, org)
            if answer.status_code >= 400:
                assert new == [], (route, org)


def test_the_basis_is_why_they_may_see_it(scene: Scene) -> None:
    """As the grant says."""
    ask(scene, get(f"/fhir/Encounter/{scene.stay}"), READER)
    (line,) = scene.lines()
    assert Basis.ADDRESSED in line.basis


def test_who_was_asked_for_and_not_found_is_kept_without_a_patient(scene: Scene) -> None:
    """Somebody looked for them."""
    for send in (get("/fhir/Patient", family="Nobody"), form("/fhir/Patient/_search", family="N")):
        scene.forget()
        assert ask(scene, send, "other-hospital").status_code == 200
        (line,) = scene.lines()
        assert (line.patient, line.act, line.shown) == (None, Act.QUERY, {})
        assert line.query is not None
        assert "family=N" in line.query


def test_a_search_of_no_patients_leaves_none(scene: Scene) -> None:
    """Organizations are public."""
    assert ask(scene, get("/fhir/Organization")).status_code == 200
    assert scene.lines() == []


def test_an_answer_that_refuses_leaves_none(scene: Scene) -> None:
    """Nobody was told anything."""
    for send in (
        get(f"/fhir/Encounter/{scene.stay}"),
        get(f"/fhir/Patient/{scene.patient}/$timeline"),
        get(f"/fhir/Patient/{scene.patient}/$everything"),
    ):
        assert ask(scene, send, "other-hospital").status_code == 404
    assert ask(scene, get("/fhir/Encounter", wrong="1", date="x")).status_code == 400
    assert scene.lines() == []


def test_a_page_that_finds_somebody_keeps_who_was_found(scene: Scene) -> None:
    """Also where the page that follows is another."""
    number = someone().identifiers[0]
    answer = ask(scene, form("/", identifier=f"{number.system}|{number.value}"))
    assert answer.status_code == 303
    (line,) = scene.lines()
    assert (line.patient, line.act, line.outcome) == (scene.patient, Act.QUERY, "303")
    answer = ask(scene, form("/", identifier="nobody"))
    assert answer.status_code == 404  # with the list of patients below it
    assert scene.lines()[-1].patient == scene.patient


def test_one_page_of_a_search_does_not_tell_of_the_next(scene: Scene) -> None:
    """What is looked for to see whether there is more is not given out."""
    answer = ask(scene, get("/fhir/Task", _count="1", _sort="_lastUpdated"))
    bundle = answer.json()
    assert [link["relation"] for link in bundle["link"]] == ["self", "next"]
    (line,) = scene.lines()
    assert line.shown == {"Task": (bundle["entry"][0]["resource"]["id"],)}


def test_a_known_version_leaves_its_line_too(scene: Scene) -> None:
    """Whoever gets 304 has read it, and is told that it still stands."""
    known = {"If-None-Match": "*"}
    answer = ask(scene, lambda c: c.get(f"/fhir/Encounter/{scene.stay}", headers=known))
    assert answer.status_code == 304
    (line,) = scene.lines()
    assert line.outcome == "304"


@pytest.mark.parametrize("route", READERS)
def test_nothing_is_told_when_the_log_cannot_be_written(scene: Scene, route: str) -> None:
    """Its table is full, locked or gone: 503, and not a word about the patient."""
    asking = READERS[route]
    ask(scene, get(f"/fhir/Encounter/{scene.stay}"))
    send = asking.send(scene)
    with scene.database.write() as conn:
        conn.exec_driver_sql("ALTER TABLE access_log RENAME COLUMN act TO acted")
    answer = ask(scene, send, asking.org)
    if "AuditEvent" in asking.shown:  # they cannot even read it
        assert answer.status_code >= 500
    else:
        assert answer.status_code == 503, answer.text
        assert answer.headers["Retry-After"] == "5"
    assert answer.json()["resourceType"] == "OperationOutcome"
    family = someone().family
    assert family
    for secret in (family, scene.patient, scene.stay):
        assert secret not in answer.text
        assert not any(secret in value for value in answer.headers.values())


def test_what_tells_of_nobody_needs_no_log(scene: Scene) -> None:
    """It answers though the log is broken."""
    with scene.database.write() as conn:
        conn.exec_driver_sql("ALTER TABLE access_log RENAME COLUMN act TO acted")
    for path in ("/fhir/metadata", "/fhir/Organization", "/livez"):
        assert ask(scene, get(path)).status_code == 200
