"""Signing in as a system: SMART Backend Services, for both of httpx's clients.

https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html
"""

import json
import threading
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
from typing_extensions import override

from carepath_client import http
from carepath_client.errors import Issue, Refused, Unavailable

_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_GOOD_FOR: Final = 60  # seconds of an assertion
_EARLY: Final = 20.0  # seconds before its end a token is not used any more
_CURVES: Final = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}


class BackendServices(httpx.Auth):
    """Gets access tokens with a private key, and uses each until shortly before it expires. For several threads.

    ``key``: a private JWK, or the file it is in; its ``kid`` is the registered one. ``token_url``: the server's,
    ``https://…/auth/token``. ``scope``: what is asked for. Needs the extra: ``pip install 'carepath-client[smart]'``.

    Sending raises ``Refused`` where the server does not let the client in.
    """

    def __init__(
        self,
        client_id: str,
        key: Mapping[str, Any] | Path | str,
        token_url: str,
        *,
        scope: str = "system/*.cruds",
    ) -> None:
        self._client_id, self._token_url, self._scope = client_id, token_url, scope
        self._key = dict(key) if isinstance(key, Mapping) else _read(Path(key))
        self._signer = _Signer(self._key)
        self._token, self._until = "", 0.0
        self._lock = threading.Lock()

    @override
    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        fresh = not self._holds()
        if fresh:
            asked = yield self._asked(request)
            asked.read()
            self._take(asked)
        answer = yield self._with_token(request)
        if answer.status_code == httpx.codes.UNAUTHORIZED and not fresh:
            asked = yield self._asked(request)
            asked.read()
            self._take(asked)
            yield self._with_token(request)

    @override
    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        fresh = not self._holds()
        if fresh:
            asked = yield self._asked(request)
            await asked.aread()
            self._take(asked)
        answer = yield self._with_token(request)
        if answer.status_code == httpx.codes.UNAUTHORIZED and not fresh:
            asked = yield self._asked(request)
            await asked.aread()
            self._take(asked)
            yield self._with_token(request)

    def _holds(self) -> bool:
        return time.monotonic() < self._until - _EARLY

    def _with_token(self, request: httpx.Request) -> httpx.Request:
        with self._lock:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _asked(self, request: httpx.Request) -> httpx.Request:
        """The request for a token, with the patience of the request that needs it."""
        now = int(time.time())
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": self._token_url,
            "iat": now,
            "exp": now + _GOOD_FOR,
            "jti": str(uuid4()),
        }
        form = {
            "grant_type": "client_credentials",
            "scope": self._scope,
            "client_assertion_type": _ASSERTION,
            "client_assertion": self._signer.signed(claims),
        }
        patience = {key: value for key, value in request.extensions.items() if key == "timeout"}
        headers = {"Accept": "application/json"}
        return httpx.Request(
            "POST", self._token_url, headers=headers, data=form, extensions=patience
        )

    def _take(self, answer: httpx.Response) -> None:
        """Raises ``Refused``, ``Unavailable`` and ``http.Again``."""
        told = _object(http.settled(answer))
        if not answer.is_success:
            text = told.get("error_description") or told.get("error") or "the sign-in was refused"
            raise Refused((Issue("error", "login", str(text)),), status=answer.status_code)
        token, lasts = told.get("access_token"), told.get("expires_in")
        if not isinstance(token, str):
            raise Unavailable("what answered is no token endpoint")
        with self._lock:
            self._token = token
            self._until = time.monotonic() + (lasts if isinstance(lasts, int) else 0)


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        told = json.loads(answer.content)
    except ValueError:
        told = None
    return told if isinstance(told, dict) else {}


def _read(file: Path) -> dict[str, Any]:
    told = json.loads(file.read_text())
    if not isinstance(told, dict):
        raise ValueError("key: not a JWK")  # noqa: TRY004 -- of whoever wrote the file
    return told


class _Signer:
    """A private JWK, and the signature that fits it."""

    def __init__(self, key: Mapping[str, Any]) -> None:
        try:
            from joserfc import jwk, jwt  # noqa: PLC0415 -- an extra
        except ImportError:
            raise ImportError("signing in needs: pip install 'carepath-client[smart]'") from None
        if "d" not in key:
            raise ValueError("key: a private JWK of RSA or an elliptic curve")
        fitting = _CURVES.get(str(key.get("crv")), "RS384")
        self._algorithm = str(key.get("alg") or fitting)
        self._jwk = jwk.import_key(dict(key))
        self._jwk.ensure_kid()
        self._encode = jwt.encode

    def signed(self, claims: dict[str, Any]) -> str:
        """A JWT."""
        header = {"alg": self._algorithm, "typ": "JWT", "kid": str(self._jwk.kid)}
        return self._encode(header, claims, self._jwk, [self._algorithm])
