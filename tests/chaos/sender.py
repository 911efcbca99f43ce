"""Organisations at their streams: what has no acknowledgement is written again, until it has one.

What the broker acknowledged is the truth the oracle knows, and nothing else is.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from schemas import topics
from schemas.broker import Broker
from tests.chaos.traffic import Good, Poison, Step, Traffic, digest
from tests.chaos.view import View

_AT_ONCE: Final = 40  # records; each of another patient
_ANSWER: Final = 8.0  # seconds until a record counts as not written
_TRICKLE: Final = 5.0  # records a second
_LARGEST: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands. ``life`` counts how often the topic was made anew."""

    topic: str
    life: int
    partition: int
    offset: int


@dataclass(slots=True)
class Ledger:
    """All that the broker has acknowledged."""

    goods: dict[str, Good] = field(default_factory=dict)
    poisons: dict[tuple[str, bytes], Poison] = field(default_factory=dict)
    """By the topic and the digest of their bytes."""
    places: dict[Place, bytes] = field(default_factory=dict)
    """What was acknowledged where: the digest of the record's value."""
    kinds: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0

    def note(self, step: Step, place: Place) -> None:
        """The broker has it."""
        self.places[place] = digest(step.value)
        self.kinds[step.repeat or step.fact.kind] += 1
        match step.fact:
            case Good() as good:
                self.goods[good.id] = good
            case Poison() as poison:
                self.poisons[place.topic, poison.digest] = poison


class Sender:
    """Writes until ``messages`` records are acknowledged, at ``rate`` records a second (0: as fast as it goes).

    And a few more: what something early waits for is written in any case. The ``reserve`` is written by and by.
    """

    def __init__(self, broker: Broker, view: View, seed: int, messages: int) -> None:
        self.ledger = Ledger()
        self.rate = 0.0
        self.reserve = 0
        self.lives: Counter[str] = Counter()
        self._broker, self._view = broker, view
        self._traffic, self._left = Traffic(seed), messages
        self._producer: Any = None
        self._again: list[Step] = []
        self._known: set[str] = set()
        self._waited: set[str] = set()
        self._held: set[str] = set()
        self._turn = threading.Lock()
        self._stopping = threading.Event()
        self._fault: BaseException | None = None

    @property
    def left(self) -> int:
        """How many records are still to be written. Raises what made the sender stop, if anything has."""
        if self._fault is not None:
            raise self._fault
        return max(self._left, 0) + self._traffic.owed + len(self._again)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Write while inside."""
        thread = threading.Thread(target=self._run, name="sender", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join(60)
            self._drop()
            self._view.close()

    def hold(self, organisation: str) -> None:
        """Nothing more is written to its stream for now; what was is acknowledged."""
        with self._turn:
            self._held.add(organisation)
        while any(step.organisation == organisation for step in self._again):
            time.sleep(0.05)

    def release(self, organisation: str) -> None:
        """Its stream was made anew: go on."""
        with self._turn:
            self.lives[topics.inbound(organisation)] += 1
            self._drop()
            self._held.discard(organisation)

    def _run(self) -> None:
        try:
            while self.left and not self._stopping.is_set():
                begun = time.monotonic()
                with self._turn:
                    sent = self._write_some()
                rate = self.rate if self._left > self.reserve else _TRICKLE
                pause = sent / rate if rate else 0.0
                self._stopping.wait(max(begun + pause - time.monotonic(), 0.0 if sent else 0.05))
        except BaseException as fault:  # noqa: BLE001 - told to whoever asks how many are left
            self._fault = fault

    def _write_some(self) -> int:
        """What has failed before, else the next steps; how many were tried."""
        self._again = steps = self._again or self._next()
        futures = [(step, self._send(step)) for step in steps]
        self._again = [step for step, future in futures if not self._is_acknowledged(step, future)]
        self.ledger.unanswered += len(self._again)
        if self._again:
            self._drop()
        return len(steps)

    def _next(self) -> list[Step]:
        most = min(_AT_ONCE, int(self.rate) or _AT_ONCE)
        if 0 < self._left <= self.reserve:
            most = 1
        self._known |= self._view.known(self._waited - self._known)
        self._waited = set()
        return self._traffic.steps(self._ready, most)

    def _ready(self, step: Step) -> bool:
        if self._left <= 0 and not step.owed:
            return False
        if missing := step.after - self._known:
            self._waited |= missing
        return not missing and step.organisation not in self._held

    def _send(self, step: Step) -> Any:
        with suppress(KafkaError):
            if self._producer is None:
                self._producer = _producer(self._broker)
            topic = topics.inbound(step.organisation)
            return self._producer.send(topic, key=step.key, value=step.value)
        return None

    def _is_acknowledged(self, step: Step, future: Any) -> bool:
        """Wait for the broker's word, and note it."""
        if future is None:
            return False
        with suppress(KafkaError):
            at = future.get(_ANSWER)
            self.ledger.note(step, Place(at.topic, self.lives[at.topic], at.partition, at.offset))
            self._left -= 1
            return True
        return False

    def _drop(self) -> None:
        """A producer that has failed is not used again."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError):
                producer.close(timeout=1)


def _producer(broker: Broker) -> Any:
    """One that keeps the order, and may write a record twice when an acknowledgement is lost."""
    return KafkaProducer(
        **broker.options(),
        acks="all",
        enable_idempotence=False,
        max_in_flight_requests_per_connection=1,
        max_request_size=_LARGEST,
        linger_ms=2,
        max_block_ms=5_000,
        request_timeout_ms=4_000,
        delivery_timeout_ms=int(_ANSWER * 1000),
        bootstrap_timeout_ms=5_000,
        reconnect_backoff_max_ms=500,
    )
