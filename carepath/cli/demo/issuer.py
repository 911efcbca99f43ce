"""The demo's own OpenID Connect issuer: a page with persons, each a button; whoever is pressed is signed in.

It does what a real one does (authorization code, PKCE with S256, ID tokens signed with a key of its own), but it asks
for no proof of anything. So it listens on loopback only, knows one client, and goes when the demo ends.
"""

import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from carepath import texts
from carepath.cli.demo.people import Somebody
from carepath.identity.id_tokens import half_hash

ALGORITHM: Final = "ES256"
CLIENT: Final = "carepath-demo"
_CODE_SECONDS: Final = 60.0
_TOKEN_SECONDS: Final = 300
_HERE: Final = Path(__file__).parent
_NO_STORE: Final = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Granted:
    """What a code stands for, until it is handed in or it is too late."""

    somebody: Somebody
    asked: Mapping[str, str]
    until: float = field(default_factory=lambda: time.monotonic() + _CODE_SECONDS)


@dataclass(slots=True)
class DemoIssuer:
    """``address``: where it is reached; ``client``: where its only client is; neither with a slash at its end."""

    address: str
    client: str
    persons: Sequence[Somebody]
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", auto_kid=True))
    granted: dict[str, Granted] = field(default_factory=dict)

    def application(self) -> Starlette:
        """It as an ASGI application."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.configuration),
                Route("/jwks", self.jwks),
                Route("/authorize", self.ask, methods=["GET"]),
                Route("/authorize", self.answer, methods=["POST"]),
                Route("/token", self.token, methods=["POST"]),
                Route("/end-session", self.end_session),
                Route("/issuer.css", _style),
            ]
        )

    def metadata(self) -> dict[str, Any]:
        """What OpenID Connect Discovery asks for."""
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/jwks",
            "end_session_endpoint": f"{self.address}/end-session",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }

    async def configuration(self, _request: Request) -> Response:
        """GET /.well-known/openid-configuration."""
        return JSONResponse(self.metadata())

    async def jwks(self, _request: Request) -> Response:
        """GET /jwks: the public half of the key."""
        return JSONResponse(KeySet([self.key]).as_dict(private=False))

    async def ask(self, request: Request) -> Response:
        """GET /authorize: a page that asks who they are."""
        wrong = self._wrong(request.query_params)
        if wrong:
            return Response(wrong, 400, media_type="text/plain")
        language = texts.language(request.headers.get("accept-language"))
        page = _templates().get_template("issuer.html")
        html = page.render(
            language=language,
            text=lambda key: texts.render(key, {}, language),
            query=str(request.query_params),
            persons=self.persons,
        )
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(self.client))
        policy = (
            f"default-src 'none'; style-src 'self'; form-action 'self' {origin}; base-uri 'none'"
        )
        headers = {**_NO_STORE, "Content-Security-Policy": f"{policy}; frame-ancestors 'none'"}
        return HTMLResponse(html, headers=headers)

    async def answer(self, request: Request) -> Response:
        """POST /authorize: that one; back to the client with a code."""
        wrong = self._wrong(request.query_params)
        form = parse_qs((await request.body()).decode())
        chosen = [one for one in self.persons if [one.key] == form.get("person")]
        if wrong or not chosen:
            return Response(wrong or "nobody like that", 400, media_type="text/plain")
        asked, code = dict(request.query_params), secrets.token_urlsafe(24)
        self.granted[code] = Granted(chosen[0], asked)
        return self.back(asked, code)

    def back(self, asked: Mapping[str, str], code: str) -> Response:
        """To the client, with a code."""
        told = {"code": code, "state": asked.get("state", ""), "iss": self.address}
        where = f"{asked['redirect_uri']}?{urlencode(told)}"
        return RedirectResponse(where, 303, headers=_NO_STORE)

    async def token(self, request: Request) -> Response:
        """POST /token: a code for tokens, once, to whoever has the verifier."""
        form = {name: told[0] for name, told in parse_qs((await request.body()).decode()).items()}
        granted = self.granted.pop(form.get("code", ""), None)
        if granted is None or not _fits(granted, form):
            return JSONResponse({"error": "invalid_grant"}, 400, headers=_NO_STORE)
        access_token = secrets.token_urlsafe(24)
        claims = self.claims(granted, access_token)
        return JSONResponse(
            {
                "access_token": access_token,
                "token_type": "Bearer",
                "expires_in": _TOKEN_SECONDS,
                "id_token": self.signed(claims),
            },
            headers=_NO_STORE,
        )

    def claims(self, granted: Granted, access_token: str) -> dict[str, Any]:
        """What the ID token says."""
        now = int(time.time())
        return {
            "iss": self.address,
            "sub": granted.somebody.key,
            "aud": CLIENT,
            "exp": now + _TOKEN_SECONDS,
            "iat": now,
            "nonce": granted.asked.get("nonce"),
            "at_hash": half_hash(access_token, ALGORITHM),
            "name": granted.somebody.name,
            **granted.somebody.claims,
        }

    def signed(self, claims: dict[str, Any]) -> str:
        """The ID token."""
        return jwt.encode({"alg": ALGORITHM, "kid": self.key.kid}, claims, self.key, [ALGORITHM])

    async def end_session(self, request: Request) -> Response:
        """GET /end-session: there is nothing to end here; back to the client."""
        where = request.query_params.get("post_logout_redirect_uri", "")
        if where != f"{self.client}/signed-out":
            where = self.client
        return RedirectResponse(where, 303, headers=_NO_STORE)

    def _wrong(self, asked: Mapping[str, str]) -> str | None:
        """What an authorization request lacks: then nobody is sent anywhere (RFC 6749 §4.1.2.1)."""
        wanted = {
            "client_id": CLIENT,
            "redirect_uri": f"{self.client}/sign-in/callback",
            "response_type": "code",
            "code_challenge_method": "S256",
        }
        wrong = [name for name, value in wanted.items() if asked.get(name) != value]
        return f"wrong: {', '.join(wrong)}" if wrong else None


def _fits(granted: Granted, form: Mapping[str, str]) -> bool:
    """Whether who hands in the code asked for it (RFC 7636 §4.6)."""
    digest = sha256(form.get("code_verifier", "").encode()).digest()
    challenge = urlsafe_b64encode(digest).rstrip(b"=").decode()
    return (
        time.monotonic() < granted.until
        and form.get("grant_type") == "authorization_code"
        and form.get("client_id") == CLIENT
        and form.get("redirect_uri") == granted.asked["redirect_uri"]
        and secrets.compare_digest(challenge, granted.asked.get("code_challenge", ""))
    )


async def _style(_request: Request) -> Response:
    return Response((_HERE / "issuer.css").read_bytes(), media_type="text/css")


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)
