"""The oracle: knows what was sent and acknowledged, asks the server for all it has, and says what is wrong.

``observe`` asks, ``objections`` judges; it judges by what stands on the wire alone.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import httpx
from httpx_sse import connect_sse

from tests.integration import stories
from tests.integration.stories import Resource
from tests.integration.traffic import OPERATOR, Event, Sent

_Place = TypeVar("_Place", bound=tuple[str, ...])

BROKERS_OWN = "handover-summary"
"""The one event in these feeds that the broker makes itself; its message id is nobody's."""
_QUIET = 1.5  # seconds without news after which a feed counts as read
_PATIENCE = 10.0  # seconds until what was handed over must be noted


@dataclass(frozen=True, slots=True)
class Journey:
    """What ``$where`` says of a message: verdict, event id, and each receiver's events."""

    verdict: str
    event: str
    told: tuple[tuple[str, str], ...]  # (receiver, event code)
    delivered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything that can be known from outside. Message ids are the keys unless told otherwise."""

    sent: Mapping[str, Sent]
    journeys: Mapping[str, Sequence[Journey]]
    sources: Mapping[str, bytes]
    timelines: Mapping[str, Sequence[tuple[str, str]]]
    """By the patient's identifier: (event id, message id) of every entry."""
    streamed: Mapping[str, Sequence[Event]]
    """By receiver: what came while it happened."""
    feeds: Mapping[str, Sequence[Event]]
    """By receiver: the whole feed, read afterwards."""


def objections(seen: Observed) -> list[str]:
    """All that is not as it must be; nothing when all is well."""
    return [wrong for law in LAWS for wrong in law(seen)]


def _one_receipt(seen: Observed) -> Iterator[str]:
    """A message is acknowledged, and each time with the same bytes."""
    for id_, sent in seen.sent.items():
        if len(sent.receipts) != 1:
            yield f"message {id_} has {len(sent.receipts)} different receipts"


def _accepted_once(seen: Observed) -> Iterator[str]:
    for id_, sent in seen.sent.items():
        journeys = seen.journeys.get(id_, ())
        if [journey.verdict for journey in journeys] != ["accepted"]:
            yield f"message {id_} was taken in as {journeys}"
        if seen.sources.get(id_) != sent.content:
            yield f"message {id_} is not kept as it was sent"


def _once_on_the_timeline(seen: Observed) -> Iterator[str]:
    """Once, on the timeline of its own patient, under its event id; and nothing else is there."""
    expected = {
        (identifier_of(sent.message), journey.event, id_): 1
        for id_, sent in seen.sent.items()
        for journey in seen.journeys.get(id_, ())
    }
    shown = Counter(
        (patient, event, message)
        for patient, entries in seen.timelines.items()
        for event, message in entries
    )
    yield from differences("timelines", expected, shown)


def _told_to_all(seen: Observed) -> Iterator[str]:
    """To those the sender named, to those the broker says it told, to the operator; each exactly once."""
    for id_, sent in seen.sent.items():
        told = {receiver for journey in seen.journeys.get(id_, ()) for receiver, _ in journey.told}
        if missing := destinations(sent.message) - told:
            yield f"message {id_} never went to {missing}"
    for receiver, feed in seen.feeds.items():
        yield from differences(f"feed {receiver}", _due(seen, receiver), _came(feed))


def _due(seen: Observed, receiver: str) -> dict[tuple[str, str], int]:
    """What the receiver's feed must hold: (event code, message id), and how often."""
    journeys = [(id_, journey) for id_, found in seen.journeys.items() for journey in found]
    if receiver == OPERATOR:
        return Counter((code_of(seen.sent[id_].message), id_) for id_, _ in journeys)
    return Counter(
        (code, "" if code == BROKERS_OWN else id_)
        for id_, journey in journeys
        for told, code in journey.told
        if told == receiver
    )


def _came(feed: Iterable[Event]) -> dict[tuple[str, str], int]:
    messages = ((event.code, json.loads(event.data).get("data")) for event in feed)
    return Counter(
        (code, "" if code == BROKERS_OWN or message is None else stories.message_id(message))
        for code, message in messages
    )


def _numbered_without_gaps(seen: Observed) -> Iterator[str]:
    """From 1, by one, in the order they come; the CloudEvent says the same number."""
    for receiver, feed in chain(seen.feeds.items(), seen.streamed.items()):
        numbers = [event.number for event in feed]
        if numbers != [*range(1, len(feed) + 1)]:
            yield f"feed {receiver} is numbered {numbers}"
        if [json.loads(event.data)["sequence"] for event in feed] != [str(n) for n in numbers]:
            yield f"feed {receiver} has sequences that are not its numbers"


def _none_doubled(seen: Observed) -> Iterator[str]:
    ids = Counter(json.loads(event.data)["id"] for feed in seen.feeds.values() for event in feed)
    yield from (f"CloudEvent {id_} came {times} times" for id_, times in ids.items() if times > 1)


def _same_when_read_again(seen: Observed) -> Iterator[str]:
    for receiver, streamed in seen.streamed.items():
        again = seen.feeds.get(receiver, ())
        if len(streamed) != len(again):
            yield f"feed {receiver}: {len(streamed)} events came, {len(again)} are there"
        for one, other in zip(streamed, again, strict=False):
            if one != other:
                yield f"feed {receiver}: number {one.number} is another event when read again"


def _delivered(seen: Observed) -> Iterator[str]:
    """Every feed has been read to its end, so ``$where`` must say delivered."""
    for id_, journeys in seen.journeys.items():
        if not all(journey.delivered for journey in journeys):
            yield f"message {id_} is not said to be delivered to all: {journeys}"


LAWS: Sequence[Callable[[Observed], Iterator[str]]] = (
    _one_receipt,
    _accepted_once,
    _once_on_the_timeline,
    _told_to_all,
    _numbered_without_gaps,
    _none_doubled,
    _same_when_read_again,
    _delivered,
)


def differences(
    where: str, expected: Mapping[_Place, int], found: Mapping[_Place, int]
) -> Iterator[str]:
    """What is there too often or not often enough."""
    for key in sorted({*expected, *found}):
        if (due := expected.get(key, 0)) != (came := found.get(key, 0)):
            yield f"{where}: {' '.join(key)} is there {came} times instead of {due}"


def identifier_of(message: Resource) -> str:
    """The identifier of a message's patient, as a search names it."""
    identifier = stories.patient_identifier(message)
    return f"{identifier['system']}|{identifier['value']}"


def code_of(message: Resource) -> str:
    """The event code of a message."""
    return str(message["entry"][0]["resource"]["eventCoding"]["code"])


def destinations(message: Resource) -> set[str]:
    """The keys (organisation numbers) of those the sender named, itself left out."""
    resources = {entry["fullUrl"]: entry["resource"] for entry in message["entry"]}
    header = message["entry"][0]["resource"]

    def key(reference: Resource) -> str:
        return str(resources[reference["reference"]]["identifier"][0]["value"])

    named = {key(destination["receiver"]) for destination in header["destination"]}
    return named - {key(header["sender"])}


# asking the server


def observe(url: str, sent: Iterable[Sent], streamed: Mapping[str, Sequence[Event]]) -> Observed:
    """Ask the server at ``url`` for all it has; what its readers got while it happened is ``streamed``."""
    by_id = {one.id: one for one in sent}
    patients = sorted({identifier_of(one.message) for one in by_id.values()})
    with (
        httpx.Client(base_url=f"{url}/fhir", timeout=20, trust_env=False) as fhir,
        ThreadPoolExecutor(4) as pool,
    ):
        feeds = _whole_feeds(url, [OPERATOR, *_organizations(fhir)])
        timelines = pool.map(lambda patient: timeline(fhir, patient), patients)
        until = time.monotonic() + _PATIENCE
        found = pool.map(lambda id_: _settled(fhir, id_, until), by_id)
        journeys = dict(zip(by_id, found, strict=True))
        sources = pool.map(lambda found: _source(fhir, found), journeys.values())
        return Observed(
            sent=by_id,
            journeys=journeys,
            sources=dict(zip(by_id, sources, strict=True)),
            timelines=dict(zip(patients, timelines, strict=True)),
            streamed=streamed,
            feeds=feeds,
        )


def journeys_of(fhir: httpx.Client, message: str) -> list[Journey]:
    """``$where`` of a message id; nothing when the server does not know it."""
    answer = fhir.get(f"MessageHeader/{message}/$where")
    if answer.status_code == 404:
        return []
    return [_journey(_values(part["part"])) for part in answer.json()["parameter"]]


def _journey(told: Mapping[str, Sequence[Any]]) -> Journey:
    steps = [_values(part) for part in told.get("receiver", ())]
    (verdict,), (source,) = told["verdict"], told["source"]
    return Journey(
        verdict=verdict,
        event=_id(source),
        told=tuple((_id(step["organization"][0]), step["event"][0]) for step in steps),
        delivered=all("delivered" in step for step in steps),
    )


def _values(parts: Iterable[Resource]) -> dict[str, list[Any]]:
    """The values of a FHIR parameter's parts by name; a part with parts of its own has those."""
    values: dict[str, list[Any]] = {}
    for part in parts:
        (value,) = (part[key] for key in part if key != "name")
        values.setdefault(part["name"], []).append(value)
    return values


def _id(reference: Resource) -> str:
    return str(reference["reference"]).rpartition("/")[2]


def _settled(fhir: httpx.Client, message: str, until: float) -> list[Journey]:
    """The message's journeys when all is delivered, or at ``until``: handing over is noted afterwards."""
    while True:
        found = journeys_of(fhir, message)
        if all(journey.delivered for journey in found) or time.monotonic() > until:
            return found
        time.sleep(0.2)


def _source(fhir: httpx.Client, journeys: Sequence[Journey]) -> bytes:
    """The bytes that are kept of a message; none when it was not taken in once."""
    match journeys:
        case [journey]:
            return fhir.get(f"Binary/{journey.event}").content
        case _:
            return b""


def timeline(fhir: httpx.Client, patient: str) -> list[tuple[str, str]]:
    """(event id, message id) of every entry of the patient with that identifier."""
    found = fhir.get("Patient", params={"identifier": patient}).json().get("entry", ())
    keys = [entry["resource"]["id"] for entry in found]
    bundles = [fhir.get(f"Patient/{key}/$timeline").json() for key in keys]
    shown = [entry["resource"] for bundle in bundles for entry in bundle.get("entry", ())]
    return [
        (resource["id"], resource["entity"][0]["what"]["identifier"]["value"])
        for resource in shown
        if resource["resourceType"] == "Provenance"
    ]


def _organizations(fhir: httpx.Client) -> list[str]:
    found = fhir.get("Organization", params={"_count": "1000"}).json()["entry"]
    return [entry["resource"]["id"] for entry in found]


def _whole_feeds(url: str, receivers: Sequence[str]) -> dict[str, list[Event]]:
    with ThreadPoolExecutor(len(receivers)) as reading:
        feeds = reading.map(lambda receiver: _whole_feed(url, receiver), receivers)
        return dict(zip(receivers, feeds, strict=True))


def _whole_feed(url: str, receiver: str) -> list[Event]:
    """Everything from the first number on, until nothing more comes."""
    got: list[Event] = []
    query = {"org": receiver, "since": "0"}
    quiet = httpx.Timeout(20, read=_QUIET)
    with (
        httpx.Client(timeout=quiet, trust_env=False) as http,
        suppress(httpx.ReadTimeout),
        connect_sse(http, "GET", f"{url}/events", params=query) as source,
    ):
        source.response.raise_for_status()
        got.extend(map(Event.of, source.iter_sse()))
    return got
