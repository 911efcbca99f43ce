"""Signing in at HelseID as a system, for NHN's own interfaces: an access token, and a proof with each request.

A client assertion (RFC 7523) says who we are, and the token is bound to our key (DPoP, RFC 9449): it is of no use to
whoever comes by it. https://helseid.atlassian.net/wiki/spaces/HELSEID (security profile)
"""

import hashlib
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import httpx
import orjson
import structlog
from joserfc import jws
from joserfc.jwk import Key
from typing_extensions import override

from carepath.identity import jose

log = structlog.get_logger()

_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_GOOD_FOR: Final = 10  # seconds of an assertion
_EARLY: Final = 20.0  # seconds before its end a token is not used any more


class SignInFailed(httpx.ConnectError):
    """The token endpoint gave no token: for who wanted to send something, no connection came about.

    The text has its code of what is wrong, if it told one.
    """


@dataclass(frozen=True, slots=True)
class Client:
    """Who signs in, and where; ``scope``: what is asked for."""

    client_id: str
    token_url: str
    scope: str


class HelseId(httpx.Auth):
    """Signs requests. ``key``: our private one, with the ``kid`` and ``alg`` that HelseID knows. For one event loop."""

    def __init__(self, client: Client, key: Key) -> None:
        self._client, self._key = client, key
        self._public = key.as_dict(private=False)
        self._algorithm = jose.algorithm_of(key, rsa="PS256")
        self._kid = key.kid or key.thumbprint()
        self._token, self._until = "", 0.0
        self._nonces: dict[str, str] = {}  # by host: the proof has to contain the newest it told

    @override
    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        fresh = not self._holds()
        for _ in range(2):
            if not self._holds():
                told = yield self._asked(request)
                await told.aread()
                if self._take(told):  # it wants a nonce in the proof
                    told = yield self._asked(request)
                    await told.aread()
                    self._take(told, last=True)
            answer = yield self._signed(request)
            nonced = self._notes_nonce(answer)
            if answer.status_code != httpx.codes.UNAUTHORIZED or (fresh and not nonced):
                return
            if not nonced:
                self._token, fresh = "", True

    def _holds(self) -> bool:
        return bool(self._token) and time.monotonic() < self._until - _EARLY

    def _signed(self, request: httpx.Request) -> httpx.Request:
        digest = hashlib.sha256(self._token.encode("ascii")).digest()
        bound = urlsafe_b64encode(digest).rstrip(b"=").decode()
        request.headers["Authorization"] = f"DPoP {self._token}"
        request.headers["DPoP"] = self._proof(request.method, request.url, ath=bound)
        return request

    def _asked(self, request: httpx.Request) -> httpx.Request:
        """The request for a token, with the patience of the request that needs it."""
        client, now = self._client, int(time.time())
        claims = {
            "iss": client.client_id,
            "sub": client.client_id,
            "aud": client.token_url,
            "iat": now,
            "nbf": now,
            "exp": now + _GOOD_FOR,
            "jti": str(uuid4()),
        }
        header = {"typ": "client-authentication+jwt", "kid": self._kid}
        form = {
            "grant_type": "client_credentials",
            "client_id": client.client_id,
            "scope": client.scope,
            "client_assertion_type": _ASSERTION,
            "client_assertion": self._written(header, claims),
        }
        proof = self._proof("POST", httpx.URL(client.token_url))
        patience = {key: value for key, value in request.extensions.items() if key == "timeout"}
        headers = {"Accept": "application/json", "DPoP": proof}
        return httpx.Request(
            "POST", client.token_url, headers=headers, data=form, extensions=patience
        )

    def _take(self, answer: httpx.Response, *, last: bool = False) -> bool:
        """Whether all that lacked was a nonce, and not for the ``last`` time. Raises ``SignInFailed``."""
        told = jose.object_of(answer.content) or {}
        wants_nonce = self._notes_nonce(answer) and told.get("error") == "use_dpop_nonce"
        if wants_nonce and not last:
            return True
        token, lasts = told.get("access_token"), told.get("expires_in")
        if not answer.is_success or not isinstance(token, str):
            fault = f"{answer.status_code} {_code(told.get('error'))}".strip()
            log.error("not signed in at HelseID", fault=fault)
            raise SignInFailed(fault)
        self._token = token
        self._until = time.monotonic() + (lasts if isinstance(lasts, int) else 0)
        return False

    def _notes_nonce(self, answer: httpx.Response) -> bool:
        """Whether it told one that is new."""
        told, host = answer.headers.get("DPoP-Nonce"), answer.request.url.host
        if told is None or self._nonces.get(host) == told:
            return False
        self._nonces[host] = told
        return True

    def _proof(self, method: str, url: httpx.URL, **claims: str) -> str:
        """RFC 9449 §4.2."""
        claims |= {"jti": str(uuid4()), "htm": method}
        claims["htu"] = str(url.copy_with(query=None, fragment=None))
        if nonce := self._nonces.get(url.host):
            claims["nonce"] = nonce
        header = {"typ": "dpop+jwt", "jwk": self._public}
        return self._written(header, {**claims, "iat": int(time.time())})

    def _written(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        protected = {"alg": self._algorithm, **header}
        registry = jws.JWSRegistry(algorithms=[self._algorithm], strict_check_header=False)
        return jws.serialize_compact(protected, orjson.dumps(claims), self._key, registry=registry)


def _code(told: object) -> str:
    """An error code of OAuth; nothing else that a server may say."""
    plain = isinstance(told, str) and len(told) < 64 and told.replace("_", "").isalnum()
    return str(told) if plain else ""
