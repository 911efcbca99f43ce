"""A server where everybody signs in, without a process: its door, and clients with keys of their own."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import uuid4

import httpx
from joserfc import jwk, jwt
from joserfc.jwk import Key
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from carepath.api.app import application
from carepath.delivery.targets import Reach
from carepath.identity.entrance import TOKEN, entrance
from carepath.service import Service, ServiceOptions, directory
from carepath.store import clients
from carepath.store.clients import Client
from carepath.store.database import Database
from pathways.access import Role
from pathways.parties import Party
from tests.contract.front import ADDRESS, context

TOKEN_URL: Final = f"{ADDRESS}{TOKEN}"
ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEY: Final = jwk.generate_key("EC", "P-384", {"kid": "one"})
SINCE: Final = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entered:
    """The server, on a database of the test's own."""

    database: Database
    app: Starlette

    def register(self, id_: str = "journal", **changes: Any) -> Client:
        """Register a client of the ward's with ``KEY``."""
        usual = Client(
            id=id_,
            party="ward",
            role=Role.SYSTEM,
            scopes=("system/*.cruds",),
            since=SINCE,
            jwks={"keys": [KEY.as_dict(private=False)]},
        )
        with self.database.write() as conn:
            clients.enter(conn, replace(usual, **changes))
        return replace(usual, **changes)

    def asked(self, *requests: httpx.Request) -> list[httpx.Response]:
        """What it answers, one after the other."""

        async def call() -> list[httpx.Response]:
            inside = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=inside) as client:
                return [await client.send(one) for one in requests]

        return asyncio.run(call())

    def get(self, path: str, **headers: str) -> httpx.Response:
        """GET an address."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        (answer,) = self.asked(httpx.Request("GET", f"{ADDRESS}{path}", headers=named))
        return answer

    def token(self, *, scope: str = "system/*.cruds", **changes: Any) -> httpx.Response:
        """What the token endpoint answers to an assertion; ``changes`` as of ``assertion``."""
        return self.posted(form(scope=scope, client_assertion=assertion(**changes)))

    def posted(self, told: dict[str, str]) -> httpx.Response:
        """What it answers to a form."""
        (answer,) = self.asked(httpx.Request("POST", TOKEN_URL, data=told))
        return answer

    def bearer(self, scope: str = "system/*.cruds") -> str:
        """An Authorization header that is good."""
        answer = self.token(scope=scope)
        assert answer.status_code == 200, answer.text
        return f"Bearer {answer.json()['access_token']}"


def entered(
    database: Database, *, pages: tuple[BaseRoute, ...] = (), own_door: tuple[str, ...] = ()
) -> Entered:
    """The server, with three organisations in its directory."""
    with database.write() as conn:
        for party in (Party("house", "House"), Party("ward", "Ward", parent="house"), _GP):
            directory.enter(conn, database.keys, party, SINCE)
    made = context(Service(database, ServiceOptions(open_mode=False)))
    door = entrance(database, address=ADDRESS, reach=Reach(loopback=True))
    closed = replace(made, open_mode=False, entrance=door)
    return Entered(database, application(closed, pages, own_door))


_GP: Final = Party("gp", "Doctor")


def assertion(
    *,
    header: Mapping[str, Any] = MappingProxyType({}),
    key: Key = KEY,
    **changes: Any,
) -> str:
    """A good one, but for the changes; ``None`` leaves a claim or header out."""
    now = int(time.time())
    claims = {"iss": "journal", "sub": "journal", "aud": TOKEN_URL, "exp": now + 60}
    claims |= {"jti": str(uuid4()), **changes}
    told = {"alg": "ES384", "typ": "JWT", "kid": "one", **header}
    given = {name: value for name, value in claims.items() if value is not None}
    named = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(named, given, key, [str(told["alg"])], default_type=None)


def form(**changes: str) -> dict[str, str]:
    """What a client sends for a token, but for the changes; an empty one is left out."""
    told = {
        "grant_type": "client_credentials",
        "scope": "system/*.cruds",
        "client_assertion_type": ASSERTION,
        **changes,
    }
    return {name: value for name, value in told.items() if value}
