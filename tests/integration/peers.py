"""What every subscriber must have seen that was away for a while, whoever wrote the client it subscribes with."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from httpx import Headers

from tests.integration import backport, stories
from tests.integration.subscriber import Subscriber

HOOKS = "CAREPATH_ALLOW_LOOPBACK_HOOKS"
"""The setting that lets rest-hooks call this machine."""


def journey() -> list[stories.Resource]:
    """Three stays of a new patient, each begun and two of them ended."""
    patient = stories.person()
    sent = []
    for days in (90, 60, 3):
        stay = stories.Matter(patient, datetime.now(stories.OSLO) - timedelta(days=days))
        sent.append(stories.admission(stay))
        if days > 3:
            ended = stay.begins + timedelta(days=2)
            sent.append(stories.discharge(stay, happened=ended))
    return sent


def files(folder: Path, sent: list[stories.Resource]) -> list[Path]:
    """The messages as files, in order."""
    written = [folder / f"{number}.json" for number in range(len(sent))]
    for file, message in zip(written, sent, strict=True):
        file.write_text(json.dumps(message))
    return written


def wanted(patient: stories.Resource, endpoint: str) -> stories.Resource:
    """The Subscription that ``check`` looks for."""
    identifier = patient["identifier"][0]
    token = f"patient.identifier={identifier['system']}|{identifier['value']}"
    asked = backport.subscription(endpoint, token, content="full-resource", max_count=2)
    asked["channel"]["header"] = ["X-Ward: 3 West"]
    return asked


def told(notification: stories.Resource) -> dict[str, Any]:
    """What a notification or an answer says: its type, the Subscription's status and count, numbers, messages."""
    status, *others = [entry.get("resource") for entry in notification["entry"]]
    sent = [one for one in others if one and one["resourceType"] == "Bundle"]
    return {
        "type": backport.parameter(status, "type"),
        "status": backport.parameter(status, "status"),
        "count": int(backport.parameter(status, "events-since-subscription-start")),
        "numbers": backport.numbers(notification),
        "messages": [stories.message_id(message) for message in sent],
    }


def taken(hook: Subscriber) -> list[dict[str, Any]]:
    """What has come to an endpoint of ours and was accepted, in order."""
    return [
        told(one.notification) | {name: headers.get(field) for name, field in _HEADERS.items()}
        for one in hook.got
        if one.status < 300 and (headers := Headers(one.headers))
    ]


_HEADERS = {"contentType": "content-type", "header": "x-ward"}


def check(seen: dict[str, Any], sent: list[stories.Resource], encoding: str = "json") -> None:
    """Nothing is lost, nothing comes twice, all in order; what was missed could be asked for too.

    ``seen`` is what ``fhir_kit.mjs`` prints, and the other peers like it. ``encoding`` of notifications: json or xml.
    """
    taken = seen["taken"]
    ids = [stories.message_id(message) for message in sent]
    assert seen["created"] == "requested"
    assert {"status", "events", "get-ws-binding-token"} <= {*seen["operations"]}

    first, *others = taken
    shook = (first["type"], first["status"], first["count"], first["numbers"])
    assert shook == ("handshake", "requested", 0, [])
    (again,) = [note for note in others if note["type"] == "handshake"]
    assert (again["status"], again["count"]) == ("requested", seen["failed"]["count"])

    events = [note for note in taken if note["type"] == "event-notification"]
    numbers = [number for note in events for number in note["numbers"]]
    assert numbers == list(range(1, seen["failed"]["count"] + 1))
    assert all(len(note["numbers"]) <= 2 for note in events)  # max-count
    assert all(note["status"] == "active" for note in events)
    messages = [id_ for note in events for id_ in note["messages"]]
    assert [id_ for id_ in messages if id_ in ids] == ids
    assert {(note["contentType"], note["header"]) for note in taken} == {
        (f"application/fhir+{encoding}", "3 West")
    }

    assert 0 < seen["before"] < seen["failed"]["count"]
    assert (seen["failed"]["type"], seen["failed"]["status"]) == ("query-status", "error")
    assert seen["missed"]["type"] == "query-event"
    assert seen["missed"]["numbers"] == numbers[seen["before"] :]
    assert [id_ for id_ in seen["missed"]["messages"] if id_ in ids] == ids[-2:]
    assert (seen["after"]["status"], seen["after"]["count"]) == ("active", len(numbers))
    assert len(seen["stays"]) == len(set(seen["stays"])) == 3
