"""Who calls: from what a request shows to an actor. A token of ours, or one of an issuer that is believed."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from starlette.concurrency import run_in_threadpool

from carepath.identity import jose, proofs
from carepath.identity.issuers import Issuers, Vouched, party_of
from carepath.identity.jose import Malformed
from carepath.identity.people import member_actor
from carepath.identity.refusals import Fault, NotBelieved
from carepath.identity.registered import Registered
from carepath.identity.scopes import granted, known
from carepath.identity.tokens import Tokens
from carepath.store import clients
from carepath.store.blind import Keys
from carepath.store.database import Connection, Database
from carepath.store.times import instant
from carepath.store.times import now as now_in_micros
from pathways.access import Actor, Role
from pathways.parties import Directory

Standing = Callable[[Connection, int], bool]
"""Whether what signed a caller in still holds at a moment (microseconds since 1970): asked of open streams."""
_CREDENTIALS: Final = re.compile(r"(bearer|dpop) +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a request shows of itself; ``url`` as its caller knows it. ``organisation``: whom it asks to act as."""

    authorization: tuple[str, ...]
    proofs: tuple[str, ...]
    method: str
    url: str
    organisation: str | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is signed in, and whether they still are."""

    actor: Actor
    standing: Standing


@dataclass(frozen=True, slots=True)
class Once:
    """What may be said once only, among all processes on a database."""

    database: Database

    def __call__(self, said: tuple[str, ...], until: float) -> bool:
        """Whether it is said for the first time; remembered until then (seconds since 1970)."""
        ends, keys = int(until * 1_000_000), self.database.keys
        with self.database.write() as connection:
            return clients.use(connection, keys, said, ends, now_in_micros())


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """Judges what requests show."""

    registered: Registered
    tokens: Tokens
    issuers: Issuers
    once: Once

    async def caller(self, shown: Shown) -> Caller:
        """Who calls. Raises ``NotBelieved``, and ``OutOfReach`` where an issuer's keys cannot be had."""
        scheme, token = _credentials(shown)
        now = datetime.now(UTC)
        claimed = _claims(token)
        if claimed.get("iss") == self.tokens.issuer:
            if scheme != "bearer":
                raise NotBelieved(Fault.TOKEN_UNBOUND, "our tokens are shown as Bearer")
            if self.registered.is_fresh(str(claimed.get("client_id"))):
                return self._client(token, shown, now)  # nothing to wait for
            return await run_in_threadpool(self._client, token, shown, now)
        vouched = await self.issuers.read(token, now)
        await self._check_bound(vouched, scheme, token, shown)
        return await run_in_threadpool(self._vouched, vouched, token, shown, now)

    def _client(self, token: str, shown: Shown, now: datetime) -> Caller:
        claims = self.tokens.read(token, now)
        id_ = str(claims.get("client_id"))
        client = self.registered.client(id_, now)
        if client is None:
            raise NotBelieved(Fault.TOKEN_CLIENT, "the client is not registered any more")
        directory = self.registered.directory
        party = _acting(directory, shown.organisation, client.party, client.acts_for)
        scopes = _scopes(str(claims.get("scope", "")), client.scopes)
        actor = Actor(role=client.role, party=party, client=id_, scopes=scopes)
        until = micros_of(claims["exp"])

        def standing(conn: Connection, at: int) -> bool:
            still = clients.show(conn, id_, instant(at))
            houses = (still.party, *still.acts_for) if still else ()
            return at < until and not {*houses}.isdisjoint(directory.lineage(party))

        return Caller(actor, standing)

    async def _check_bound(self, vouched: Vouched, scheme: str, token: str, shown: Shown) -> None:
        """A token that is bound to a key comes with a proof of that key, and where it must be, is."""
        thumbprint = vouched.thumbprint
        if thumbprint is None:
            if vouched.issuer.bound or scheme == "dpop":
                raise NotBelieved(Fault.TOKEN_UNBOUND, "the token is not bound to a key")
            return
        if scheme != "dpop":
            raise NotBelieved(Fault.TOKEN_BOUND, "a token that is bound is shown as DPoP")
        if len(shown.proofs) != 1:
            raise NotBelieved(Fault.PROOF_MISSING, "send one DPoP header")
        fits = proofs.Shown(method=shown.method, url=shown.url, token=token, thumbprint=thumbprint)
        found = proofs.proven(shown.proofs[0], fits, datetime.now(UTC).timestamp())
        if not await run_in_threadpool(self.once, ("proof", found.id), found.until):
            raise NotBelieved(Fault.PROOF_USED, "the proof was used before: make a new one")

    def _vouched(self, vouched: Vouched, token: str, shown: Shown, now: datetime) -> Caller:
        directory = self.registered.directory
        party = party_of(vouched, directory, now)
        until = micros_of(jose.claims_of(token)["exp"])
        scopes = frozenset(map(str, vouched.scopes))
        if vouched.person is None:
            supplied = vouched.supplier not in (None, vouched.parent)
            actor = Actor(
                role=Role.SUPPLIER if supplied else Role.SYSTEM,
                party=_acting(directory, shown.organisation, party.key, ()),
                client=vouched.client,
                scopes=scopes,
            )
            return Caller(actor, lambda _conn, at: at < until)
        return self._person(vouched, party.key, scopes, shown, until)

    def _person(
        self, vouched: Vouched, party: str, scopes: frozenset[str], shown: Shown, until: int
    ) -> Caller:
        keys, database, person = self._keys, self.registered.database, vouched.person
        if person is None:
            raise TypeError("no person")

        def member(conn: Connection, at: datetime) -> Actor | None:
            return member_actor(conn, keys, person, at, party)

        with database.read() as connection:
            found = member(connection, datetime.now(UTC))
        if found is None:
            raise NotBelieved(Fault.PERSON_NOT_MEMBER, "the person does not work there")
        if shown.organisation not in (None, found.party):
            raise NotBelieved(Fault.NOT_THEIRS, "a person acts for where they work only")

        def standing(conn: Connection, at: int) -> bool:
            still = member(conn, instant(at))
            return at < until and still is not None and still.role is found.role

        return Caller(replace(found, client=vouched.client, scopes=scopes), standing)

    @property
    def _keys(self) -> Keys:
        return self.registered.database.keys


def micros_of(seconds: float) -> int:
    """Seconds since 1970, as a claim has them, in microseconds."""
    return int(seconds * 1_000_000)


def _acting(directory: Directory, asked: str | None, party: str, acts_for: tuple[str, ...]) -> str:
    """Whom they act as: themselves, or as asked a unit of theirs or of those that they act for."""
    if asked is None or asked == party:
        return party
    houses = (party, *acts_for)
    if asked in directory.parties and not {*houses}.isdisjoint(directory.lineage(asked)):
        return asked
    raise NotBelieved(Fault.NOT_THEIRS, "the client may not act as that organisation")


@lru_cache(1024)
def _scopes(given: str, registered: tuple[str, ...]) -> frozenset[str]:
    """What a token was given, as far as it is registered still."""
    return frozenset(map(str, granted(known(given.split()), known(registered))))


def _claims(token: str) -> jose.Claims:
    """What a token says, not yet believed."""
    try:
        return jose.claims_of(token)
    except Malformed:
        raise NotBelieved(Fault.TOKEN_MALFORMED, "this is no access token") from None


def _credentials(shown: Shown) -> tuple[str, str]:
    """The scheme in lower case, and the token."""
    if not shown.authorization:
        raise NotBelieved(Fault.NO_TOKEN, "sign in: see .well-known/smart-configuration")
    found = _CREDENTIALS.fullmatch(shown.authorization[0])
    if found is None or len(shown.authorization) > 1:
        text = "send one Authorization header: Bearer or DPoP, and the access token"
        raise NotBelieved(Fault.HEADER, text)
    return found[1].lower(), found[2]
