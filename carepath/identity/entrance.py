"""Signing in as it is set up for one server: its own clients, and other issuers' tokens."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from carepath.delivery.targets import Reach
from carepath.identity.assertions import Assertions
from carepath.identity.callers import Callers, Once
from carepath.identity.fetching import Fetcher
from carepath.identity.issuers import Issuer, Issuers
from carepath.identity.registered import Registered
from carepath.identity.tokens import Tokens
from carepath.store.database import Database

TOKEN: Final = "/auth/token"  # noqa: S105 -- the address where clients get theirs


@dataclass(frozen=True, slots=True)
class Entrance:
    """``assertions`` are what clients get our tokens for; ``callers`` judges what comes with every request."""

    assertions: Assertions
    callers: Callers


def entrance(
    database: Database, *, address: str, issuers: Iterable[Issuer] = (), reach: Reach
) -> Entrance:
    """The entrance of the server at ``address``; ``reach``: from where keys may be fetched."""
    registered, once = Registered(database), Once(database)
    fetcher = Fetcher(reach=reach)
    assertions = Assertions(
        registered=registered, fetcher=fetcher, audience=f"{address}{TOKEN}", first_use=once
    )
    callers = Callers(
        registered=registered,
        tokens=Tokens(database.keys, address, f"{address}/fhir"),
        issuers=Issuers({issuer.url: issuer for issuer in issuers}, fetcher),
        once=once,
    )
    return Entrance(assertions, callers)
