"""A thousand live subscribers, half of them event streams and half websockets, and one that never reads."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

import httpx
import orjson

from bench import costs, stores, wire
from bench.figures import Figure, latencies, percentile
from bench.messages import messages
from bench.subscribers_client import Crowd, Report, address, bound, opening, watching
from tests import servers
from tests.integration.serving import ROOT, Server, serving

PART: Final = "A thousand subscribers"
NUMBER: Final = 1000
RATE, SECONDS, BURST = 4.0, 20, 60
"""Messages a second, for how long; how many at once."""
FEW, FEW_RATE, FEW_SECONDS, ROUNDS = 100, 10.0, 6, 4
"""How many subscribers beside one that never reads, messages a second, seconds of a round, rounds with and without."""
_REST: Final = 10.0  # seconds
_PATH: Final = "/fhir/$process-message"
_FHIR: Final = {"Content-Type": "application/fhir+json"}
_BACKPORT: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
_SUBSCRIPTION: Final[Mapping[str, Any]] = {
    "resourceType": "Subscription",
    "meta": {"profile": [f"{_BACKPORT}/backport-subscription"]},
    "status": "requested",
    "reason": "bench",
    "criteria": "https://carepath.example/fhir/SubscriptionTopic/pathway-update",
    "channel": {
        "type": "websocket",
        "payload": "application/fhir+json",
        "_payload": {
            "extension": [
                {"url": f"{_BACKPORT}/backport-payload-content", "valueCode": "full-resource"}
            ]
        },
    },
}


def run() -> Iterator[Figure]:
    """Both stores."""
    for store in stores.STORES:
        log = servers.run_folder() / f"subscribers-{store}.log"
        with stores.fresh(store) as url, serving(url, log) as server:
            yield from Bench(store, server).run()


# --- subscribers


class Crowded:
    """Subscribers in a process of their own."""

    def __init__(self, crowd: Crowd) -> None:
        command = [sys.executable, "-m", "bench.subscribers_client"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        told = self._ask(orjson.dumps(crowd))
        assert told == b"listening\n", told

    @property
    def cpu(self) -> float:
        """Seconds of processor time so far."""
        return costs.of(self._process.pid)

    def report(self, sent: "Sent") -> Report:
        """What they heard, once they have heard of all that was sent."""
        report = Report(**orjson.loads(self._ask(orjson.dumps([*sent.accepted]))))
        assert not report.lost, f"{report.lost} subscribers were lost"
        return report

    def stop(self) -> None:
        """They are gone afterwards."""
        self._process.kill()
        self._process.communicate()

    def _ask(self, line: bytes) -> bytes:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


@contextmanager
def crowd(server: Server, streams: int, sockets: int) -> Iterator[Crowded]:
    """Subscribers that listen until the block ends."""
    with _tokens(server, sockets) as (tokens, websocket):
        made = Crowded(Crowd(server.url, streams, tokens, websocket))
        try:
            yield made
        finally:
            made.stop()


@contextmanager
def never_reading(server: Server) -> Iterator[None]:
    """An event stream and a websocket with small windows that are opened, and never read after that."""
    with (
        _tokens(server, 1) as ((token,), websocket),
        socket.socket() as stream,
        socket.socket() as other,
    ):
        hello = {stream: watching(server.url), other: opening(websocket) + bound(token)}
        for one, said in hello.items():
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect(address(server.url))
            one.sendall(said)
        yield


@contextmanager
def _tokens(server: Server, number: int) -> Iterator[tuple[list[str], str]]:
    """A token for each of so many Subscriptions of the operator's, deleted afterwards; where websockets are opened."""
    told: list[Mapping[str, Any]] = []
    with httpx.Client(base_url=server.fhir, trust_env=False, timeout=30) as client:
        for _ in range(number):
            made = client.post("/Subscription", json=_SUBSCRIPTION, headers=_FHIR)
            assert made.status_code == 201, made.text
            answer = client.get(f"/Subscription/{made.json()['id']}/$get-ws-binding-token")
            told.append({part["name"]: part for part in answer.json()["parameter"]})
        tokens = [one["token"]["valueString"] for one in told]
        try:
            yield tokens, told[0]["websocket-url"]["valueUrl"]
        finally:
            for one in told:
                client.delete(f"/Subscription/{one['subscription']['valueString']}")


# --- messages


@dataclass(slots=True)
class Sent:
    """When each message was accepted, by the id of its header; how many seconds sending took."""

    accepted: dict[str, float] = field(default_factory=dict)
    wall: float = 0.0


async def send(url: str, sent: Sequence[bytes], rate: float | None, connections: int = 1) -> Sent:
    """Send at ``rate`` a second, or as fast as these connections can."""
    done, start = Sent(), time.perf_counter()
    waiting = iter(enumerate(sent))

    async def client() -> None:
        async with wire.connection(url) as one:
            for number, message in waiting:
                if rate and (ahead := start + number / rate - time.perf_counter()) > 0:
                    await asyncio.sleep(ahead)
                await one.ask(wire.post(_PATH, message))
                done.accepted[_header(message)] = time.perf_counter()

    await asyncio.gather(*(client() for _ in range(connections)))
    done.wall = time.perf_counter() - start
    return done


def _header(message: bytes) -> str:
    return str(orjson.loads(message)["entry"][0]["resource"]["id"])


def _delays(sent: Sent, *heard: Mapping[str, Sequence[float]]) -> list[float]:
    """Seconds from each answer to each arrival; one that came before the answer took no time."""
    return [
        max(came - accepted, 0.0)
        for id_, accepted in sent.accepted.items()
        for each in heard
        for came in each[id_]
    ]


# --- measurements


class Bench:
    """A server with subscribers."""

    def __init__(self, store: str, server: Server) -> None:
        self._store, self._server = store, server

    def run(self) -> Iterator[Figure]:
        """Nobody; all of them at rest, at a steady rate, and when much comes at once; one that never reads."""
        self._send(messages(100), None, 4)
        yield from self._at_rest("no subscriber")
        with crowd(self._server, NUMBER // 2, NUMBER // 2) as listening:
            yield from self._at_rest(f"{NUMBER:,} subscribers")
            yield from self._steady(listening)
        with crowd(self._server, NUMBER // 2, NUMBER // 2) as listening:
            yield from self._burst(listening)
        yield from self._never_reading()

    def _at_rest(self, name: str) -> Iterator[Figure]:
        time.sleep(3)
        before = costs.of(self._server.process.pid)
        time.sleep(_REST)
        used = costs.of(self._server.process.pid) - before
        yield self._figure(f"{name} at rest: CPU", used / _REST * 100, "%")
        yield self._figure(f"{name} at rest: memory", self._memory, "MiB")

    def _steady(self, listening: Crowded) -> Iterator[Figure]:
        """Messages at a rate that everybody keeps up with."""
        server, client = costs.of(self._server.process.pid), listening.cpu
        sent = self._send(messages(int(RATE * SECONDS)), RATE)
        report = listening.report(sent)
        server, client = costs.of(self._server.process.pid) - server, listening.cpu - client
        name = f"{RATE:g} messages/s"
        for kind, heard in (("event streams", report.streams), ("websockets", report.websockets)):
            delays = _delays(sent, heard)
            assert len(delays) == len(sent.accepted) * NUMBER // 2, (kind, len(delays))
            yield from latencies(PART, self._store, f"{name}: accepted to received, {kind}", delays)
        number = len(sent.accepted) * NUMBER
        yield self._figure(f"{name}: notifications", number / sent.wall, "/s")
        yield self._figure(f"{name}: server's CPU per notification", server / number * 1e6, "µs")
        yield self._figure(f"{name}: subscribers' CPU each", client / number * 1e6, "µs")
        yield self._figure(f"{name}: memory", self._memory, "MiB")

    def _burst(self, listening: Crowded) -> Iterator[Figure]:
        """More than can be told at once."""
        begun = time.perf_counter()
        sent = self._send(messages(BURST), None, 8)
        report = listening.report(sent)
        every = [report.streams[id_] + report.websockets[id_] for id_ in sent.accepted]
        took = max(chain.from_iterable(every)) - begun
        number = sum(map(len, every))
        assert number == BURST * NUMBER, number
        name = f"{BURST} messages at once"
        yield self._figure(f"{name}: taken in", BURST / sent.wall, "/s")
        yield self._figure(f"{name}: messages told to all", BURST / took, "/s")
        yield self._figure(f"{name}: notifications", number / took, "/s")
        yield self._figure(f"{name}: memory afterwards", self._memory, "MiB")

    def _never_reading(self) -> Iterator[Figure]:
        """The others' delays without and with one that never reads, in turns."""
        delays: dict[bool, list[float]] = {False: [], True: []}
        with crowd(self._server, FEW // 2, FEW // 2) as listening:
            for place in range(2 * ROUNDS):
                beside = place % 2 == 1
                with never_reading(self._server) if beside else nullcontext():
                    sent = self._send(messages(int(FEW_RATE * FEW_SECONDS)), FEW_RATE)
                    report = listening.report(sent)
                delays[beside] += _delays(sent, report.streams, report.websockets)
        without, with_ = (percentile(delays[beside], 0.99) for beside in (False, True))
        yield self._figure(f"{FEW} subscribers: accepted to received, p99", without * 1000, "ms")
        name = f"{FEW} subscribers beside two that never read"
        yield self._figure(f"{name}: p99", with_ * 1000, "ms")
        yield self._figure(f"{name}: p99 / p99 without them", with_ / without, "×", 1.1)

    def _send(self, sent: Sequence[bytes], rate: float | None, connections: int = 1) -> Sent:
        return asyncio.run(send(self._server.url, sent, rate, connections))

    @property
    def _memory(self) -> float:
        return costs.memory(self._server.process.pid)

    def _figure(self, name: str, value: float, unit: str, aim: float | None = None) -> Figure:
        return Figure(part=PART, store=self._store, name=name, value=value, unit=unit, aim=aim)
