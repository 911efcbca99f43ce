"""POST /auth/token: SMART Backend Services, right and wrong; and what a token is good for."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx
import pytest
from joserfc import jwk, jwt

from carepath.identity import jose
from carepath.identity.tokens import Tokens
from carepath.store import clients
from carepath.store.blind import Keys
from carepath.store.database import Database
from carepath.store.times import instant, now
from tests.contract.entering import (
    KEY,
    TOKEN_URL,
    Entered,
    assertion,
    entered,
    form,
)
from tests.contract.front import ADDRESS
from tests.contract.stored import KEYS, opened

RSA: Final = jwk.generate_key("RSA", 2048, {"kid": "one"})
OTHER: Final = jwk.generate_key("EC", "P-384", {"kid": "one"})


@pytest.fixture
def door(sqlite_url: str) -> Iterator[Entered]:
    """With one client."""
    with opened(sqlite_url) as database:
        made = entered(database)
        made.register()
        yield made


@pytest.fixture
def either(database_url: str) -> Iterator[Entered]:
    """The same, on both databases."""
    with opened(database_url) as database:
        made = entered(database)
        made.register()
        yield made


def test_a_client_gets_a_token_and_is_let_in(either: Entered) -> None:
    """Five minutes, not to be kept by caches, of the kind that RFC 9068 describes."""
    answer = either.token()
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert (told["token_type"], told["expires_in"]) == ("bearer", 300)
    assert told["scope"] == "system/*.cruds"
    assert "refresh_token" not in told
    assert either.get("/fhir/Patient", authorization=f"Bearer {told['access_token']}").is_success


@pytest.mark.parametrize(
    ("asked", "registered", "given"),
    [
        ("system/*.rs", ("system/Task.cruds",), "system/Task.rs"),
        (
            "system/Task.read system/Patient.cruds",
            ("system/*.r",),
            "system/Patient.r system/Task.r",
        ),
    ],
)
def test_no_more_is_granted_than_is_registered(
    door: Entered, asked: str, registered: tuple[str, ...], given: str
) -> None:
    """The answer says how much it is."""
    door.register("another", scopes=registered)
    answer = door.token(scope=asked, iss="another", sub="another")
    assert answer.json()["scope"] == given


NOW: Final = int(time.time())
REFUSED: Final[dict[str, dict[str, Any]]] = {
    "assertion-type": {"header": {"typ": "at+jwt"}},
    "assertion-algorithm": {"header": {"alg": "RS256"}, "key": RSA},
    "assertion-key": {"header": {"kid": "two"}},
    "assertion-jku": {"header": {"jku": "https://a.example/jwks"}},
    "assertion-signature": {"key": OTHER},
    "assertion-claims": {"sub": "another"},
    "assertion-audience": {"aud": f"{ADDRESS}/fhir"},
    "assertion-expired": {"exp": NOW - 60},
    "assertion-too-long": {"exp": NOW + 3600},
    "assertion-not-yet-valid": {"nbf": NOW + 3000},
    "client-unknown": {"iss": "nobody", "sub": "nobody"},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_wrong_assertion_is_refused_by_name(door: Entered, reason: str) -> None:
    """``invalid_client``, 401."""
    _refused(door.token(**REFUSED[reason]), 401, "invalid_client", reason)


@pytest.mark.parametrize(
    "changes",
    [
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": 1e300},
        {"iss": None, "sub": None},
    ],
)
def test_claims_that_are_missing_or_of_another_kind_are_refused(
    door: Entered, changes: dict[str, Any]
) -> None:
    """Never taken for good, never a fault of ours."""
    answer = door.token(**changes)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("text", ["", "a.b.c", "a.b", "....", "é.é.é", "a" * 70_000])
def test_what_is_no_assertion_is_refused(door: Entered, text: str) -> None:
    """Whatever it is."""
    answer = door.posted(form(client_assertion=text))
    assert answer.status_code in {400, 401, 413}


def test_deep_claims_are_no_assertion(door: Entered) -> None:
    """A signed token that nobody could read."""
    nested: Any = 0
    for _ in range(600):
        nested = [nested]
    answer = door.token(deep=nested)
    assert answer.status_code in {200, 401}


def test_an_assertion_is_good_once(either: Entered) -> None:
    """Whatever became of it the first time."""
    told = form(client_assertion=assertion())
    assert either.posted(told).status_code == 200
    _refused(either.posted(told), 401, "invalid_client", "assertion-used")


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        ({"grant_type": ""}, "invalid_request", "request-malformed"),
        ({"grant_type": "password"}, "unsupported_grant_type", "grant-type"),
        ({"scope": ""}, "invalid_scope", "scope-missing"),
        ({"scope": "system/Task.sr"}, "invalid_scope", "scope-unknown"),
        ({"scope": "system/Task.rs?status=ready"}, "invalid_scope", "scope-unknown"),
        ({"scope": "user/*.rs"}, "invalid_scope", "scope-not-granted"),
        ({"client_id": "another"}, "invalid_request", "request-malformed"),
    ],
)
def test_a_wrong_request_is_refused_by_name(
    door: Entered, changes: dict[str, str], error: str, reason: str
) -> None:
    """400, and OAuth's error (RFC 6749 §5.2)."""
    answer = door.posted(form(client_assertion=assertion(), **changes))
    _refused(answer, 400, error, reason)


@pytest.mark.parametrize("changes", [{"client_assertion": ""}, {"client_assertion_type": "other"}])
def test_who_does_not_say_who_they_are_is_refused(door: Entered, changes: dict[str, str]) -> None:
    """There is no other way to sign in here."""
    answer = door.posted(form(**{"client_assertion": assertion(), **changes}))
    _refused(answer, 401, "invalid_client", "assertion-missing")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("application/x-www-form-urlencoded", b"scope=a&scope=b&grant_type=client_credentials"),
        ("application/x-www-form-urlencoded", b"\xff=\xff"),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(99))),
    ],
)
def test_what_is_no_form_is_refused(door: Entered, content_type: str, body: bytes) -> None:
    """400, ``invalid_request``."""
    request = httpx.Request("POST", TOKEN_URL, headers={"Content-Type": content_type}, content=body)
    (answer,) = door.asked(request)
    _refused(answer, 400, "invalid_request", "request-malformed")


def test_two_keys_of_one_name_are_none(door: Entered) -> None:
    """Exactly one must fit (SMART App Launch 2.2); one of another kind is no matter."""
    public, rsa = KEY.as_dict(private=False), RSA.as_dict(private=False)
    door.register("two", jwks={"keys": [public, OTHER.as_dict(private=False)]})
    _refused(door.token(iss="two", sub="two"), 401, "invalid_client", "assertion-key")
    door.register("kinds", jwks={"keys": [public, rsa]})
    assert door.token(iss="kinds", sub="kinds").status_code == 200
    signed: dict[str, Any] = {"header": {"alg": "RS384"}, "key": RSA}
    assert door.token(iss="kinds", sub="kinds", **signed).status_code == 200


def test_keys_out_of_reach_are_no_keys(door: Entered) -> None:
    """And nobody's fault but theirs who publish them."""
    door.register("away", jwks=None, jwks_url="http://127.0.0.1:9/jwks")
    jku: dict[str, Any] = {"header": {"jku": "http://127.0.0.1:9/jwks"}}
    nothing: dict[str, Any] = {}
    for more in (nothing, jku):
        answer = door.token(iss="away", sub="away", **more)
        _refused(answer, 401, "invalid_client", "client-keys-out-of-reach")


# --- what a token is good for


def _edited(part: int, edit: Callable[[dict[str, Any]], object]) -> Callable[[str], str]:
    """A token of the installation's own key, with other content."""
    tokens = Tokens(KEYS, ADDRESS, f"{ADDRESS}/fhir")

    def made(token: str) -> str:
        header, claims = jose.header_of(token), jose.claims_of(token)
        edit((header, claims)[part])
        key = tokens._key  # noqa: SLF001 -- to forge what only a server could
        return jwt.encode(header, claims, key, ["ES256"], default_type=None)

    return made


TOKENS: Final[dict[str, Callable[[str], str]]] = {
    "token-malformed": lambda t: t.rpartition(".")[0],
    "token-signature": lambda t: t[:-6] + ("AAAAAA" if not t.endswith("AAAAAA") else "BBBBBB"),
    "token-type": _edited(0, lambda header: header.update(typ="JWT")),
    "token-audience": _edited(1, lambda claims: claims.update(aud="https://other.example")),
    "token-expired": _edited(1, lambda claims: claims.update(exp=NOW - 1)),
    "token-client-unknown": _edited(1, lambda claims: claims.update(client_id="nobody")),
    "token-issuer": _edited(1, lambda claims: claims.update(iss="https://other.example")),
}


@pytest.mark.parametrize("reason", TOKENS)
def test_a_wrong_token_is_refused_by_name(door: Entered, reason: str) -> None:
    """401 with RFC 6750's error."""
    scheme, _, token = door.bearer().partition(" ")
    answer = door.get("/fhir/Patient", authorization=f"{scheme} {TOKENS[reason](token)}")
    assert answer.status_code == 401
    asked = answer.headers["www-authenticate"]
    assert f'error="invalid_token", error_description="{reason}: ' in asked
    assert answer.json()["issue"][0]["details"]["text"].startswith(reason)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Basic YTpi", "Bearer a b", "Bearer é", "Bearer a, Bearer b"]
)
def test_what_is_no_authorization_is_refused(door: Entered, header: str) -> None:
    """401, whatever it is."""
    request = httpx.Request(
        "GET", f"{ADDRESS}/fhir/Patient", headers={b"Authorization": header.encode()}
    )
    (answer,) = door.asked(request)
    assert answer.status_code == 401
    assert 'error="invalid_request"' in answer.headers["www-authenticate"]


def test_an_installation_knows_its_own_tokens_only(door: Entered) -> None:
    """Another key file, another server."""
    other = Tokens(Keys(b"o" * 32), ADDRESS, f"{ADDRESS}/fhir")
    token = other.made("journal", (), instant(now()))
    answer = door.get("/fhir/Patient", authorization=f"Bearer {token}")
    assert "token-signature" in answer.headers["www-authenticate"]


def test_scopes_that_are_taken_back_count_no_more(either: Entered) -> None:
    """Within a second, though the token says otherwise."""
    bearer = either.bearer()
    assert either.get("/fhir/Patient", authorization=bearer).status_code == 200
    with either.database.write() as conn:
        clients.revoke(conn, "journal", instant(now()), "less than before")
    either.register(since=instant(now()), scopes=("system/Task.rs",))
    time.sleep(1.1)
    assert either.get("/fhir/Patient", authorization=bearer).status_code == 403
    assert either.get("/fhir/Task", authorization=bearer).status_code == 200


def test_discovery_says_how_to_sign_in(door: Entered) -> None:
    """As SMART App Launch 2.2 requires; JSON whatever is accepted, and open to all."""
    answer = door.get("/fhir/.well-known/smart-configuration", accept="text/html")
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert told["token_endpoint"] == TOKEN_URL
    assert "client_credentials" in told["grant_types_supported"]
    assert {"client-confidential-asymmetric", "permission-v2"} <= {*told["capabilities"]}
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert {"RS384", "ES384"} <= {*told["token_endpoint_auth_signing_alg_values_supported"]}
    assert "issuer" not in told
    (rest,) = door.get("/fhir/metadata").json()["rest"]
    assert rest["security"]["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"


def _refused(answer: httpx.Response, status: int, error: str, reason: str) -> None:
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert told["error"] == error
    assert told["error_description"].startswith(f"{reason}: "), told
    assert answer.headers["cache-control"] == "no-store"


def test_the_database_of_these_tests_has_the_key(door: Entered) -> None:
    """Else forged tokens show nothing."""
    found: Database = door.database
    assert found.keys.secret == KEYS.secret
