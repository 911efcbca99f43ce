"""Other issuers' access tokens: any OIDC issuer, with HelseID as the pattern (NHN's security profile, FAPI 2.0).

https://helseid.atlassian.net/wiki/spaces/HELSEID/overview
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from carepath.identity import jose
from carepath.identity.fetching import Fetcher
from carepath.identity.jose import BadSignature, Claims, Malformed, NoKey
from carepath.identity.keys import key_at
from carepath.identity.people import Person
from carepath.identity.refusals import Fault, NotBelieved, OutOfReach
from carepath.identity.scopes import Scope, known, scopes
from fhir_mappings.codes import ORGANISATION_NUMBER
from pathways.parties import Directory, Identifier, Party

_TYPES: Final = ("at+jwt", "application/at+jwt", "JWT")
METADATA: Final = "/.well-known/openid-configuration"

HELSEID: Final[Mapping[str, str]] = {
    "parent": "helseid://claims/client/claims/orgnr_parent",
    "child": "helseid://claims/client/claims/orgnr_child",
    "supplier": "helseid://claims/client/claims/orgnr_supplier",
    "client": "client_id",
    "pid": "helseid://claims/identity/pid",
    "level": "helseid://claims/identity/security_level",
    "hpr": "helseid://claims/hpr/hpr_number",
    "name": "name",
}
"""What a token says, by the name of the claim that says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Whose tokens are believed, and for what.

    ``audience``: what its tokens must be for; ``scopes``: SMART scopes by the issuer's own scope; ``claims``: their
    names, as ``HELSEID`` has them; ``levels``: of security, of which a person's token must have one; ``bound``:
    whether its tokens must be bound to a key (DPoP).
    """

    url: str
    audience: str
    scopes: Mapping[str, str]
    claims: Mapping[str, str] = field(default_factory=lambda: HELSEID)
    levels: tuple[str, ...] = ("4", "high")
    bound: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """What an issuer's token says. ``thumbprint``: of the key it is bound to."""

    issuer: Issuer
    client: str
    scopes: frozenset[Scope]
    parent: str | None
    child: str | None
    supplier: str | None
    person: Person | None
    thumbprint: str | None


@dataclass(frozen=True, slots=True)
class Issuers:
    """Those that are set, by URL."""

    set: Mapping[str, Issuer]
    fetcher: Fetcher

    async def read(self, token: str, now: datetime) -> Vouched:
        """What a token says that holds ``now`` (aware). Raises ``NotBelieved`` and ``OutOfReach``."""
        try:
            header, claimed = jose.header_of(token), jose.claims_of(token)
        except Malformed:
            raise NotBelieved(Fault.TOKEN_MALFORMED, "this is no access token") from None
        issuer = self.set.get(str(claimed.get("iss")))
        if issuer is None:
            raise NotBelieved(Fault.TOKEN_ISSUER, "tokens of that issuer do not count here")
        claims = await self._verified(token, header, issuer)
        _check(claims, issuer, now.timestamp())
        return _vouched(claims, issuer)

    async def _verified(self, token: str, header: Mapping[str, Any], issuer: Issuer) -> Claims:
        if header.get("typ") not in _TYPES:
            raise NotBelieved(Fault.TOKEN_TYPE, "typ is at+jwt or JWT")
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in jose.RSA_OR_EC:
            raise NotBelieved(Fault.TOKEN_ALGORITHM, "the token's alg is not offered")
        if not isinstance(kid, str):
            raise NotBelieved(Fault.TOKEN_KEY, "the token does not say which key signed it")
        try:
            key = await key_at(self.fetcher, await self._jwks_url(issuer), kid, algorithm)
            return jose.verified(token, key, (algorithm,))
        except NoKey:
            raise NotBelieved(Fault.TOKEN_KEY, "the issuer has no such key") from None
        except BadSignature:
            raise NotBelieved(Fault.TOKEN_SIGNATURE, "the signature is not the issuer's") from None

    async def _jwks_url(self, issuer: Issuer) -> str:
        """Where its keys are, by its metadata, which must be its own (OIDC Discovery §4.3)."""
        told = await self.fetcher.json(issuer.url.rstrip("/") + METADATA)
        url = told.get("jwks_uri")
        if told.get("issuer") != issuer.url or not isinstance(url, str):
            raise OutOfReach("the issuer's metadata is not its own")
        return url


def _check(claims: Claims, issuer: Issuer, now: float) -> None:
    if claims.get("iss") != issuer.url:
        raise NotBelieved(Fault.TOKEN_ISSUER, "tokens of that issuer do not count here")
    if issuer.audience not in jose.audiences(claims):
        raise NotBelieved(Fault.TOKEN_AUDIENCE, "the token is for another API")
    until = jose.number(claims, "exp")
    if until is None:
        raise NotBelieved(Fault.TOKEN_CLAIMS, "the token has no exp")
    if until <= now - jose.LEEWAY:
        raise NotBelieved(Fault.TOKEN_EXPIRED, "the token has expired: get another")
    if (jose.number(claims, "nbf") or 0) > now + jose.LEEWAY:
        raise NotBelieved(Fault.TOKEN_EARLY, "the token is not valid yet")


def _vouched(claims: Claims, issuer: Issuer) -> Vouched:
    def told(name: str) -> str | None:
        value = claims.get(issuer.claims.get(name, ""))
        return str(value) if isinstance(value, str | int) and value else None

    client = told("client")
    if client is None:
        raise NotBelieved(Fault.TOKEN_CLAIMS, "the token does not say which client it is for")
    person = None
    if told("pid") or told("hpr"):
        if told("level") not in issuer.levels:
            raise NotBelieved(Fault.PERSON_LEVEL, "the person signed in at too low a level")
        person = Person(
            issuer=issuer.url,
            subject=str(claims.get("sub", "")),
            pid=told("pid"),
            hpr=told("hpr"),
            name=told("name"),
            organisations=tuple(n for n in (told("parent"), told("child")) if n),
        )
    return Vouched(
        issuer=issuer,
        client=client,
        scopes=_scopes(claims, issuer),
        parent=told("parent"),
        child=told("child"),
        supplier=told("supplier"),
        person=person,
        thumbprint=_thumbprint(claims),
    )


def _scopes(claims: Claims, issuer: Issuer) -> frozenset[Scope]:
    told = claims.get("scope", "")
    names = told.split() if isinstance(told, str) else [s for s in told if isinstance(s, str)]
    meant = [scopes(issuer.scopes[name]) for name in names if name in issuer.scopes]
    return known(names).union(*meant)


def _thumbprint(claims: Claims) -> str | None:
    """The key that the token is bound to (RFC 9449 §6.1)."""
    bound = claims.get("cnf")
    told = bound.get("jkt") if isinstance(bound, dict) else None
    return told if isinstance(told, str) else None


def party_of(vouched: Vouched, directory: Directory, at: datetime) -> Party:
    """The organisation that asks: the point of care, else the legal entity. Raises ``NotBelieved``.

    An issuer checks the legal entity; that the point of care is a unit of it is ours to check (HelseID's
    documentation of multi-tenant clients).
    """
    if vouched.parent is None:
        raise NotBelieved(Fault.ORGANISATION_MISSING, "the token names no legal entity")
    parent = _found(directory, vouched.parent, at)
    if parent is None:
        raise NotBelieved(Fault.ORGANISATION_UNKNOWN, "the legal entity is not in the directory")
    if vouched.child is None or vouched.child == vouched.parent:
        return parent
    child = _found(directory, vouched.child, at)
    if child is None:
        raise NotBelieved(Fault.CHILD_UNKNOWN, "the point of care is not in the directory")
    if parent.key not in directory.lineage(child.key):
        raise NotBelieved(
            Fault.CHILD_NOT_OF_PARENT, "the point of care is no unit of the legal entity"
        )
    return child


def _found(directory: Directory, number: str, at: datetime) -> Party | None:
    return directory.find((Identifier(ORGANISATION_NUMBER, number),), at)
