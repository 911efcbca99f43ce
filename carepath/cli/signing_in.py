"""Signing in to a server as a client: SMART Backend Services, with a key of the user's."""

import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import orjson
from joserfc import errors, jwk, jwt
from typing_extensions import override

from carepath.cli.output import Trouble

CONFIGURATION: Final = "/fhir/.well-known/smart-configuration"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ALGORITHMS: Final = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_EARLY: Final = 20.0  # seconds before its end a token is not used any more


class ClientKey(httpx.Auth):
    """Gets tokens where the server at ``url`` says, and uses each until shortly before it expires."""

    requires_response_body = False

    def __init__(self, url: str, client_id: str, key_file: Path) -> None:
        self._url, self._client_id = url.rstrip("/"), client_id
        self._key, self._algorithm = _key(key_file)
        self._token, self._until = "", 0.0

    @override
    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        if time.monotonic() >= self._until - _EARLY:
            patience = {"timeout": request.extensions["timeout"]}
            found = yield httpx.Request("GET", f"{self._url}{CONFIGURATION}", extensions=patience)
            endpoint = str(_told(found).get("token_endpoint"))
            form = self._form(endpoint)
            answer = yield httpx.Request("POST", endpoint, data=form, extensions=patience)
            told = _told(answer)
            self._token = str(told["access_token"])
            self._until = time.monotonic() + float(told.get("expires_in", 0))
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request

    def _form(self, endpoint: str) -> dict[str, str]:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": endpoint,
            "iat": now,
            "exp": now + 60,
            "jti": str(uuid4()),
        }
        header = {"alg": self._algorithm, "typ": "JWT", "kid": str(self._key.kid)}
        return {
            "grant_type": "client_credentials",
            "scope": "system/*.cruds",
            "client_assertion_type": _ASSERTION,
            "client_assertion": jwt.encode(header, claims, self._key, [self._algorithm]),
        }


def _key(file: Path) -> tuple[jwk.Key, str]:
    try:
        told = orjson.loads(file.read_bytes())
        key = jwk.import_key(told)
        algorithm = str(told.get("alg") or _ALGORITHMS.get(str(told.get("crv")), "RS384"))
    except OSError as error:
        raise Trouble(f"{file} cannot be read: {error.strerror}.") from None
    except (ValueError, TypeError, KeyError, AttributeError, errors.JoseError):
        key, algorithm = None, ""
    if key is None or not key.is_private:
        raise Trouble(f"{file} holds no private JWK.", "See 'carepath client-key generate'.")
    key.ensure_kid()
    return key, algorithm


def _told(answer: httpx.Response) -> dict[str, Any]:
    """What the server says. Raises ``Trouble`` where that is no."""
    try:
        told = orjson.loads(answer.read())
    except orjson.JSONDecodeError:
        told = None
    told = told if isinstance(told, dict) else {}
    if not answer.is_success:
        why = told.get("error_description") or told.get("error") or f"HTTP {answer.status_code}"
        raise Trouble(f"the server does not let us in: {why}.", "See 'carepath client-key list'.")
    return told
