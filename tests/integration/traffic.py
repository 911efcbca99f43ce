"""Traffic on a server that may vanish at any moment: clients that post stories, readers that follow feeds.

What has no answer is sent again, the same bytes, until it has one; a feed that broke off is read on from its
last number. Both wait while there is no server.
"""

import json
import random
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

import httpx
from httpx_sse import ServerSentEvent, connect_sse

from tests.integration import stories
from tests.integration.stories import Resource
from tests.integration.talk import FHIR

OPERATOR = "*"
_REPEATED = 0.1  # how many of the messages are sent again though they were answered
_PATIENCE = 30.0  # seconds without an answer after which a connection counts as broken
_QUIET = 2.0  # seconds without an event after which a reader connects anew


class Address:
    """Where the server is at the moment."""

    def __init__(self) -> None:
        self._url: str | None = None
        self._closed = False
        self._is_settled = threading.Event()

    def up(self, url: str) -> None:
        """It is here from now on."""
        self._url = url
        self._is_settled.set()

    def down(self) -> None:
        """It is gone, or will be in a moment; another comes."""
        self._is_settled.clear()

    def close(self) -> None:
        """There will be none: nobody shall wait any more."""
        self._closed = True
        self._is_settled.set()

    def wait(self) -> str | None:
        """Its URL as soon as there is one; ``None`` when there will be none."""
        self._is_settled.wait()
        return None if self._closed else self._url


@dataclass(eq=False, slots=True)
class Sent:
    """A message that a client has begun to send, and the different receipts it was given for it."""

    message: Resource
    content: bytes
    receipts: set[bytes] = field(default_factory=set)
    unanswered: int = 0

    @property
    def id(self) -> str:
        """The message id."""
        return stories.message_id(self.message)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a feed as it came: its number and event code on the wire, and the CloudEvent in JSON."""

    number: int
    code: str
    data: str

    @classmethod
    def of(cls, came: ServerSentEvent) -> Self:
        """An event as the SSE client gives it."""
        return cls(int(came.id), came.event, came.data)


class Load:
    """Clients that post stories until told to stop, each about patients of its own, in order."""

    def __init__(self, address: Address, seed: int) -> None:
        self._address = address
        self._seed = seed
        self._stopping = threading.Event()
        self._clients: list[Future[None]] = []
        self.sent: list[Sent] = []

    def check(self) -> None:
        """Raise what made a client stop, if any has."""
        for client in self._clients:
            if client.done():
                client.result()

    def count(self) -> int:
        """How many messages are acknowledged by now."""
        return sum(bool(sent.receipts) for sent in list(self.sent))

    @contextmanager
    def running(self, clients: int) -> Iterator[None]:
        """Post while inside; on the way out everything begun is sent until it is answered."""
        with ThreadPoolExecutor(clients, "client") as pool:
            for n in range(clients):
                self._clients.append(pool.submit(self._post_stories, self._seed + n))
            try:
                yield
            except BaseException:
                self._address.close()
                raise
            finally:
                self._stopping.set()
        self.check()

    def repeat(self) -> None:
        """Send everything once more."""
        with httpx.Client(timeout=_PATIENCE, trust_env=False) as http:
            for sent in self.sent:
                self._deliver(http, sent)

    def post(self, message: Resource) -> None:
        """Send one more message."""
        with httpx.Client(timeout=_PATIENCE, trust_env=False) as http:
            self._deliver(http, self._begin(message))

    def _post_stories(self, seed: int) -> None:
        chance, told = random.Random(seed), list[Sent]()
        with httpx.Client(timeout=_PATIENCE, trust_env=False) as http:
            for message in _stories():
                if self._stopping.is_set():
                    return
                told.append(self._begin(message))
                self._deliver(http, told[-1])
                if chance.random() < _REPEATED:
                    self._deliver(http, chance.choice(told))

    def _begin(self, message: Resource) -> Sent:
        sent = Sent(message, json.dumps(message, ensure_ascii=False).encode())
        self.sent.append(sent)
        return sent

    def _deliver(self, http: httpx.Client, sent: Sent) -> None:
        """Until it is answered. Raises ``AssertionError`` when the answer is not a receipt."""
        while url := self._address.wait():
            try:
                answer = http.post(
                    f"{url}/fhir/$process-message",
                    content=sent.content,
                    headers={"Content-Type": FHIR},
                )
            except httpx.TransportError:
                sent.unanswered += 1
                continue
            assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
            sent.receipts.add(answer.content)
            return


def _stories() -> Iterator[Resource]:
    """Stories of one patient after the other, without end."""
    while True:
        patient = stories.person()
        yield from stories.hospital_stay(patient)
        yield from stories.night_at_the_legevakt(patient)
        yield from stories.referral_and_question(patient)


class Readers:
    """Receivers that follow their feeds from the beginning; ``events`` is what each has got."""

    def __init__(self, address: Address, *receivers: str) -> None:
        self._address = address
        self.events: dict[str, list[Event]] = {receiver: [] for receiver in receivers}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Read while inside; nobody waits for the server afterwards."""
        with ThreadPoolExecutor(len(self.events), "reader") as pool:
            reading = [pool.submit(self._read, receiver) for receiver in self.events]
            try:
                yield
            finally:
                self._address.close()
        for reader in reading:
            reader.result()

    def have(self, message: str) -> bool:
        """Whether the message with that id is the last that each has got."""
        return all(got and message in got[-1].data for got in self.events.values())

    def _read(self, receiver: str) -> None:
        timeout = httpx.Timeout(_PATIENCE, read=_QUIET)
        with httpx.Client(timeout=timeout, trust_env=False) as http:
            while url := self._address.wait():
                self._follow(http, f"{url}/events", receiver)

    def _follow(self, http: httpx.Client, url: str, receiver: str) -> None:
        """Read on from the last number until the connection breaks, or nothing comes for a while."""
        got = self.events[receiver]
        since = {"Last-Event-ID": str(got[-1].number if got else 0)}
        try:
            with connect_sse(http, "GET", url, params={"org": receiver}, headers=since) as source:
                source.response.raise_for_status()
                for came in source.iter_sse():
                    got.append(Event.of(came))
        except httpx.TransportError:
            return
