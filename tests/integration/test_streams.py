"""Feeds over server-sent events: numbers without gaps, what was handed over, what may no longer be seen."""

import json
from collections.abc import Callable

import httpx
from sqlalchemy import update

from carepath.store.tables import grants
from tests.contract.stored import opened
from tests.integration.serving import Server
from tests.integration.stories import Matter, admission, discharge, discharge_ready, person
from tests.integration.talk import events, receivers, refused, resource, taken

Start = Callable[[str], Server]


def test_stream_resumes_where_it_stopped(fresh_server: Start, database_url: str) -> None:
    """By Last-Event-ID or since; numbers without gaps; each message once, as it was sent."""
    running = fresh_server(database_url)
    matter = Matter(person())
    messages = [admission(matter), discharge_ready(matter), discharge(matter)]
    with httpx.Client(base_url=running.url, timeout=20, trust_env=False) as client:
        taken(client, *messages)

    first = events(running.url, 2, params={"since": "0"})
    rest = events(running.url, 1, headers={"Last-Event-ID": str(first[-1][0])})
    again = events(running.url, 3, params={"since": "0"})

    assert [*first, *rest] == again
    assert [number for number, _, _ in again] == [1, 2, 3]
    assert [code for _, code, _ in again] == ["admission", "discharge-ready", "discharge"]
    for (number, code, event), message in zip(again, messages, strict=True):
        assert (event["sequence"], event["specversion"]) == (str(number), "1.0")
        assert event["type"] == f"example.carepath.{code}.v1"
        assert event["data"] == message


def test_stream_shows_where_the_message_is(fresh_server: Start, database_url: str) -> None:
    """A receiver's own feed; once it was handed over, $where says when."""
    running = fresh_server(database_url)
    bundle = admission(Matter(person()))
    header = bundle["entry"][0]["resource"]["id"]
    with httpx.Client(base_url=running.url, timeout=20, trust_env=False) as client:
        taken(client, bundle)
        receiver = receivers(client, header)[0]
        organization = receiver["organization"]["valueReference"]["reference"]
        assert "delivered" not in receiver
        events(running.url, 1, params={"org": organization.split("/")[1], "since": "0"})
        for _ in range(50):  # it is written down with the relay's next round
            receiver = receivers(client, header)[0]
            if "delivered" in receiver:
                break
        refused(client.get("/events", params={"org": "a/b"}), 400)
        stranger = {"X-Carepath-Org": "stranger"}
        refused(client.get("/events?org=another", headers=stranger), 400)


def test_what_may_no_longer_be_seen_keeps_its_number(
    fresh_server: Start, database_url: str
) -> None:
    """The receiver's right ended between sending and delivery: it hears that there was something, and no more."""
    running = fresh_server(database_url)
    matter = Matter(person())
    first, second = admission(matter), discharge(matter)
    with httpx.Client(base_url=running.url, timeout=20, trust_env=False) as client:
        patient = taken(client, first)
        organization = receivers(client, first["entry"][0]["resource"]["id"])[0]["organization"]
        receiver = organization["valueReference"]["reference"].split("/")[1]
        with opened(database_url) as database, database.write() as conn:
            conn.execute(update(grants).where(grants.c.reader == receiver).values(until=1))
        taken(client, second)

    ended, held = events(running.url, 2, params={"org": receiver, "since": "0"})

    assert (ended[0], ended[1]) == (1, "withheld")
    assert "data" not in ended[2]
    told = json.dumps(ended[2])
    header = first["entry"][0]["resource"]["id"]
    for text in (
        patient,
        header,
        first["id"],
        resource(first, "Patient")["identifier"][0]["value"],
    ):
        assert text not in told
    assert "admission" not in told
    assert (held[0], held[1], held[2]["data"]) == (2, "discharge", second)
