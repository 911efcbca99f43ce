"""Our side of OpenID Connect against a real issuer: how we are known to it, what we keep of it, and its faults."""

import base64
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import override

from carepath.cli.demo.issuer import CLIENT
from carepath.identity.addresses import is_safe
from carepath.identity.oidc import Issuer, Registration
from carepath.identity.sign_in import Attempt, Refused, SignInFault
from tests.issuer import BROKEN, GONE, FaultyIssuer, Wrong, issuing, running

SITE = "http://127.0.0.1:9"
F = SignInFault


@pytest.fixture
def issuer() -> Iterator[FaultyIssuer]:
    """One whose client is ``SITE``."""
    with issuing(SITE) as found:
        yield found


def client_of(issuer: FaultyIssuer, **more: Any) -> Issuer:
    """We, as it knows us."""
    return Issuer(
        Registration(
            issuer=issuer.address,
            client_id=CLIENT,
            redirect_uri=f"{SITE}/sign-in/callback",
            signed_out_uri=f"{SITE}/signed-out",
            scope="openid profile",
            **more,
        )
    )


async def signed_in(us: Issuer, person: str = "gp") -> dict[str, Any]:
    """From leaving to the claims."""
    attempt = Attempt("/", time.time())
    where = await us.leave_for(attempt, "nb")
    async with httpx.AsyncClient(trust_env=False) as browser:
        back = await browser.post(where, data={"person": person})
    answer = dict(parse_qsl(urlsplit(back.headers["location"]).query))
    assert answer["state"] == attempt.state
    return await us.finish(answer, attempt, time.time())


async def refused(us: Issuer) -> SignInFault:
    """Why nobody was signed in."""
    with pytest.raises(Refused) as fault:
        await signed_in(us)
    return fault.value.fault


async def test_what_it_publishes_is_asked_for_once(issuer: FaultyIssuer) -> None:
    """However many sign in."""
    us = client_of(issuer)
    for person in ("gp", "nurse", "patient"):
        assert (await signed_in(us, person))["sub"] == person
    assert issuer.asked == ["metadata", "token", "keys", "token", "token"]


async def test_a_new_key_is_asked_for_and_a_made_up_one_not_for_ever(issuer: FaultyIssuer) -> None:
    """An issuer changes keys without telling; whoever makes keys up does not make us ask each time."""
    us = client_of(issuer)
    await signed_in(us)
    known = us._known  # noqa: SLF001 -- its clock is put back: a minute is long
    issuer.key = ECKey.generate_key("P-256", auto_kid=True)
    known.keys_asked -= 61
    assert (await signed_in(us))["sub"] == "gp"
    assert issuer.asked.count("keys") == 2
    right, issuer.key = issuer.key, ECKey.generate_key("P-256", auto_kid=True)
    assert await refused(us) is F.KEY
    assert await refused(us) is F.KEY
    assert issuer.asked.count("keys") == 2
    issuer.key = right
    assert (await signed_in(us))["sub"] == "gp"


METADATA: dict[str, tuple[SignInFault, dict[str, Any]]] = {
    "another issuer's": (F.METADATA, {"issuer": "https://evil.example"}),
    "a slash more": (F.METADATA, {"issuer": "http://127.0.0.1/"}),
    "nobody's": (F.METADATA, {"issuer": GONE}),
    "no way to ask": (F.METADATA, {"authorization_endpoint": GONE}),
    "no tokens": (F.METADATA, {"token_endpoint": GONE}),
    "no keys": (F.METADATA, {"jwks_uri": GONE}),
    "tokens in the open": (F.METADATA, {"token_endpoint": "http://issuer.example/token"}),
    "keys in a file": (F.METADATA, {"jwks_uri": "file:///etc/passwd"}),
    "a place to sign out in the open": (F.METADATA, {"end_session_endpoint": "http://x.example"}),
    "an address that is none": (F.METADATA, {"token_endpoint": 7}),
    "PKCE without S256": (F.METADATA, {"code_challenge_methods_supported": ["plain"]}),
}


@pytest.mark.parametrize("what", METADATA)
async def test_metadata_that_is_wrong_is_not_used(issuer: FaultyIssuer, what: str) -> None:
    """And is not kept: when it is right again, people sign in."""
    fault, issuer.wrong.metadata = METADATA[what]
    us = client_of(issuer)
    assert await refused(us) is fault
    issuer.wrong = Wrong()
    assert (await signed_in(us))["sub"] == "gp"


KEYS: dict[str, tuple[SignInFault, Response]] = {
    "a private key": (
        F.METADATA,
        JSONResponse({"keys": [ECKey.generate_key("P-256").as_dict(private=True)]}),
    ),
    "a shared secret": (F.METADATA, JSONResponse({"keys": [{"kty": "oct", "k": "a2V5"}]})),
    "none": (F.METADATA, JSONResponse({"keys": []})),
    "no list": (F.METADATA, JSONResponse({"keys": "keys"})),
    "small": (
        F.METADATA,
        JSONResponse({"keys": [{"kty": "RSA", "n": "w" * 171, "e": "AQAB"}]}),
    ),
    **{name: (F.METADATA, make()) for name, make in BROKEN.items()},
}


@pytest.mark.parametrize("what", KEYS)
async def test_keys_that_are_none_sign_nobody_in(issuer: FaultyIssuer, what: str) -> None:
    """The next time they are asked for anew."""
    fault, issuer.wrong.keys = KEYS[what]
    us = client_of(issuer)
    assert await refused(us) is fault
    issuer.wrong = Wrong()
    assert (await signed_in(us))["sub"] == "gp"


async def test_an_issuer_that_is_away_is_said_to_be(issuer: FaultyIssuer) -> None:
    """Nobody listens there; and signing out goes on here alone."""
    us = Issuer(Registration(**{**_fields(client_of(issuer)), "issuer": "http://127.0.0.1:1"}))
    assert await refused(us) is F.OUT_OF_REACH
    assert await us.sign_out_at() is None


def _fields(us: Issuer) -> dict[str, Any]:
    known = us.registration
    return {name: getattr(known, name) for name in Registration.__slots__}


async def test_signing_out_there_is_possible_where_there_is_a_place(issuer: FaultyIssuer) -> None:
    """Without the ID token, which would stand in the address."""
    where = await client_of(issuer).sign_out_at()
    assert where is not None
    told = parse_qs(urlsplit(where).query)
    assert told == {"client_id": [CLIENT], "post_logout_redirect_uri": [f"{SITE}/signed-out"]}
    issuer.wrong.metadata = {"end_session_endpoint": GONE}
    assert await client_of(issuer).sign_out_at() is None


@pytest.mark.parametrize(
    ("levels", "said", "fault"),
    [
        (("idporten-loa-high",), "idporten-loa-high", None),
        (("a", "b"), "b", None),
        (("idporten-loa-high",), "idporten-loa-substantial", F.LEVEL),
        (("idporten-loa-high",), GONE, F.LEVEL),
    ],
)
async def test_the_level_of_security_is_asked_for_and_looked_at(
    issuer: FaultyIssuer, levels: tuple[str, ...], said: object, fault: SignInFault | None
) -> None:
    """An issuer may answer with a lower one (OpenID Connect Core §5.5.1.1)."""
    us = client_of(issuer, levels=levels)
    asked = parse_qs(urlsplit(await us.leave_for(Attempt("/", time.time()), "nb")).query)
    assert asked["acr_values"] == [" ".join(levels)]
    issuer.wrong.claims = {"acr": said}
    if fault is None:
        assert (await signed_in(us))["acr"] == said
    else:
        assert await refused(us) is fault


@dataclass(slots=True)
class Strict(FaultyIssuer):
    """Wants to be told in advance what is asked for (PAR), by a client that proves who it is."""

    forms: list[dict[str, str]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    pushed: dict[str, dict[str, str]] = field(default_factory=dict)

    @override
    def application(self) -> Starlette:
        made = FaultyIssuer.application(self)
        made.routes.insert(0, Route("/par", self.push, methods=["POST"]))
        return made

    @override
    def metadata(self) -> dict[str, Any]:
        told = FaultyIssuer.metadata(self)
        return {**told, "pushed_authorization_request_endpoint": f"{self.address}/par"}

    async def push(self, request: Request) -> Response:
        """POST /par."""
        form = dict(parse_qsl((await request.body()).decode()))
        self.forms.append(form)
        self.headers.append(request.headers.get("authorization", ""))
        name = f"urn:ietf:params:oauth:request_uri:{len(self.forms)}"
        self.pushed[name] = form
        return JSONResponse({"request_uri": name, "expires_in": 60}, 201)

    @override
    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        self.forms.append(form)
        self.headers.append(request.headers.get("authorization", ""))
        return await FaultyIssuer.token(self, request)


@pytest.fixture
def strict() -> Iterator[Strict]:
    """Such an issuer."""
    with running(lambda address: Strict(address, SITE, ())) as found:
        assert isinstance(found, Strict)
        yield found


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSAKey.generate_key(2048, auto_kid=True), "RS256"),
        (ECKey.generate_key("P-384", auto_kid=True), "ES384"),
        (RSAKey.generate_key(2048, {"alg": "PS256"}, auto_kid=True), "PS256"),
    ],
)
async def test_we_prove_who_we_are_with_our_key(strict: Strict, key: Key, algorithm: str) -> None:
    """private_key_jwt, for the issuer alone, for less than a minute, each time another (RFC 7523 §3, HelseID)."""
    us = client_of(strict, key=key)
    where = await us.leave_for(Attempt("/", time.time()), "en")
    assert {*parse_qs(urlsplit(where).query)} == {"client_id", "request_uri"}
    await us.leave_for(Attempt("/", time.time()), "en")
    seen = set()
    for form in strict.forms:
        assert form["code_challenge_method"] == "S256"
        assert form["ui_locales"] == "en"
        assert form["client_assertion_type"].endswith("jwt-bearer")
        told = jwt.decode(form["client_assertion"], key, [algorithm])
        assert told.header == {"typ": "JWT", "alg": algorithm, "kid": key.kid}
        claims = told.claims
        assert (claims["iss"], claims["sub"], claims["aud"]) == (CLIENT, CLIENT, strict.address)
        assert 0 < claims["exp"] - claims["iat"] <= 60
        seen.add(claims["jti"])
    assert len(seen) == 2


async def test_or_with_our_secret(strict: Strict) -> None:
    """client_secret_basic, encoded as RFC 6749 §2.3.1 wants it; it is in no form and no address."""
    us = client_of(strict, secret="a:b c/d")
    where = await us.leave_for(Attempt("/", time.time()), "nb")
    expected = base64.b64encode(f"{CLIENT}:a%3Ab+c%2Fd".encode()).decode()
    assert strict.headers == [f"Basic {expected}"]
    assert "a%3Ab" not in where
    assert all("client_assertion" not in form for form in strict.forms)


async def test_an_issuer_that_takes_nothing_in_advance_says_no(issuer: FaultyIssuer) -> None:
    """Then nobody is sent anywhere."""
    issuer.wrong.metadata = {"pushed_authorization_request_endpoint": f"{issuer.address}/nowhere"}
    assert await refused(client_of(issuer)) in {F.ISSUER_ERROR, F.OUT_OF_REACH}


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://issuer.example", True),
        ("http://127.0.0.1:8001", True),
        ("http://[::1]:8001", True),
        ("http://localhost", True),
        ("http://issuer.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("ftp://127.0.0.1", False),
        ("https://", False),
        ("https://[", False),
        ("/path", False),
    ],
)
def test_nobody_reads_along(url: str, safe: bool) -> None:
    """TLS, or this machine."""
    assert is_safe(url) is safe
