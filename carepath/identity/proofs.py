"""DPoP: the caller proves to hold the key that its access token is bound to (RFC 9449 §4.3, with HelseID's limits).

https://www.rfc-editor.org/rfc/rfc9449
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from joserfc.jwk import Key

from carepath.identity import jose
from carepath.identity.jose import BadSignature, Malformed, NoKey
from carepath.identity.refusals import Fault, NotBelieved

_LASTS: Final = 1 + jose.LEEWAY
"""Seconds that a proof is good for: HelseID's one, and what clocks may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a proof has to fit: the request, the token that comes with it, and the key that the token is bound to."""

    method: str
    url: str  # as the caller knows it; query and fragment do not count
    token: str
    thumbprint: str


@dataclass(frozen=True, slots=True)
class Proven:
    """A proof that fits; ``id`` may be used once until ``until`` (seconds since 1970)."""

    id: str
    until: float


def proven(proof: str, shown: Shown, now: float) -> Proven:
    """Judge a proof at ``now`` (seconds since 1970). Raises ``NotBelieved``."""
    try:
        header = jose.header_of(proof)
        key = _key(header)
        claims = jose.verified(proof, key, (header["alg"],))
    except Malformed:
        raise NotBelieved(Fault.PROOF_MALFORMED, "the proof is no signed token") from None
    except BadSignature:
        raise NotBelieved(
            Fault.PROOF_SIGNATURE, "the proof is not signed by the key in it"
        ) from None
    id_ = claims.get("jti")
    if not isinstance(id_, str) or not 0 < len(id_) <= 256:
        raise NotBelieved(Fault.PROOF_WITHOUT_JTI, "the proof has no jti")
    _check_request(claims, shown)
    at = _check_time(claims, now)
    _check_token(claims, shown)
    if not hmac.compare_digest(key.thumbprint(), shown.thumbprint):
        raise NotBelieved(Fault.PROOF_OTHER_KEY, "the token is bound to another key")
    return Proven(f"{shown.thumbprint}|{id_}", at + _LASTS + jose.LEEWAY)


def _key(header: dict[str, Any]) -> Key:
    if header.get("typ") != "dpop+jwt":
        raise NotBelieved(Fault.PROOF_TYPE, "the proof's typ is not dpop+jwt")
    algorithm = header.get("alg")
    if not algorithm:
        raise NotBelieved(Fault.PROOF_WITHOUT_ALG, "the proof has no alg")
    if isinstance(algorithm, str) and algorithm.startswith("HS"):
        raise NotBelieved(Fault.PROOF_SYMMETRIC, "the proof is signed with a shared secret")
    if algorithm not in jose.RSA_OR_EC:
        raise NotBelieved(Fault.PROOF_ALGORITHM, "the proof's alg is not offered")
    told = header.get("jwk")
    if not isinstance(told, dict):
        raise NotBelieved(Fault.PROOF_WITHOUT_JWK, "the proof has no jwk")
    if jose.is_private(told):
        raise NotBelieved(Fault.PROOF_PRIVATE, "the proof shows a private key: make a new one")
    try:
        return jose.public_key(told)
    except NoKey:
        raise NotBelieved(Fault.PROOF_KEY, "the proof's jwk is no usable public key") from None


def _check_request(claims: dict[str, Any], shown: Shown) -> None:
    method, url = claims.get("htm"), claims.get("htu")
    if not method:
        raise NotBelieved(Fault.PROOF_WITHOUT_HTM, "the proof has no htm")
    if method != shown.method:
        raise NotBelieved(Fault.PROOF_METHOD, "the proof is for another method")
    if not isinstance(url, str) or not url:
        raise NotBelieved(Fault.PROOF_WITHOUT_HTU, "the proof has no htu")
    if _place(url) is None or _place(url) != _place(shown.url):
        raise NotBelieved(Fault.PROOF_ADDRESS, "the proof is for another address")


def _place(url: str) -> tuple[str, str, int | None, str] | None:
    """What counts of a URL: normalised as RFC 3986 §6.2 says, without query and fragment."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
        return parts.scheme, parts.hostname or "", port, unquote(parts.path) or "/"
    except ValueError:
        return None


def _check_time(claims: dict[str, Any], now: float) -> float:
    made = jose.number(claims, "iat")
    if made is None:
        raise NotBelieved(Fault.PROOF_WITHOUT_IAT, "the proof has no iat")
    if made + _LASTS < now:
        raise NotBelieved(Fault.PROOF_PAST, "the proof was made too long ago: make a new one")
    if made - jose.LEEWAY > now:
        raise NotBelieved(Fault.PROOF_FUTURE, "the proof was made in the future")
    return made


def _check_token(claims: dict[str, Any], shown: Shown) -> None:
    told = claims.get("ath")
    if not isinstance(told, str) or not told:
        raise NotBelieved(Fault.PROOF_WITHOUT_ATH, "the proof has no ath")
    digest = hashlib.sha256(shown.token.encode("ascii", "replace")).digest()
    if not hmac.compare_digest(urlsafe_b64encode(digest).rstrip(b"="), told.encode()):
        raise NotBelieved(Fault.PROOF_TOKEN, "the proof is for another token")
