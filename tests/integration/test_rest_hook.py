"""The life of a rest-hook from outside: a subscriber's own server, and a broker that calls it."""

import json
import time
from datetime import UTC, datetime, timedelta

import httpx

from tests.integration.backport import parameter
from tests.integration.hooking import (
    SECRET,
    admissions,
    admit,
    again,
    becomes,
    count,
    quiet,
    read,
    subscribed,
    told,
    upto,
)
from tests.integration.serving import Server
from tests.integration.subscriber import Reply, Subscriber, until
from tests.integration.talk import FHIR


def test_handshake_then_events_in_order(hook_client: httpx.Client, subscriber: Subscriber) -> None:
    """201 requested, handshake, active; each event once, with the channel's headers and type."""
    with subscribed(hook_client, admissions(subscriber.url)) as id_:
        stands = becomes(hook_client, id_, "active")
        (handshake,) = subscriber.got
        admit(hook_client, 5)
        until(lambda: subscriber.taken() == upto(5))
        quiet(subscriber, 0.5)

    assert stands["meta"]["versionId"] == "2"
    assert "error" not in stands
    assert handshake.kind == "handshake"
    for got in subscriber.got:
        assert got.path == "/hook/s3cret-path?key=s3cret-query"
        assert got.headers["Authorization"] == SECRET
        assert got.headers["X-Ward"] == "3"
        assert got.headers["Content-Type"] == FHIR
        first = got.notification["entry"][0]["resource"]
        assert parameter(first, "status") == ("requested" if got is handshake else "active")
        newest = max(got.numbers, default=0)
        assert int(parameter(first, "events-since-subscription-start")) >= newest


def test_a_failed_handshake_is_an_error(hook_client: httpx.Client, subscriber: Subscriber) -> None:
    """Tried once; events are counted and kept; asked anew, everything comes in order."""
    subscriber.replies = [Reply(500)]
    with subscribed(hook_client, admissions(subscriber.url, max_count=2)) as id_:
        stands = becomes(hook_client, id_, "error")
        assert "HTTP status 500" in stands["error"]
        error = parameter(told(hook_client, id_), "error")["coding"][0]
        assert error["code"] == "error-response"
        admit(hook_client, 3)
        until(lambda: count(hook_client, id_) == 3)
        quiet(subscriber)
        assert len(subscriber.got) == 1

        again(hook_client, id_)
        until(lambda: subscriber.taken() == upto(3))
        assert "error" not in becomes(hook_client, id_, "active")

    kinds = [got.kind for got in subscriber.got]
    assert kinds == ["handshake", "handshake", "event-notification", "event-notification"]
    assert [got.numbers for got in subscriber.events()] == [[1, 2], [3]]


def test_heartbeats_when_nothing_comes(hook_client: httpx.Client, subscriber: Subscriber) -> None:
    """Each period, with the count as it is; what they are for: one that fails is an error."""
    with subscribed(hook_client, admissions(subscriber.url, heartbeat_period=1)) as id_:
        becomes(hook_client, id_, "active")
        until(lambda: len(subscriber.kinds("heartbeat")) == 2)
        admit(hook_client)
        until(lambda: len(subscriber.kinds("heartbeat")) == 4)
        subscriber.usual = Reply(500)
        becomes(hook_client, id_, "error")
    beats = [got.notification["entry"][0]["resource"] for got in subscriber.kinds("heartbeat")]
    counts = [parameter(beat, "events-since-subscription-start") for beat in beats]
    assert counts[0] == "0"
    assert counts[-1] == "1"


def test_it_ends_in_time(hook_client: httpx.Client, subscriber: Subscriber) -> None:
    """``end``: off, and nothing comes any more."""
    ends = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    with subscribed(hook_client, admissions(subscriber.url) | {"end": ends}) as id_:
        becomes(hook_client, id_, "active")
        becomes(hook_client, id_, "off")
        admit(hook_client)
        quiet(subscriber, 1)
        assert count(hook_client, id_) == 0


def test_the_clients_change_wins(hook_client: httpx.Client, subscriber: Subscriber) -> None:
    """Turned off while a notification is on its way: it stays off, and nothing more is sent."""
    with subscribed(hook_client, admissions(subscriber.url)) as id_:
        becomes(hook_client, id_, "active")
        subscriber.replies = [Reply(after=1.5)]
        admit(hook_client, 2)
        until(lambda: not subscriber.replies)
        again(hook_client, id_, "off")
        until(subscriber.events)
        quiet(subscriber)
        assert read(hook_client, id_)["status"] == "off"
        assert len(subscriber.events()) == 1
        again(hook_client, id_)
        until(lambda: subscriber.taken()[-1:] == [2])
        assert subscriber.taken() in ([1, 1, 2], [1, 2, 1, 2], [1, 2])


def test_deleted_while_a_notification_is_on_its_way(
    hook_client: httpx.Client, subscriber: Subscriber
) -> None:
    """It is gone; so are its tries."""
    with subscribed(hook_client, admissions(subscriber.url)) as id_:
        becomes(hook_client, id_, "active")
        subscriber.usual = Reply(500, after=0.5)
        admit(hook_client)
        until(subscriber.events)
    came = len(subscriber.got)
    time.sleep(2)
    assert len(subscriber.got) <= came + 1
    assert hook_client.get(f"/fhir/Subscription/{id_}").status_code == 410


def test_xml_for_who_wants_it(hook_client: httpx.Client, subscriber: Subscriber) -> None:
    """The payload's type is the notification's."""
    asked = admissions(subscriber.url, content="full-resource")
    asked["channel"]["payload"] = "application/fhir+xml"
    with subscribed(hook_client, asked) as id_:
        until(lambda: read(hook_client, id_)["status"] == "active")
        admit(hook_client)
        until(lambda: len(subscriber.got) == 2)
    for got in subscriber.got:
        assert got.headers["Content-Type"] == "application/fhir+xml"
        assert b'<Bundle xmlns="http://hl7.org/fhir"' in got.body


def test_logs_and_figures_tell_no_secrets(
    hook_client: httpx.Client, hook_server: Server, subscriber: Subscriber
) -> None:
    """Which Subscription and what happened; nothing of its endpoint's path and query, nor of its headers."""
    subscriber.usual = Reply(500)
    with subscribed(hook_client, admissions(subscriber.url)) as id_:
        becomes(hook_client, id_, "error")
        figures = hook_client.get("/metrics").text
        assert 'carepath_hooks_in_error{receiver="*"} 1.0' in figures
        assert 'carepath_hook_seconds_count{outcome="error-response"}' in figures
    log = hook_server.log.read_text()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert any(line.get("subscription") == id_ and line.get("status") == 500 for line in lines)
    assert "s3cret" not in log + figures
    assert "Traceback" not in log
