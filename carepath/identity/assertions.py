"""``private_key_jwt``: a client says who it is, signed with a key that is registered for it.

https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html
https://www.rfc-editor.org/rfc/rfc7523#section-3
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from joserfc.jwk import Key
from starlette.concurrency import run_in_threadpool

from carepath.identity import jose
from carepath.identity.fetching import Fetcher
from carepath.identity.jose import BadSignature, Claims, Malformed, NoKey
from carepath.identity.keys import key_at, key_in
from carepath.identity.refusals import Fault, NotBelieved, OutOfReach
from carepath.identity.registered import Registered
from carepath.store.clients import Client

ALGORITHMS: Final = ("RS384", "ES384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES512")
"""The first two are those of SMART; SHA-256 with PKCS #1 v1.5 is not among them, as SMART wishes."""
LONGEST: Final = 300
"""Seconds that an assertion may be good for."""
_TYPES: Final = ("JWT", "client-authentication+jwt")
_MOST_ID: Final = 256  # characters of a jti

FirstUse = Callable[[tuple[str, ...], float], bool]
"""Whether something is said for the first time, remembered until then (seconds since 1970)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertions:
    """``audience`` is the URL of the token endpoint."""

    registered: Registered
    fetcher: Fetcher
    audience: str
    first_use: FirstUse

    async def client(self, assertion: str, now: datetime) -> Client:
        """The client that asserts itself at ``now`` (aware). Raises ``NotBelieved`` and ``OutOfReach``."""
        try:
            header, claimed = jose.header_of(assertion), jose.claims_of(assertion)
        except Malformed:
            raise NotBelieved(
                Fault.ASSERTION_MALFORMED, "the assertion is no signed token"
            ) from None
        kid, algorithm = _head(header)
        client = await self._named(claimed, now)
        key = await self._key(client, header, kid, algorithm)
        try:
            claims = jose.verified(assertion, key, (algorithm,))
        except BadSignature:
            raise NotBelieved(
                Fault.ASSERTION_SIGNATURE, "the signature is not the registered key's"
            ) from None
        until = self._check(claims, now.timestamp())
        said = ("assertion", client.id, claims["jti"])
        if not await run_in_threadpool(self.first_use, said, until):
            raise NotBelieved(Fault.ASSERTION_USED, "the jti was used before: make a new one")
        return client

    async def _named(self, claims: Claims, now: datetime) -> Client:
        id_ = claims.get("iss")
        if not isinstance(id_, str) or not id_ or id_ != claims.get("sub"):
            raise NotBelieved(Fault.ASSERTION_CLAIMS, "iss and sub are both the client_id")
        client = await run_in_threadpool(self.registered.client, id_, now)
        if client is None:
            raise NotBelieved(Fault.CLIENT_UNKNOWN, "no client is registered with that id")
        return client

    async def _key(self, client: Client, header: dict[str, Any], kid: str, algorithm: str) -> Key:
        if "jku" in header and header["jku"] != client.jwks_url:
            raise NotBelieved(
                Fault.ASSERTION_JKU, "jku is not the address that is registered for the keys"
            )
        try:
            if client.jwks_url is None:
                return key_in(client.jwks, kid, algorithm)
            return await key_at(self.fetcher, client.jwks_url, kid, algorithm)
        except NoKey:
            raise NotBelieved(
                Fault.ASSERTION_KEY, "not exactly one registered key has that kid and kty"
            ) from None
        except OutOfReach:
            raise NotBelieved(
                Fault.CLIENT_KEYS, "the client's keys cannot be fetched from its jwks_url now"
            ) from None

    def _check(self, claims: Claims, now: float) -> float:
        """Until when it is good, in seconds since 1970."""
        if self.audience not in jose.audiences(claims):
            raise NotBelieved(Fault.ASSERTION_AUDIENCE, "aud is not this token endpoint")
        until, id_ = jose.number(claims, "exp"), claims.get("jti")
        if until is None or not isinstance(id_, str) or not 0 < len(id_) <= _MOST_ID:
            raise NotBelieved(Fault.ASSERTION_CLAIMS, "exp and jti are needed")
        if until <= now - jose.LEEWAY:
            raise NotBelieved(Fault.ASSERTION_EXPIRED, "the assertion has expired")
        if until > now + LONGEST + jose.LEEWAY:
            raise NotBelieved(Fault.ASSERTION_LONG, "exp is more than five minutes away")
        if any((jose.number(claims, name) or 0) > now + jose.LEEWAY for name in ("nbf", "iat")):
            raise NotBelieved(Fault.ASSERTION_EARLY, "nbf or iat is in the future")
        return until + jose.LEEWAY


def _head(header: dict[str, Any]) -> tuple[str, str]:
    """The key's id, and the algorithm."""
    if header.get("typ") not in _TYPES:
        raise NotBelieved(Fault.ASSERTION_TYPE, "typ is JWT")
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise NotBelieved(Fault.ASSERTION_ALGORITHM, f"alg is one of {', '.join(ALGORITHMS)}")
    if not isinstance(kid, str) or not kid:
        raise NotBelieved(Fault.ASSERTION_KEY, "kid says which key signed")
    return kid, str(algorithm)
