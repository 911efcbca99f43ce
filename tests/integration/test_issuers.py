"""Tokens of another issuer, as HelseID has them: what is right is let in, all that is wrong is refused by its name."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest
from joserfc.jwk import RSAKey

from tests.integration import issuer as local
from tests.integration import stories
from tests.integration.issuer import (
    CLAIMS,
    HOLDER,
    OTHER,
    WRONG_PROOFS,
    Issuer,
    encoded,
    new_key,
    proof,
)
from tests.integration.serving import Server
from tests.integration.signed_in import Site, site

CHILD: Final = f"{CLAIMS}/client/claims/orgnr_child"
PARENT: Final = f"{CLAIMS}/client/claims/orgnr_parent"
SUPPLIER: Final = f"{CLAIMS}/client/claims/orgnr_supplier"
PID: Final = f"{CLAIMS}/identity/pid"
HPR: Final = f"{CLAIMS}/hpr/hpr_number"
LEVEL: Final = f"{CLAIMS}/identity/security_level"
FHIR: Final = {"Content-Type": "application/fhir+json"}


@dataclass(frozen=True, slots=True)
class Door:
    """A server that believes an issuer."""

    here: Site
    issuer: Issuer
    server: Server
    client: httpx.Client

    def ask(
        self, token: str, dpop: str | None = None, path: str = "/fhir/Patient"
    ) -> httpx.Response:
        """GET with a token and a proof, a good one if none is given."""
        made = proof("GET", f"{self.server.url}{path}", token) if dpop is None else dpop
        headers = {"Authorization": f"DPoP {token}", **({"DPoP": made} if made else {})}
        return self.client.get(path, headers=headers)

    def refused(self, reason: str) -> float:
        """How often the server says it refused for that reason."""
        name = f'carepath_sign_in_refused_total{{reason="{reason}"}} '
        lines = self.client.get("/metrics").text.splitlines()
        return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """One for all tests of this file."""
    folder: Path = tmp_path_factory.mktemp("issuers")
    with local.issuing() as issuer:
        here = site(
            folder,
            CAREPATH_ISSUERS=local.setting(issuer),
            CAREPATH_ALLOW_LOOPBACK_ISSUERS="yes",
            CAREPATH_STRANGER_RATE="100000",
        )
        with (
            here.serving() as server,
            httpx.Client(base_url=server.url, timeout=20, trust_env=False) as client,
        ):
            yield Door(here, issuer, server, client)


def test_a_bound_token_with_its_proof_is_let_in(door: Door) -> None:
    """The point of care acts: what it sends is taken in, and another's is not."""
    token = door.issuer.token()
    assert door.ask(token).status_code == 200
    url = f"{door.server.fhir}/$process-message"
    for story, status in ((stories.admission(stories.Matter()), 200), (_gp_message(), 403)):
        headers = {"Authorization": f"DPoP {token}", "DPoP": proof("POST", url, token), **FHIR}
        answer = door.client.post("/fhir/$process-message", json=story, headers=headers)
        assert answer.status_code == status, answer.text


def _gp_message() -> stories.Resource:
    return stories.admission(stories.Matter(), sender=stories.people.NURSING)


@pytest.mark.parametrize("reason", WRONG_PROOFS)
def test_a_wrong_proof_is_refused_by_name(door: Door, reason: str) -> None:
    """401, RFC 9449's error, our code, and a figure that counts it."""
    token, before = door.issuer.token(), door.refused(reason)
    answer = door.ask(token, WRONG_PROOFS[reason](token, f"{door.server.fhir}/Patient"))
    _check(answer, "invalid_dpop_proof", reason)
    assert door.refused(reason) == before + 1


TOKENS: Final[dict[str, Callable[[Issuer], str]]] = {
    "token-issuer": lambda i: i.token(i.claims(iss="https://elsewhere.example")),
    "token-audience": lambda i: i.token(i.claims(aud=["nhn:other", "nhn:third"])),
    "token-expired": lambda i: i.token(i.claims(exp=int(time.time()) - 60)),
    "token-not-yet-valid": lambda i: i.token(i.claims(nbf=int(time.time()) + 60)),
    "token-signature": lambda i: i.token(key=new_key()),
    "token-type": lambda i: i.token(header={"typ": "dpop+jwt"}),
    "token-algorithm": lambda i: i.token(header={"alg": "none"}),
    "token-key-unknown": lambda i: i.token(header={"kid": "nobody's"}),
    # and what a token must say besides
    "token-unbound": lambda i: i.token(i.claims(cnf=None)),
    "token-claims": lambda i: i.token(i.claims(exp=None)),
    "token-malformed": lambda _: "no.token.at-all",
    "organisation-missing": lambda i: i.token(i.claims(**{PARENT: None})),
    "organisation-unknown": lambda i: i.token(i.claims(**{PARENT: "314276868", CHILD: None})),
    "organisation-child-unknown": lambda i: i.token(i.claims(**{CHILD: "314276868"})),
    "organisation-child-not-of-parent": lambda i: i.token(i.claims(**{CHILD: "314274121"})),
    "person-level": lambda i: i.token(i.claims(**{PID: "12824212447", LEVEL: "3"})),
    "person-not-member": lambda i: i.token(i.claims(**{PID: "12824212447", LEVEL: "4"})),
}


@pytest.mark.parametrize("reason", TOKENS)
def test_a_wrong_token_is_refused_by_name(door: Door, reason: str) -> None:
    """Whatever its proof: 401, RFC 6750's error, our code, and a figure that counts it."""
    token, before = TOKENS[reason](door.issuer), door.refused(reason)
    _check(door.ask(token), "invalid_token", reason)
    assert door.refused(reason) == before + 1


def test_a_secret_made_of_the_issuers_public_key_signs_nothing(door: Door) -> None:
    """HS256 with the public key as the secret: the oldest trick."""
    token = door.issuer.token(header={"alg": "HS256"}, key=local.shared_secret())
    _check(door.ask(token), "invalid_token", "token-algorithm")


def test_a_bound_token_is_no_bearer_token(door: Door) -> None:
    """Whoever finds it has not its key."""
    headers = {"Authorization": f"Bearer {door.issuer.token()}"}
    answer = door.client.get("/fhir/Patient", headers=headers)
    _check(answer, "invalid_token", "token-bound")


def test_a_proof_is_good_once(door: Door) -> None:
    """With any token of that key."""
    token = door.issuer.token()
    made = proof("GET", f"{door.server.fhir}/Patient", token)
    assert door.ask(token, made).status_code == 200
    _check(door.ask(token, made), "invalid_dpop_proof", "proof-used")


@pytest.mark.parametrize("url", ["HTTP://127.0.0.1", "http://127.0.0.1"])
def test_addresses_are_compared_as_they_mean(door: Door, url: str) -> None:
    """The scheme in whatever case, and neither query nor fragment."""
    port = door.server.url.rpartition(":")[2]
    token = door.issuer.token()
    made = proof("GET", f"{url}:{port}/fhir/Patient?_count=1#x", token)
    assert door.ask(token, made).status_code == 200


def test_scopes_are_those_of_the_setting(door: Door) -> None:
    """Read, and nothing sent; 403 says which scope is missing."""
    token = door.issuer.token(door.issuer.claims(scope="openid nhn:carepath/read"))
    assert door.ask(token).status_code == 200
    url = f"{door.server.fhir}/$process-message"
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof("POST", url, token), **FHIR}
    message = stories.admission(stories.Matter())
    answer = door.client.post("/fhir/$process-message", json=message, headers=headers)
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert "system/Bundle.c" in answer.text


def test_the_house_alone_may_ask(door: Door) -> None:
    """Without a point of care, and for a supplier."""
    for changes in ({CHILD: None}, {SUPPLIER: "314270061"}):
        assert door.ask(door.issuer.token(door.issuer.claims(**changes))).status_code == 200


def test_a_person_who_works_there_is_let_in(door: Door) -> None:
    """By a membership of the directory's, until it ends; the issuer's word for the place is not enough."""
    who = {HPR: "900000011", LEVEL: "4", "name": "Marit Aas"}
    claims = door.issuer.claims(**who)
    _check(door.ask(door.issuer.token(claims)), "invalid_token", "person-not-member")
    door.here.carepath("member", "add", "Marit Aas", "clinician", "ward", "--hpr", "900000011")
    assert door.ask(door.issuer.token(claims)).status_code == 200
    elsewhere = door.issuer.claims(**who, **{PARENT: "314274148", CHILD: "314274121"})
    _check(door.ask(door.issuer.token(elsewhere)), "invalid_token", "person-not-member")
    (listed,) = json.loads(door.here.carepath("member", "list", "--json"))
    door.here.carepath("member", "end", listed["id"])
    _check(door.ask(door.issuer.token(claims)), "invalid_token", "person-not-member")


def test_the_issuers_new_key_is_found(door: Door) -> None:
    """Keys are changed while tokens of both are about; a server does not ask for each token."""
    former = door.issuer.token()
    asked = door.issuer.asked["/jwks"]
    for _ in range(5):
        assert door.ask(door.issuer.token()).status_code == 200
    assert door.issuer.asked["/jwks"] == asked
    _wait_until_asked_again()
    door.issuer.keys.append(new_key())
    assert door.ask(door.issuer.token()).status_code == 200
    assert door.ask(former).status_code == 200
    assert door.issuer.asked["/jwks"] == asked + 1


def _wait_until_asked_again() -> None:
    """A server asks again for a key that it does not know, but not twice within ten seconds."""
    time.sleep(10.5)


def _check(answer: httpx.Response, error: str, reason: str) -> None:
    assert answer.status_code == 401, answer.text
    issue = answer.json()["issue"][0]
    assert issue["code"] in {"login", "expired"}
    assert issue["details"]["text"].startswith(f"{reason}: ")
    asked = answer.headers["www-authenticate"]
    assert "DPoP" in asked
    assert f'error="{error}", error_description="{reason}: ' in asked
    assert answer.headers["cache-control"] == "no-store"


def test_the_keys_of_these_tests_differ() -> None:
    """Else the above shows nothing."""
    assert HOLDER.thumbprint() != OTHER.thumbprint()
    assert isinstance(new_key(), RSAKey)
    assert encoded(b"\xff\xff") == "__8"
