"""ID tokens: who the issuer says has signed in (OpenID Connect Core 1.0 §3.1.3.7)."""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc.jwk import Key

from carepath.identity import jose
from carepath.identity.jose import Claims
from carepath.identity.sign_in import Refused, SignInFault

OLDEST: Final = 600
"""Seconds: an ID token is made when the code is handed in, so an older one is not the answer to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What has to be in it. ``levels``: values of ``acr``, one of which it must have; none: any."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str
    levels: tuple[str, ...] = ()


def verified(
    token: str, keys: Collection[Mapping[str, Any]], expected: Expected, now: float
) -> Claims:
    """The claims; ``keys`` are the issuer's, ``now`` in seconds since 1970. Raises ``Refused``."""
    try:
        header = jose.header_of(token)
        jose.claims_of(token)
    except jose.Malformed:
        raise Refused(SignInFault.MALFORMED) from None
    algorithm = header.get("alg")
    if algorithm not in jose.RSA_OR_EC or "crit" in header:
        raise Refused(SignInFault.ALGORITHM)
    if str(header.get("typ", "JWT")).upper() != "JWT":  # neither a logout nor an access token
        raise Refused(SignInFault.TYPE)
    try:
        claims = jose.verified(token, _key(keys, header, algorithm), (algorithm,))
    except jose.BadSignature:
        raise Refused(SignInFault.SIGNATURE) from None
    _check_parties(claims, expected)
    _check_times(claims, now)
    _check_binding(claims, expected, algorithm)
    return claims


def _key(keys: Collection[Mapping[str, Any]], header: Mapping[str, Any], algorithm: str) -> Key:
    """By its id; an issuer with one key need not name it (§10.1)."""
    kid = header.get("kid")
    if kid is None and len(keys) == 1:
        (only,) = keys
        keys, kid = [{**only, "kid": ""}], ""
    try:
        return jose.chosen(keys, kid if isinstance(kid, str) else "", algorithm)
    except jose.NoKey:
        raise Refused(SignInFault.KEY) from None


def _check_parties(claims: Claims, expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise Refused(SignInFault.ISSUER)
    audiences = jose.audiences(claims)
    if expected.client_id not in audiences:
        raise Refused(SignInFault.AUDIENCE)
    party = claims.get("azp")
    if party != expected.client_id and (party is not None or len(audiences) > 1):
        raise Refused(SignInFault.PARTY)
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise Refused(SignInFault.CLAIMS)


def _check_times(claims: Claims, now: float) -> None:
    expires, issued = jose.number(claims, "exp"), jose.number(claims, "iat")
    if expires is None or not now < expires + jose.LEEWAY:
        raise Refused(SignInFault.EXPIRED)
    if issued is None or not now - OLDEST <= issued <= now + jose.LEEWAY:
        raise Refused(SignInFault.ISSUED)
    if "nbf" in claims:
        begins = jose.number(claims, "nbf")
        if begins is None or not begins <= now + jose.LEEWAY:
            raise Refused(SignInFault.ISSUED)


def _check_binding(claims: Claims, expected: Expected, algorithm: str) -> None:
    """It is the answer to our question, and came with that access token."""
    if not _same(claims.get("nonce"), expected.nonce):
        raise Refused(SignInFault.NONCE)
    told = claims.get("at_hash")
    if told is not None and not _same(told, half_hash(expected.access_token, algorithm)):
        raise Refused(SignInFault.HASH)
    if expected.levels and claims.get("acr") not in expected.levels:
        raise Refused(SignInFault.LEVEL)


def half_hash(text: str, algorithm: str) -> str:
    """``at_hash``: the left half of the hash that the signature's algorithm uses (§3.1.3.6)."""
    digest = hashlib.new(f"sha{algorithm[2:]}", text.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _same(told: object, expected: str) -> bool:
    return isinstance(told, str) and secrets.compare_digest(told.encode(), expected.encode())
