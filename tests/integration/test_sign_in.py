"""Signing in over HTTP at a real server: what goes wrong is said, counted, and tells nobody anything."""

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.responses import JSONResponse

from carepath.cli.demo import people
from carepath.cli.demo.issuer import CLIENT
from carepath.identity.jose import claims_of
from carepath.identity.sign_in import SignInFault
from carepath.settings import Settings
from carepath.wiring import people as wired
from carepath.wiring.store import migrate, open_store
from pathways.access import Role
from pathways.parties import Identifier
from tests.integration.serving import serving
from tests.issuer import BROKEN, GONE, FaultyIssuer, Wrong, issuing
from tests.servers import free_port

F = SignInFault
PID = people.PATIENT.identifiers[0].value
OTHER = ECKey.generate_key("P-256", auto_kid=True)


class Site:
    """A server that people sign in to, and its issuer."""

    def __init__(self, url: str, issuer: FaultyIssuer, database_url: str) -> None:
        self.url, self.issuer, self.database_url = url, issuer, database_url

    def browser(self) -> httpx.Client:
        """Something that keeps cookies and goes nowhere by itself."""
        return httpx.Client(base_url=self.url, trust_env=False, timeout=20)

    def refused(self, reason: str) -> float:
        """How many sign-ins were refused for that reason."""
        told = httpx.get(f"{self.url}/metrics", trust_env=False).text
        line = rf'^carepath_sign_in_refused_total\{{reason="{reason}"\}} (\S+)$'
        found = re.search(line, told, re.MULTILINE)
        return float(found[1]) if found else 0.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """In signed-in mode, with the demo's directory and persons."""
    folder = tmp_path_factory.mktemp("site")
    port = free_port()
    with ExitStack() as running:
        issuer = running.enter_context(issuing(f"http://127.0.0.1:{port}"))
        url = f"sqlite:///{folder}/carepath.db"
        registered(Settings(database_url=url), issuer.address)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("CAREPATH_OPEN_MODE", "false")
            environment.setenv("CAREPATH_OIDC_ISSUER", issuer.address)
            environment.setenv("CAREPATH_OIDC_CLIENT_ID", CLIENT)
            server = running.enter_context(serving(url, folder / "log", port))
        yield Site(server.url, issuer, url)


@pytest.fixture(autouse=True)
def right(site: Site) -> Iterator[None]:
    """Every test begins with nothing wrong."""
    site.issuer.wrong = Wrong()
    yield
    site.issuer.wrong = Wrong()


def registered(settings: Settings, issuer: str) -> None:
    """The demo's directory, and who works there."""
    migrate(settings)
    with open_store(settings) as store:
        store.enter(people.parties())
        for one in people.PERSONS:
            if one.role is not None:
                known = Identifier(issuer, one.key)
                wired.add(store, known, one.name, one.party, one.role, datetime.now(UTC), None)


def answered(browser: httpx.Client, person: str, next_: str = "/") -> str:
    """Where the issuer sends the browser back to, with its answer."""
    left = browser.get("/sign-in", params={"next": next_})
    assert left.status_code == 303, left.text
    chosen = httpx.post(left.headers["location"], data={"person": person}, trust_env=False)
    assert chosen.status_code == 303, chosen.text
    return str(chosen.headers["location"])


def with_parameters(url: str, **changes: str | None) -> str:
    """The address with other parameters; ``None`` takes one away."""
    parts = urlsplit(url)
    told: dict[str, str | None] = {**dict(parse_qsl(parts.query)), **changes}
    kept = {name: value for name, value in told.items() if value is not None}
    return urlunsplit(parts._replace(query=urlencode(kept)))


def check_refused(site: Site, answer: httpx.Response, fault: SignInFault, before: float) -> None:
    """A page that says what happened, with no session, counted, and without a word of what was shown."""
    assert 400 <= answer.status_code < 600, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert fault in answer.text
    assert "carepath=" not in answer.headers.get("set-cookie", "").replace('carepath=""', "")
    assert site.refused(fault) == before + 1
    asked = {value for _, value in parse_qsl(answer.request.url.query.decode())}
    hidden = {value for value in asked if len(value) > 8} | {PID, "Marit Aas", "eyJ"}
    assert not [value for value in hidden if value in answer.text]
    assert answer.headers["cache-control"] == "no-store"


def test_who_signs_in_comes_back_to_where_they_were(site: Site) -> None:
    """With a cookie that scripts cannot read and other sites' forms do not send."""
    with site.browser() as browser:
        first = browser.get("/?from=here")
        assert first.status_code == 303
        wanted = parse_qs(urlsplit(first.headers["location"]).query)["next"]
        assert wanted == ["/?from=here"]
        back = browser.get(answered(browser, "coordinator", wanted[0]))
        assert back.status_code == 303
        assert back.headers["location"] == "/?from=here"
        made = [c for c in back.headers.get_list("set-cookie") if c.startswith("carepath=")]
        assert len(made) == 1
        assert {"HttpOnly", "Path=/", "SameSite=lax"} <= {*made[0].split("; ")}
        shown = browser.get("/")
        assert shown.status_code == 200
        assert "Marit Aas" in shown.text


WRONG: dict[str, tuple[SignInFault, Callable[[], Wrong]]] = {
    "issuer": (F.ISSUER, lambda: Wrong(claims={"iss": "https://evil.example"})),
    "audience": (F.AUDIENCE, lambda: Wrong(claims={"aud": "another"})),
    "party": (F.PARTY, lambda: Wrong(claims={"azp": "another"})),
    "expired": (F.EXPIRED, lambda: Wrong(claims={"exp": 1})),
    "old": (F.ISSUED, lambda: Wrong(claims={"iat": 1})),
    "nonce": (F.NONCE, lambda: Wrong(claims={"nonce": "another"})),
    "no nonce": (F.NONCE, lambda: Wrong(claims={"nonce": GONE})),
    "at_hash": (F.HASH, lambda: Wrong(claims={"at_hash": "another"})),
    "nobody": (F.CLAIMS, lambda: Wrong(claims={"sub": GONE})),
    "a number that is none": (F.CLAIMS, lambda: Wrong(claims={"pid": "12345678901"})),
    "claims of another kind": (F.CLAIMS, lambda: Wrong(claims={"name": ["x"]})),
    "somebody unknown": (F.NOBODY, lambda: Wrong(claims={"sub": "stranger"})),
    "an organisation they are not of": (
        F.NOBODY,
        lambda: Wrong(claims={"helseid://claims/client/claims/orgnr_parent": "310417203"}),
    ),
    "signature": (F.SIGNATURE, lambda: Wrong(signed=lambda told: told[:-8] + "AAAAAAAA")),
    "algorithm": (F.ALGORITHM, lambda: Wrong(signed=without_signature)),
    "key": (F.KEY, lambda: Wrong(signed=by_another)),
    "not a token": (F.MALFORMED, lambda: Wrong(signed=lambda _: "x.y.z")),
    "no id_token": (F.RESPONSE, lambda: Wrong(token=JSONResponse({"access_token": "x"}))),
    "the code is refused": (
        F.CODE,
        lambda: Wrong(token=JSONResponse({"error": "invalid_grant"}, 400)),
    ),
    "down": (F.OUT_OF_REACH, lambda: Wrong(token=BROKEN["down"]())),
    "not JSON": (F.OUT_OF_REACH, lambda: Wrong(token=BROKEN["not JSON"]())),
    "elsewhere": (F.OUT_OF_REACH, lambda: Wrong(token=BROKEN["elsewhere"]())),
    "endless": (F.METADATA, lambda: Wrong(token=BROKEN["endless"]())),
}


def without_signature(told: str) -> str:
    """The header says that there is none."""
    return f"eyJhbGciOiJub25lIn0.{told.split('.')[1]}."


def by_another(told: str) -> str:
    """The same claims, by a key that is not the issuer's."""
    return jwt.encode({"alg": "ES256", "kid": OTHER.kid}, claims_of(told), OTHER, ["ES256"])


@pytest.mark.parametrize("what", WRONG)
def test_an_issuer_that_goes_wrong_signs_nobody_in(site: Site, what: str) -> None:
    """Each fault by its name."""
    fault, make = WRONG[what]
    before = site.refused(fault)
    site.issuer.wrong = make()
    with site.browser() as browser:
        answer = browser.get(answered(browser, "coordinator"))
        check_refused(site, answer, fault, before)
        assert browser.get("/").status_code == 303
        site.issuer.wrong = Wrong()
        again = browser.get(answered(browser, "coordinator"))
        assert again.status_code == 303


CHANGED: dict[str, tuple[SignInFault, dict[str, str | None]]] = {
    "another state": (F.STATE, {"state": secrets.token_urlsafe(32)}),
    "no state": (F.STATE, {"state": None}),
    "a longer state": (F.STATE, {"state": "x" * 2000}),
    "no code": (F.RESPONSE, {"code": None}),
    "another code": (F.CODE, {"code": secrets.token_urlsafe(24)}),
    "another issuer": (F.RESPONSE, {"iss": "https://evil.example"}),
    "no issuer": (F.RESPONSE, {"iss": None}),
    "denied": (F.DENIED, {"code": None, "error": "access_denied"}),
    "an error": (F.ISSUER_ERROR, {"code": None, "error": "server_error"}),
    "an error in markup": (F.ISSUER_ERROR, {"error": "<script>alert(1)</script>"}),
}


@pytest.mark.parametrize("what", CHANGED)
def test_an_answer_that_was_changed_signs_nobody_in(site: Site, what: str) -> None:
    """And is not repeated on the page."""
    fault, changes = CHANGED[what]
    before = site.refused(fault)
    with site.browser() as browser:
        answer = browser.get(with_parameters(answered(browser, "coordinator"), **changes))
        check_refused(site, answer, fault, before)


def test_an_answer_counts_once_and_in_its_own_browser(site: Site) -> None:
    """What a stranger sends somebody to (login CSRF), and what is sent again, is nobody's."""
    before = site.refused(F.STATE)
    with site.browser() as browser, site.browser() as strangers:
        back = answered(browser, "nurse")
        check_refused(site, strangers.get(back), F.STATE, before)
        assert browser.get(back).status_code == 303
        check_refused(site, browser.get(back), F.STATE, before + 1)


def test_what_is_said_twice_is_not_believed(site: Site) -> None:
    """RFC 6749 §3.1."""
    before = site.refused(F.RESPONSE)
    with site.browser() as browser:
        twice = browser.get(f"{answered(browser, 'nurse')}&code=another")
        check_refused(site, twice, F.RESPONSE, before)


@pytest.mark.parametrize(
    "hostile", ["https://evil.example", "//evil.example", "/\\evil.example", "/sign-in?next=/"]
)
def test_the_way_back_is_ours(site: Site, hostile: str) -> None:
    """Whatever the address of the sign-in says."""
    with site.browser() as browser:
        assert browser.get(answered(browser, "nurse", hostile)).headers["location"] == "/"


def test_two_windows_do_not_disturb_each_other(site: Site) -> None:
    """Each attempt has its own cookie."""
    with site.browser() as browser:
        one, two = answered(browser, "nurse", "/?one"), answered(browser, "nurse", "/?two")
        assert browser.get(one).headers["location"] == "/?one"
        assert browser.get(two).headers["location"] == "/?two"


FOREIGN: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("path", ["/", "/act-as", "/sign-out"])
def test_a_form_of_another_site_does_nothing(
    site: Site, path: str, headers: dict[str, str]
) -> None:
    """Even if the browser sent the cookie along."""
    with site.browser() as browser:
        browser.get(answered(browser, "nurse"))
        before = site.refused(F.CROSS_SITE)
        answer = browser.post(path, data={"identifier": PID, "acting": "citizen"}, headers=headers)
        assert answer.status_code == 403
        check_refused(site, answer, F.CROSS_SITE, before)
        assert "Jonas Vik" in browser.get("/").text


@pytest.mark.parametrize(
    "own", [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "ours"}]
)
def test_a_form_of_ours_signs_out(site: Site, own: dict[str, str]) -> None:
    """Here, and then at the issuer; the cookie is worth nothing afterwards, and no id stands in the address."""
    headers = {name: value.replace("ours", site.url) for name, value in own.items()}
    with site.browser() as browser:
        browser.get(answered(browser, "patient"))
        secret = browser.cookies["carepath"]
        out = browser.post("/sign-out", headers=headers)
        assert out.status_code == 200
        onward = out.headers["refresh"].partition("url=")[2]
        assert onward.startswith(f"{site.issuer.address}/end-session?")
        assert "id_token" not in onward
        assert httpx.get(onward, trust_env=False).headers["location"] == f"{site.url}/signed-out"
        browser.cookies.set("carepath", secret, domain="127.0.0.1")
        assert browser.get("/").status_code == 303


def test_the_session_is_known_at_the_api_too(site: Site) -> None:
    """In signed-in mode: reading as who is signed in; a cookie is no way to make somebody write."""
    with site.browser() as browser:
        assert browser.get("/fhir/Patient").status_code == 401
        browser.get(answered(browser, "coordinator"))
        assert browser.get("/fhir/Patient").status_code == 200
        sent = browser.post(
            "/fhir/Patient/_search",
            data={"identifier": PID},
            headers={"Sec-Fetch-Site": "cross-site"},
        )
        assert sent.status_code == 401


def test_an_administrator_sees_no_patients(site: Site) -> None:
    """Neither the search, nor a page; in place of the list there is what they look after."""
    with site.browser() as browser:
        browser.get(answered(browser, "administrator"))
        own = {"Sec-Fetch-Site": "same-origin"}
        assert browser.get("/").headers["location"] == "/operations"
        searched = browser.post("/", data={"identifier": PID}, headers=own)
        assert searched.headers["location"] == "/operations"
        assert browser.get("/patients/unknown").status_code == 403


def test_nobody_sees_anything_without_signing_in(site: Site) -> None:
    """Pages ask; streams, which can go nowhere, are told."""
    with site.browser() as browser:
        for path in ("/", "/patients/unknown", "/patients/unknown/changes"):
            asked = browser.get(path)
            assert asked.status_code == 303
            assert asked.headers["location"].startswith("/sign-in?next=")
        stream = browser.get("/patients/x/changes", headers={"Accept": "text/event-stream"})
        assert stream.status_code == 401
        assert browser.get("/static/carepath.css").status_code == 200


def test_another_name_of_this_machine_leads_to_ours(site: Site) -> None:
    """Cookies are kept for one of them."""
    port = site.url.rpartition(":")[2]
    left = httpx.get(f"http://localhost:{port}/sign-in?next=/%3Fa", trust_env=False)
    assert left.headers["location"] == f"{site.url}/sign-in?next=%2F%3Fa"


def test_without_an_issuer_the_pages_are_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In signed-in mode: it says so, and shows nothing."""
    monkeypatch.setenv("CAREPATH_OPEN_MODE", "false")
    with serving(f"sqlite:///{tmp_path}/carepath.db", tmp_path / "log") as server:
        for path in ("/", "/patients/x"):
            answer = httpx.get(f"{server.url}{path}", trust_env=False)
            assert answer.status_code == 403
            assert "innlogging" in answer.text


def test_a_person_with_two_roles_chooses(site: Site) -> None:
    """And can change; what they are is on every page."""
    database = site.database_url
    with open_store(Settings(database_url=database)) as store:
        known = Identifier(site.issuer.address, "gp")
        more = wired.add(
            store, known, "Eva Strand", "solvik-ke", Role.COORDINATOR, datetime.now(UTC), None
        )
    own: dict[str, Any] = {"headers": {"Sec-Fetch-Site": "same-origin"}}
    with site.browser() as browser:
        chosen = browser.get(answered(browser, "gp", "/?x"))
        assert chosen.headers["location"] == "/act-as?next=%2F%3Fx"
        assert browser.get("/").headers["location"] == "/act-as?next=%2F"
        assert browser.get("/fhir/Patient").status_code == 401
        made = browser.post("/act-as", data={"acting": more.id, "next": "/?x"}, **own)
        assert made.headers["location"] == "/?x"
        assert "Solvik kommune, koordinerende enhet" in browser.get("/").text
        wrong = browser.post("/act-as", data={"acting": "citizen", "next": "//evil"}, **own)
        assert wrong.headers["location"] == "/act-as?next=%2F"
    with open_store(Settings(database_url=database)) as store:
        wired.end(store, more.id, datetime.now(UTC))


def test_somebody_signs_out_on_another_machine(site: Site) -> None:
    """Both sign-ins are listed, with what they act as; the other one is out at once, and nobody else can do it."""
    own: dict[str, Any] = {"headers": {"Sec-Fetch-Site": "same-origin"}}
    with site.browser() as ward, site.browser() as home:
        assert ward.get("/sessions").headers["location"] == "/sign-in?next=/sessions"
        for browser in (ward, home):
            browser.get(answered(browser, "legevakt"))
        listed = home.get("/sessions").text
        assert listed.count("Helsepersonell, Solvik og Nesøy legevakt</strong>") == 2
        (there,) = re.findall(r'name="end" value="(\w+)"', listed)
        foreign = home.post(
            "/sessions", data={"end": there}, headers={"Sec-Fetch-Site": "cross-site"}
        )
        assert foreign.status_code == 403
        assert ward.get("/").status_code == 200
        assert home.post("/sessions", data={"end": there}, **own).headers["location"] == "/sessions"
        assert ward.get("/").headers["location"] == "/sign-in?next=%2F"
        assert home.get("/").status_code == 200
