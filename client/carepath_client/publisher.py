"""Messages to the server, over HTTP or Kafka. Sent again, a message counts once: its id tells."""

import time
from contextlib import ExitStack
from typing import Protocol, Self

import httpx

from carepath_client import http
from carepath_client.broker import Security
from carepath_client.http import Attempts, Server
from carepath_client.kafka_door import KafkaDoor
from carepath_client.letters import Letter, Sendable, letter
from carepath_client.receipts import Receipt


class Door(Protocol):
    """A way in."""

    def send(self, one: Letter, limit: float, wait: float | None) -> Receipt:
        """Raises ``Refused``, ``Unavailable`` and ``Unanswered``."""

    def close(self) -> None:
        """Give back what it holds."""


class Publisher:
    """May be used by several threads. ``limit``: seconds for one message, all attempts together."""

    def __init__(self, door: Door, limit: float) -> None:
        self._door, self._limit = door, limit

    @classmethod
    def http(
        cls,
        url: str,
        *,
        organisation: str | None = None,
        limit: float = 60.0,
        client: httpx.Client | None = None,
        auth: httpx.Auth | None = None,
    ) -> Self:
        """Over HTTP: the answer is definitive.

        ``organisation`` is the directory key; without it the message's sender counts. ``client`` is yours, with
        your TLS, proxies and tokens, and yours to close; ``auth`` signs in without one: ``BackendServices``.
        """
        return cls(_HttpDoor(Server(url, organisation), client, auth), limit)

    @classmethod
    def kafka(
        cls,
        bootstrap: str,
        *,
        organisation: str,
        security: Security | None = None,
        limit: float = 60.0,
    ) -> Self:
        """Over Kafka, to ``carepath.inbound.<organisation>``. ``bootstrap``: host:port[,host:port]."""
        return cls(KafkaDoor(bootstrap, organisation, security or Security()), limit)

    def publish(self, message: Sendable, *, wait: float | None = None) -> Receipt:
        """Send it, and again where that may help.

        Over HTTP the receipt says what became of it. Over Kafka it says ``published`` when the broker has it; with
        ``wait`` it is waited for, so many seconds, in the organisation's updates.
        Raises ``Refused`` for a no, ``Unavailable`` when the limit is over, ``Unanswered`` when the wait is over,
        ``ValueError`` where it is no message.
        """
        return self._door.send(letter(message), self._limit, wait)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End its connections."""
        self._door.close()


class _HttpDoor:
    def __init__(
        self, server: Server, client: httpx.Client | None, auth: httpx.Auth | None
    ) -> None:
        self._server, self._own = server, ExitStack()
        self._client = client or self._own.enter_context(httpx.Client(auth=auth))

    def send(self, one: Letter, limit: float, wait: float | None) -> Receipt:
        attempts, request = Attempts(limit), self._server.publish(one.source)
        while True:
            try:
                asked = self._client.build_request(**request, timeout=attempts.timeout)
                return http.receipt(self._client.send(asked), one.message_id)
            except http.FAULTS as fault:
                time.sleep(attempts.pause(fault))

    def close(self) -> None:
        self._own.close()
