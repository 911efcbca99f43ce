"""Signing people in at an OpenID Connect issuer: the authorization code flow with PKCE.

OpenID Connect Core 1.0, Discovery 1.0 and RP-Initiated Logout 1.0; RFC 7636 (PKCE, S256), RFC 7523 (private_key_jwt),
RFC 9126 (what is asked for is pushed, where the issuer takes that: HelseID wants it), RFC 9207 (which issuer answers).
"""

import asyncio
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import Key

from carepath.identity import id_tokens, jose
from carepath.identity.addresses import is_loopback, is_safe
from carepath.identity.id_tokens import Expected
from carepath.identity.jose import Claims
from carepath.identity.sign_in import Attempt, Refused, SignInFault

JSON = dict[str, Any]

_FRESH: Final = 24 * 3600.0
"""Seconds that metadata and keys are kept; HelseID advises a day."""
_AGAIN: Final = 60.0
"""Seconds before a key that is not among them makes us ask for new ones again."""
_MAX_BYTES: Final = 256 * 1024
_TIMEOUT: Final = 5.0
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS: Final = 30  # HelseID: 60 at most
_NEEDED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_USED: Final = (*_NEEDED, "pushed_authorization_request_endpoint", "end_session_endpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """How the issuer knows us: by ``key`` (private_key_jwt), by ``secret`` (client_secret_basic), or by name only.

    ``levels``: what ``acr`` has to be one of; none: whatever it is.
    """

    issuer: str
    client_id: str
    redirect_uri: str
    signed_out_uri: str
    scope: str
    levels: tuple[str, ...] = ()
    secret: str | None = field(default=None, repr=False)
    key: Key | None = field(default=None, repr=False)


@dataclass(slots=True)
class _Known:
    """What the issuer publishes, and when it was asked; seconds of a clock that never leaps."""

    metadata: JSON = field(default_factory=dict)
    asked: float = -_FRESH
    keys: list[JSON] = field(default_factory=list)
    keys_asked: float = -_FRESH


@dataclass(frozen=True, slots=True)
class Issuer:
    """The issuer that people sign in at."""

    registration: Registration
    _known: _Known = field(default_factory=_Known)
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def leave_for(self, attempt: Attempt, language: str) -> str:
        """Where to send the browser. Raises ``Refused``."""
        known = await self._metadata()
        client = self.registration
        asked = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": client.redirect_uri,
            "scope": client.scope,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
            "ui_locales": language,
            **({"acr_values": " ".join(client.levels)} if client.levels else {}),
        }
        pushed_at = known.get("pushed_authorization_request_endpoint")
        if pushed_at:
            answer = await self._post(pushed_at, asked, SignInFault.ISSUER_ERROR)
            asked = {"client_id": client.client_id, "request_uri": _text(answer, "request_uri")}
        at = known["authorization_endpoint"]
        return f"{at}{'&' if '?' in at else '?'}{urlencode(asked)}"

    async def finish(self, answer: Mapping[str, str], attempt: Attempt, now: float) -> Claims:
        """What the ID token says; ``answer``: what the browser came back with. Raises ``Refused``."""
        known = await self._metadata()
        client = self.registration
        named = answer.get("iss")
        must = known.get("authorization_response_iss_parameter_supported") is True
        if named != client.issuer and (must or named is not None):
            raise Refused(SignInFault.RESPONSE)
        if "error" in answer:
            denied = answer["error"] == "access_denied"
            raise Refused(SignInFault.DENIED if denied else SignInFault.ISSUER_ERROR)
        if not answer.get("code"):
            raise Refused(SignInFault.RESPONSE)
        handed_in = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": client.redirect_uri,
            "client_id": client.client_id,
            "code_verifier": attempt.verifier,
        }
        tokens = await self._post(known["token_endpoint"], handed_in, SignInFault.CODE)
        expected = Expected(
            issuer=client.issuer,
            client_id=client.client_id,
            nonce=attempt.nonce,
            access_token=_text(tokens, "access_token"),
            levels=client.levels,
        )
        return await self._believed(_text(tokens, "id_token"), expected, now)

    async def sign_out_at(self) -> str | None:
        """Where the person signs out at the issuer, too; ``None``: it has no such place, or does not answer.

        Without the ID token as a hint, as national ids stand in it, and this is an address: the issuer may ask.
        """
        try:
            at = (await self._metadata()).get("end_session_endpoint")
        except Refused:
            return None
        if not at:
            return None
        told = {
            "client_id": self.registration.client_id,
            "post_logout_redirect_uri": self.registration.signed_out_uri,
        }
        return f"{at}{'&' if '?' in at else '?'}{urlencode(told)}"

    async def _believed(self, id_token: str, expected: Expected, now: float) -> Claims:
        """A key that we do not know may be new: ask once more, but not for everybody who makes one up."""
        keys = await self._keys(within=_FRESH)
        try:
            return id_tokens.verified(id_token, keys, expected, now)
        except Refused as refused:
            if refused.fault is not SignInFault.KEY:
                raise
        keys = await self._keys(within=_AGAIN)
        return id_tokens.verified(id_token, keys, expected, now)

    async def _metadata(self) -> JSON:
        async with self._asking:
            known = self._known
            if time.monotonic() - known.asked > _FRESH:
                where = f"{self.registration.issuer.rstrip('/')}/.well-known/openid-configuration"
                known.metadata = _checked(await self._get(where), self.registration.issuer)
                known.asked = time.monotonic()
            return known.metadata

    async def _keys(self, *, within: float) -> list[JSON]:
        """The issuer's keys, no older than ``within`` seconds."""
        at = (await self._metadata())["jwks_uri"]
        async with self._asking:
            known = self._known
            if time.monotonic() - known.keys_asked > within:
                try:
                    known.keys = jose.key_set(await self._get(at))
                except jose.NoKey:
                    raise Refused(SignInFault.METADATA) from None
                known.keys_asked = time.monotonic()
            return known.keys

    async def _get(self, url: str) -> JSON:
        status, answer = await self._call("GET", url)
        if status != 200 or answer is None:
            raise Refused(SignInFault.METADATA)
        return answer

    async def _post(self, url: str, form: Mapping[str, str], refused: SignInFault) -> JSON:
        """What the issuer answers us as a client; ``refused``: what it means when it says no."""
        client = self.registration
        basic = None
        if client.key is not None:
            form = {**form, "client_assertion_type": _ASSERTION, "client_assertion": self._proof()}
        elif client.secret is not None:
            basic = httpx.BasicAuth(_encoded(client.client_id), _encoded(client.secret))
        status, answer = await self._call("POST", url, data=dict(form), auth=basic)
        if status >= 500 or answer is None:
            raise Refused(SignInFault.OUT_OF_REACH)
        if status >= 400:
            raise Refused(refused)
        return answer

    def _proof(self) -> str:
        """An assertion of who we are, for the issuer alone (RFC 7523 §3)."""
        client, now = self.registration, int(time.time())
        key = client.key
        assert key is not None  # noqa: S101 -- asked by ``_post``
        claims = {
            "iss": client.client_id,
            "sub": client.client_id,
            "aud": client.issuer,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + _ASSERTION_SECONDS,
        }
        algorithm = jose.algorithm_of(key)
        header = {"alg": algorithm, **({"kid": key.kid} if key.kid else {})}
        return jwt.encode(header, claims, key, [algorithm])

    async def _call(self, method: str, url: str, **more: Any) -> tuple[int, JSON | None]:
        """The status, and the JSON object that was answered, if it is one. Raises ``Refused``."""
        near = is_loopback(urlsplit(url).hostname or "")
        try:
            async with (
                httpx.AsyncClient(timeout=_TIMEOUT, trust_env=not near) as calling,
                calling.stream(method, url, **more) as answer,
            ):
                body = bytearray()
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > _MAX_BYTES:
                        raise Refused(SignInFault.METADATA)
                return answer.status_code, jose.object_of(bytes(body))
        except (httpx.HTTPError, httpx.InvalidURL):
            raise Refused(SignInFault.OUT_OF_REACH) from None


def _checked(metadata: JSON, issuer: str) -> JSON:
    """Metadata of that very issuer (Discovery §4.3), whose addresses nobody reads along. Raises ``Refused``."""
    texts = {name: metadata[name] for name in _USED if name in metadata}
    sound = (
        metadata.get("issuer") == issuer
        and all(name in texts for name in _NEEDED)
        and all(isinstance(url, str) and is_safe(url) for url in texts.values())
        and "S256" in metadata.get("code_challenge_methods_supported", ["S256"])
    )
    if not sound:
        raise Refused(SignInFault.METADATA)
    return metadata


def _text(answer: JSON, name: str) -> str:
    found = answer.get(name)
    if not isinstance(found, str) or not found:
        raise Refused(SignInFault.RESPONSE)
    return found


def _encoded(text: str) -> str:
    """As RFC 6749 §2.3.1 wants it in a Basic header."""
    return urlencode({"": text})[1:]
