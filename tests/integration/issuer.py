"""An OpenID Connect issuer of our own on loopback: it signs whatever a test wants, good or bad."""

import hashlib
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from uuid import uuid4

from joserfc import jwk, jws, jwt
from joserfc.jwk import ECKey, Key, OctKey, RSAKey
from typing_extensions import override

AUDIENCE: Final = "nhn:carepath"
CLAIMS: Final = "helseid://claims"
Claims = dict[str, Any]


class _Large(jws.JWSRegistry):
    max_header_length = 8192


@dataclass
class Issuer:
    """``keys`` are what it publishes; ``asked`` counts requests by path; ``caching`` is its Cache-Control."""

    keys: list[RSAKey]
    asked: dict[str, int] = field(default_factory=dict)
    caching: str | None = None
    url: str = ""

    @property
    def key(self) -> RSAKey:
        """The one it signs with."""
        return self.keys[-1]

    def page(self, path: str) -> object:
        """What is at an address."""
        self.asked[path] = self.asked.get(path, 0) + 1
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
        if path == "/jwks":
            return {"keys": [one.as_dict(private=False) for one in self.keys]}
        return None

    def claims(self, **changes: Any) -> Claims:
        """Those of a good token for the ward's system, bound to ``HOLDER``; ``None`` leaves one out."""
        now = int(time.time())
        claims: Claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "client_id": "ward-journal",
            "scope": "nhn:carepath/all",
            "cnf": {"jkt": HOLDER.thumbprint()},
            f"{CLAIMS}/client/claims/orgnr_parent": "314270037",
            f"{CLAIMS}/client/claims/orgnr_child": "314270010",
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(
        self,
        claims: Claims | None = None,
        *,
        header: Mapping[str, Any] = {},
        key: Key | None = None,
    ) -> str:
        """An access token."""
        told = {"alg": "RS256", "typ": "at+jwt", "kid": str(self.key.kid), **header}
        return _signed(told, claims or self.claims(), key or self.key)


HOLDER: Final = ECKey.generate_key("P-256", auto_kid=False)
"""The key that tokens are bound to."""
OTHER: Final = ECKey.generate_key("P-256", auto_kid=False)


def proof(
    method: str,
    url: str,
    token: str,
    *,
    header: Mapping[str, Any] = {},
    key: Key = HOLDER,
    **changes: Any,
) -> str:
    """A DPoP proof; ``None`` leaves out a claim or a header parameter."""
    claims = {
        "jti": str(uuid4()),
        "htm": method,
        "htu": url,
        "iat": int(time.time()),
        "ath": encoded(hashlib.sha256(token.encode()).digest()),
        **changes,
    }
    told = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False), **header}
    return _signed(told, {n: v for n, v in claims.items() if v is not None}, key)


def _signed(header: Mapping[str, Any], claims: Claims, key: Key) -> str:
    """As asked for, also where no library would sign it so."""
    told = {name: value for name, value in header.items() if value is not None}
    algorithm = str(told.get("alg", ""))
    if algorithm in {"ES256", "RS256", "HS256"}:
        registry = _Large(algorithms=[algorithm], strict_check_header=False)
        return jwt.encode(told, claims, key, [algorithm], registry, default_type=None)
    parts = [encoded(json.dumps(part).encode()) for part in (told, claims)]
    return ".".join((*parts, "" if algorithm == "none" else encoded(b"no signature")))


def encoded(content: bytes) -> str:
    """As tokens write bytes."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def shared_secret() -> OctKey:
    """What a proof must not be signed with."""
    return OctKey.generate_key(256)


def new_key() -> RSAKey:
    """Another key of the issuer's."""
    return jwk.generate_key("RSA", 2048, {"use": "sig"}, auto_kid=True)


def _private(key: ECKey) -> dict[str, Any]:
    return dict(key.as_dict(private=True))


WRONG_PROOFS: Final[dict[str, Callable[[str, str], str]]] = {
    # the twelve of NHN's test token service
    "proof-without-htu": lambda t, u: proof("GET", u, t, htu=None),
    "proof-without-htm": lambda t, u: proof("GET", u, t, htm=None),
    "proof-from-the-past": lambda t, u: proof("GET", u, t, iat=int(time.time()) - 10),
    "proof-from-the-future": lambda t, u: proof("GET", u, t, iat=int(time.time()) + 20),
    "proof-without-ath": lambda t, u: proof("GET", u, t, ath=None),
    "proof-without-alg": lambda t, u: proof("GET", u, t, header={"alg": None}),
    "proof-without-jwk": lambda t, u: proof("GET", u, t, header={"jwk": None}),
    "proof-without-jti": lambda t, u: proof("GET", u, t, jti=None),
    "proof-symmetric": lambda t, u: proof(
        "GET", u, t, key=shared_secret(), header={"alg": "HS256", "jwk": {"kty": "oct"}}
    ),
    "proof-with-private-key": lambda t, u: proof("GET", u, t, header={"jwk": _private(HOLDER)}),
    "proof-type": lambda t, u: proof("GET", u, t, header={"typ": "JWT"}),
    "proof-signature": lambda t, u: proof(
        "GET", u, t, key=OTHER, header={"jwk": HOLDER.as_dict(private=False)}
    ),
    # and what else RFC 9449 §4.3 asks for
    "proof-of-other-method": lambda t, u: proof("POST", u, t),
    "proof-of-other-address": lambda t, u: proof("GET", f"{u}/1", t),
    "proof-of-other-token": lambda t, u: proof("GET", u, f"{t}x"),
    "proof-by-other-key": lambda t, u: proof("GET", u, t, key=OTHER),
    "proof-without-iat": lambda t, u: proof("GET", u, t, iat=None),
    "proof-algorithm": lambda t, u: proof("GET", u, t, header={"alg": "none"}),
    "proof-key": lambda t, u: proof("GET", u, t, header={"jwk": {"kty": "EC", "crv": "P-1"}}),
    "proof-malformed": lambda _t, _u: "not.a proof",
    "proof-missing": lambda _t, _u: "",
}
"""By the code that each is refused with: a proof for a GET of a URL with a token."""


@contextmanager
def issuing() -> Iterator[Issuer]:
    """An issuer that can be asked for its keys."""
    issuer = Issuer([new_key()])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = issuer.page(self.path)
            body = json.dumps(told).encode()
            self.send_response(404 if told is None else 200)
            if issuer.caching is not None:
                self.send_header("Cache-Control", issuer.caching)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Tests say what was asked."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()


def setting(issuer: Issuer, **more: Any) -> str:
    """``CAREPATH_ISSUERS`` for it."""
    told = {
        "issuer": issuer.url,
        "audience": AUDIENCE,
        "scopes": {"nhn:carepath/all": "system/*.cruds", "nhn:carepath/read": "system/*.rs"},
    }
    return json.dumps([{**told, **more}])
