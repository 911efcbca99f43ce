"""Our own access tokens: short, signed with a key of the installation, so that each of its processes knows them.

https://www.rfc-editor.org/rfc/rfc9068
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from secrets import token_urlsafe
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from carepath.identity import jose
from carepath.identity.jose import BadSignature, Claims, Malformed
from carepath.identity.refusals import Fault, NotBelieved
from carepath.identity.scopes import Scope, text_of
from carepath.store.blind import Keys

LASTS: Final = 300
"""Seconds."""
_REMEMBERED: Final = 4096  # tokens
_ALGORITHM: Final = "ES256"
_TYPE: Final = "at+jwt"
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256 (FIPS 186-5): private keys are the numbers below it."""


@dataclass(frozen=True)
class Tokens:
    """``issuer`` is who we are to others, ``audience`` what the tokens are for: the FHIR base URL."""

    keys: Keys = field(repr=False)
    issuer: str
    audience: str

    @cached_property
    def _key(self) -> ECKey:
        seed = int.from_bytes(self.keys.derived(b"access tokens", 48))
        made = ec.derive_private_key(seed % (_ORDER - 1) + 1, ec.SECP256R1())
        pem = made.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return ECKey.import_key(pem)

    @cached_property
    def _public(self) -> ECKey:
        return ECKey.import_key(self._key.as_dict(private=False))

    @cached_property
    def _verified(self) -> Callable[[str], Claims]:
        """The claims of a token that we signed, remembered: its client shows it with each request."""
        return lru_cache(_REMEMBERED)(
            lambda token: jose.verified(token, self._public, (_ALGORITHM,))
        )

    def made(self, client: str, scopes: Collection[Scope], now: datetime) -> str:
        """A token for a client, good for ``LASTS`` seconds from ``now`` (aware) on."""
        at = int(now.timestamp())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": client,
            "client_id": client,
            "scope": text_of(scopes),
            "iat": at,
            "exp": at + LASTS,
            "jti": token_urlsafe(16),
        }
        header = {"alg": _ALGORITHM, "typ": _TYPE, "kid": self._key.thumbprint()}
        return jwt.encode(header, claims, self._key, [_ALGORITHM])

    def read(self, token: str, now: datetime) -> Claims:
        """The claims of a token of ours that holds ``now``. Raises ``NotBelieved``."""
        try:
            header = jose.header_of(token)
            if header.get("typ") != _TYPE or header.get("alg") != _ALGORITHM:
                raise NotBelieved(Fault.TOKEN_TYPE, "this is no access token of ours")
            claims = self._verified(token)
        except Malformed:
            raise NotBelieved(Fault.TOKEN_MALFORMED, "this is no access token") from None
        except BadSignature:
            raise NotBelieved(Fault.TOKEN_SIGNATURE, "the signature is not ours") from None
        if claims.get("iss") != self.issuer or claims.get("aud") != self.audience:
            raise NotBelieved(Fault.TOKEN_AUDIENCE, "the token is for another server")
        if not (jose.number(claims, "exp") or 0) > now.timestamp():
            raise NotBelieved(Fault.TOKEN_EXPIRED, "the token has expired: get another")
        return claims
