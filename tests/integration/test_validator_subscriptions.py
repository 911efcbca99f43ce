"""HL7's own validator finds no error in what subscribers are sent and answered, by the Backport's profiles."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.integration import backport, peers, stories
from tests.integration.harvest import XML, Harvest, harvesting, misread
from tests.integration.java_peer import Validator
from tests.integration.serving import Server
from tests.integration.subscriber import Reply, Subscriber, until
from tests.servers import free_port

KIND: Mapping[str, str] = {"empty": "empty", "id-only": "idonly", "full-resource": "full"}
"""What files of notifications are named, by content."""
KINDS = {*KIND.values(), "subscription", "resource", "search", "history", "status", "events"}
KINDS |= {"token", "mailbox", "outcome"}
TYPES = {"handshake", "heartbeat", "event-notification", "query-status", "query-event"}
Start = Callable[[str], Server]


@pytest.fixture
def hooks() -> Iterator[Mapping[str, Subscriber]]:
    """An endpoint for each content, and one that takes XML."""
    with ExitStack() as listening:
        made = {name: Subscriber(free_port()) for name in (*KIND, "xml")}
        for hook in made.values():
            listening.enter_context(hook.up())
        yield made


def test_no_error_in_what_subscribers_get(
    fresh_server: Start,
    monkeypatch: pytest.MonkeyPatch,
    validator: Validator,
    hooks: Mapping[str, Subscriber],
    tmp_path: Path,
) -> None:
    """Every content over every channel, every type of notification, before, in and after an error; all answers."""
    monkeypatch.setenv(peers.HOOKS, "yes")
    server = fresh_server(f"sqlite:///{tmp_path}/carepath.db")
    with harvesting(server.url, tmp_path) as gather:
        ids = _subscribe(gather, hooks)
        sockets = {_create(gather, None, content): content for content in KIND}
        with _bound(gather, [*sockets]) as socket:
            for message in _told():
                gather.send(message)
            _hooked(gather, hooks, ids)
            _heard(gather, socket, sockets)
        _answers(gather, ids)
        _failing(gather, hooks["id-only"], ids["id-only"])
        _mailbox(gather)
        _refusals(gather, ids["empty"])

    found = validator.folder(tmp_path)

    assert {file.partition("-")[0] for file in found} == KINDS | {"receipt"}
    assert {file: said for file, said in found.items() if said} == {}
    assert misread(tmp_path) == {}
    types, statuses = _stood(tmp_path)
    assert types == TYPES
    assert {"active", "error", "off"} <= statuses


def _told() -> list[stories.Resource]:
    """Messages of every family: each has its own type of resource in focus."""
    patient = stories.person()
    told = [*stories.referral_and_question(patient), *stories.the_person(patient)]
    return [stories.admission(stories.Matter(patient)), *told]


def _stood(folder: Path) -> tuple[set[str], set[str]]:
    """The types of all notifications and answers that were kept, and how their Subscriptions stood."""
    first = [
        entry.get("resource", {})
        for file in folder.glob("*.json")
        for entry in json.loads(file.read_text()).get("entry", [])[:1]
    ]
    stands = [one for one in first if one.get("resourceType") == "Parameters"]
    types, statuses = ({backport.parameter(one, n) for one in stands} for n in ("type", "status"))
    return types, statuses


def _subscribe(gather: Harvest, hooks: Mapping[str, Subscriber]) -> dict[str, str]:
    """The ids of Subscriptions of each content, and of one in XML."""
    made = {content: _create(gather, hooks[content].url, content) for content in KIND}
    written = backport.subscription(hooks["xml"].url, content="full-resource", max_count=1)
    written["channel"]["payload"] = XML
    answer = gather.http.post("/fhir/Subscription", json=written)
    assert answer.status_code == 201, answer.text
    return made | {"xml": str(answer.json()["id"])}


def _create(gather: Harvest, endpoint: str | None, content: str) -> str:
    wanted = backport.subscription(endpoint, content=content, max_count=5, heartbeat_period=1)
    answer = gather.http.post("/fhir/Subscription", json=wanted)
    assert answer.status_code == 201, answer.text
    gather.keep("subscription", answer.json())
    id_ = str(answer.json()["id"])
    gather.get("subscription", f"/fhir/Subscription/{id_}")
    return id_


def _standing(gather: Harvest, id_: str) -> tuple[str, int]:
    """The status and the count of a Subscription."""
    found = gather.get("status", f"/fhir/Subscription/{id_}/$status")["entry"][0]["resource"]
    count = backport.parameter(found, "events-since-subscription-start")
    return str(backport.parameter(found, "status")), int(count)


def _hooked(gather: Harvest, hooks: Mapping[str, Subscriber], ids: Mapping[str, str]) -> None:
    """Keep all notifications that came to the endpoints once all events have come, and a heartbeat."""
    for content, kind in KIND.items():
        _all_came(gather, hooks[content], ids[content])
        for got in list(hooks[content].got):
            gather.keep(kind, got.notification)
    count = _standing(gather, ids["xml"])[1]
    until(lambda: len(hooks["xml"].got) > count)
    for number, got in enumerate(hooks["xml"].got):
        (gather.folder / f"full-xml{number}.xml").write_bytes(got.body)


def _all_came(gather: Harvest, hook: Subscriber, id_: str) -> None:
    until(lambda: hook.taken() == [*range(1, _standing(gather, id_)[1] + 1)])
    until(lambda: hook.kinds("heartbeat"))


@contextmanager
def _bound(gather: Harvest, ids: list[str]) -> Iterator[ClientConnection]:
    """A websocket that is bound to these Subscriptions."""
    wanted = [{"name": "id", "valueId": id_} for id_ in ids]
    asked = {"resourceType": "Parameters", "parameter": wanted}
    answer = gather.http.post("/fhir/Subscription/$get-ws-binding-token", json=asked)
    assert answer.status_code == 200, answer.text
    gather.keep("token", answer.json())
    gather.get("token", f"/fhir/Subscription/{ids[0]}/$get-ws-binding-token")
    url = str(backport.parameter(answer.json(), "websocket-url"))
    with connect(url, proxy=None, max_size=None) as socket:
        socket.send(f"bind-with-token {backport.parameter(answer.json(), 'token')}")
        yield socket


def _heard(gather: Harvest, socket: ClientConnection, contents: Mapping[str, str]) -> None:
    """Keep what comes over a websocket until all events have come."""
    missing = {id_: _standing(gather, id_)[1] for id_ in contents}
    while any(missing.values()):
        notification = json.loads(socket.recv(timeout=20))
        status = notification["entry"][0]["resource"]
        id_ = backport.parameter(status, "subscription")["reference"].rpartition("/")[2]
        gather.keep(KIND[contents[id_]], notification)
        missing[id_] -= len(backport.numbers(notification))


def _answers(gather: Harvest, ids: Mapping[str, str]) -> None:
    """``$status`` and ``$events`` in every way, the Subscriptions as resources, and the messages they lead to."""
    gather.get("status", "/fhir/Subscription/$status")
    gather.get("status", "/fhir/Subscription/$status", status="error")
    for content, id_ in ids.items():
        path = f"/fhir/Subscription/{id_}"
        gather.get("events", f"{path}/$events")
        gather.get("events", f"{path}/$events", eventsSinceNumber="2", eventsUntilNumber="3")
        for hint in KIND:
            told = gather.get("events", f"{path}/$events", content=hint, eventsSinceNumber="1")
            if hint == content == "full-resource":
                for entry in told["entry"][1:]:
                    gather.get("resource", entry["fullUrl"])
        gather.get("history", f"{path}/_history")
    for parameters in ({}, {"status": "active,requested"}, {"_count": "1"}, {"_summary": "true"}):
        gather.get("search", "/fhir/Subscription", **parameters)


def _failing(gather: Harvest, hook: Subscriber, id_: str) -> None:
    """What is said of a Subscription in error, and when it is asked for anew and switched off."""
    path = f"/fhir/Subscription/{id_}"
    hook.usual = Reply(500)
    gather.send(stories.admission(stories.Matter()))
    until(lambda: _standing(gather, id_)[0] == "error")
    resource = gather.get("subscription", path)
    gather.get("events", f"{path}/$events", eventsSinceNumber="1")
    hook.usual = Reply()
    for status in ("requested", "off"):
        answer = gather.http.put(path, json={**resource, "status": status})
        assert answer.status_code == 200, answer.text
        gather.keep("subscription", answer.json())
        gather.get("history", f"{path}/_history")
        gather.get("status", f"{path}/$status")
    assert gather.http.delete(path).is_success
    gather.get("history", f"{path}/_history")
    gather.refused(gather.http.get(path), "deleted")


def _mailbox(gather: Harvest) -> None:
    """What waits for those without an endpoint, and that it is confirmed."""
    parties = gather.http.get("/fhir/Organization", params={"_count": "200"}).json()["entry"]
    for entry in parties:
        gather.http.headers["X-Carepath-Org"] = entry["resource"]["id"]
        gather.get("mailbox", "/fhir/$mailbox")
        gather.get("mailbox", "/fhir/$mailbox", _count="1")
    del gather.http.headers["X-Carepath-Org"]


def _refusals(gather: Harvest, id_: str) -> None:
    """One of each kind of mistake with a Subscription."""
    right = backport.subscription("https://hooks.example/in", content="empty")
    channel = right["channel"]
    content = channel["_payload"]["extension"][0]
    wrong: dict[str, stories.Resource] = {
        "topic": {**right, "criteria": "https://elsewhere.example/topic"},
        "query": {**right, "criteria": "Encounter?status=finished"},
        "filter": backport.subscription("https://hooks.example/in", "shoe=45"),
        "modifier": backport.subscription("https://hooks.example/in", "patient:missing=true"),
        "status": {**right, "status": "active"},
        "channel": {**right, "channel": {**channel, "type": "email"}},
        "scheme": {**right, "channel": {**channel, "endpoint": "http://hooks.example/in"}},
        "inside": {**right, "channel": {**channel, "endpoint": "https://10.0.0.1/in"}},
        "media type": {**right, "channel": {**channel, "payload": "text/csv"}},
        "version": {
            **right,
            "channel": {**channel, "payload": "application/fhir+json;fhirVersion=5.0"},
        },
        "content": {
            **right,
            "channel": {**channel, "_payload": {"extension": [{**content, "valueCode": "all"}]}},
        },
        "no channel": {name: value for name, value in right.items() if name != "channel"},
    }
    for what, body in wrong.items():
        gather.refused(gather.http.post("/fhir/Subscription", json=body), what)
    path = f"/fhir/Subscription/{id_}"
    gather.refused(gather.http.put(path, json=right), "no id")
    stale = {"If-Match": 'W/"99"'}
    gather.refused(gather.http.put(path, json={**right, "id": id_}, headers=stale), "stale")
    gather.refused(gather.http.get(f"{path}/$events?eventsSinceNumber=one"), "number")
    gather.refused(gather.http.get("/fhir/Subscription/nobody/$status"), "id")
    gather.refused(gather.http.get("/fhir/Subscription?criteria:above=x"), "modifier")
