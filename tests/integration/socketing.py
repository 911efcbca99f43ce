"""A client of websockets: tokens, sockets that are bound, and the notifications that come."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.integration.backport import numbers, parameter, subscription
from tests.integration.stories import Resource
from tests.integration.subscribing import URL, ask

TOKEN = f"{URL}/$get-ws-binding-token"


def made(client: httpx.Client, *filters: str, **wanted: Any) -> str:
    """The id of a new Subscription for a websocket."""
    answer = ask(client, subscription(None, *filters, **wanted))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def binding(client: httpx.Client, *ids: str, **headers: str) -> Resource:
    """The Parameters with a token for these."""
    answer = client.get(TOKEN, params={"id": [*ids]}, headers=headers)
    assert answer.status_code == 200, answer.text
    told: Resource = answer.json()
    return told


@dataclass(frozen=True, slots=True)
class Socket:
    """An open websocket."""

    connection: ClientConnection

    def bind(self, token: str) -> None:
        """Bind it."""
        self.connection.send(f"bind-with-token {token}")

    def told(self, seconds: float = 10.0) -> Resource:
        """The next notification. Raises ``TimeoutError``."""
        notification: Resource = json.loads(self.connection.recv(seconds))
        return notification

    def quiet(self, seconds: float) -> bool:
        """Whether nothing comes for so long."""
        try:
            self.connection.recv(seconds)
        except TimeoutError:
            return True
        return False

    def end(self, seconds: float = 5.0) -> tuple[int, str]:
        """How the server closed it, whatever came before: code and reason."""
        while True:
            try:
                self.connection.recv(seconds)
            except ConnectionClosed as closed:
                end = closed.rcvd
                return (end.code, end.reason) if end else (1006, "")

    def events(self, number: int) -> list[int]:
        """The numbers of so many events, in the order in which they come."""
        got: list[int] = []
        while len(got) < number:
            notification = self.told()
            assert kind(notification) == "event-notification"
            got += numbers(notification)
        return got


@contextmanager
def socket(client: httpx.Client, *ids: str) -> Iterator[Socket]:
    """A websocket that is bound to these, after their handshakes."""
    told = binding(client, *ids)
    with opened(parameter(told, "websocket-url")) as one:
        one.bind(parameter(told, "token"))
        assert {whose(one.told()) for _ in ids} == {*ids}
        yield one


@contextmanager
def opened(url: str, **options: Any) -> Iterator[Socket]:
    """A websocket that is bound to nothing yet."""
    with connect(url, proxy=None, max_size=None, close_timeout=1, **options) as connection:
        yield Socket(connection)


def kind(notification: Resource) -> str:
    """``handshake``, ``heartbeat`` or ``event-notification``."""
    return str(parameter(notification["entry"][0]["resource"], "type"))


def whose(notification: Resource) -> str:
    """The id of its Subscription."""
    told = parameter(notification["entry"][0]["resource"], "subscription")["reference"]
    return str(told.rpartition("/")[2])
