"""The demo's issuer in this process, which can be told to go wrong."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from typing_extensions import override

from carepath.cli.demo.issuer import DemoIssuer, Granted
from carepath.cli.demo.people import PERSONS, Somebody
from tests.servers import PATIENCE

GONE = object()


@dataclass(slots=True)
class Wrong:
    """What is wrong just now. ``claims``: put over the ID token's (``GONE`` takes one away).

    ``signed``: made of the right ID token. ``token``, ``keys``: the answers at these addresses. ``metadata``: put over.
    """

    claims: dict[str, Any] = field(default_factory=dict)
    signed: Callable[[str], str] | None = None
    token: Response | None = None
    keys: Response | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class FaultyIssuer(DemoIssuer):
    """As the demo's, but for what is ``wrong``. ``asked`` counts what it was asked for."""

    wrong: Wrong = field(default_factory=Wrong)
    asked: list[str] = field(default_factory=list)

    @override
    def metadata(self) -> dict[str, Any]:
        told = {**DemoIssuer.metadata(self), **self.wrong.metadata}
        return {name: said for name, said in told.items() if said is not GONE}

    @override
    async def configuration(self, request: Request) -> Response:
        self.asked.append("metadata")
        return await DemoIssuer.configuration(self, request)

    @override
    async def jwks(self, request: Request) -> Response:
        self.asked.append("keys")
        return self.wrong.keys or await DemoIssuer.jwks(self, request)

    @override
    async def token(self, request: Request) -> Response:
        self.asked.append("token")
        return self.wrong.token or await DemoIssuer.token(self, request)

    @override
    def claims(self, granted: Granted, access_token: str) -> dict[str, Any]:
        told = {**DemoIssuer.claims(self, granted, access_token), **self.wrong.claims}
        return {name: said for name, said in told.items() if said is not GONE}

    @override
    def signed(self, claims: dict[str, Any]) -> str:
        right = DemoIssuer.signed(self, claims)
        return self.wrong.signed(right) if self.wrong.signed else right


BROKEN: dict[str, Callable[[], Response]] = {
    "down": lambda: PlainTextResponse("oops", 500),
    "not JSON": lambda: PlainTextResponse("<html>", 200),
    "a list": lambda: JSONResponse([]),
    "elsewhere": lambda: RedirectResponse("http://127.0.0.1:1/"),
    "endless": lambda: PlainTextResponse("[" * 1_000_000),
}
"""Answers that are none."""


@contextmanager
def running(make: Callable[[str], FaultyIssuer]) -> Iterator[FaultyIssuer]:
    """An issuer that is made for its address, on loopback."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        issuer = make(f"http://127.0.0.1:{listener.getsockname()[1]}")
        served = uvicorn.Server(
            uvicorn.Config(issuer.application(), log_level="warning", access_log=False)
        )
        thread = threading.Thread(target=served.run, args=([listener],), daemon=True)
        thread.start()
        latest = time.monotonic() + PATIENCE
        while not served.started and time.monotonic() < latest:
            time.sleep(0.01)
        try:
            yield issuer
        finally:
            served.should_exit = True
            thread.join(PATIENCE)


@contextmanager
def issuing(client: str, persons: Sequence[Somebody] = PERSONS) -> Iterator[FaultyIssuer]:
    """An issuer on loopback, whose client is at ``client``."""
    with running(lambda address: FaultyIssuer(address, client, persons)) as issuer:
        yield issuer
