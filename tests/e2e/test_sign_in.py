"""The demo's persons sign in with a real browser, and each sees what is theirs."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from carepath.cli.demo import people
from carepath.identity.people import HPR
from tests.e2e import axe, programs
from tests.servers import PATIENCE, free_port, requirement

NUMBER = people.PATIENT.identifiers[0].value
NAMES = {one.key: one.name for one in people.PERSONS}


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo; ``database_url`` is its store's, ``issuer`` where its persons sign in."""

    url: str
    issuer: str
    database_url: str


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    program = shutil.which("chromium")
    requirement("Chromium", program, "Debian: apt install chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """``carepath demo`` whose story has been told."""
    port = free_port()
    with programs.started("demo", "--port", str(port), "--language", "en") as process:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{port}"
        database_url = ""
        for line in process.stdout:
            found = re.search(r"--database-url (\S+)", line)
            database_url = found[1] if found else database_url
            if "/fhir/Encounter" in line:
                break
        left = httpx.get(f"{url}/sign-in", trust_env=False).headers["location"]
        yield Demo(url, left.partition("/authorize")[0], database_url)


@contextmanager
def visiting(browser: Browser, demo: Demo, person: str | None, **options: object) -> Iterator[Page]:
    """Somebody's own browser; signed in with one click."""
    context: BrowserContext = browser.new_context(**{"locale": "nb-NO", **options})  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    try:
        if person is not None:
            page.goto(demo.url)
            sign_in(page, person)
            page.wait_for_url(f"{demo.url}/**")
        yield page
    finally:
        context.close()


def sign_in(page: Page, person: str) -> None:
    """One click at the issuer."""
    page.get_by_role("button", name=NAMES[person]).click()


def on_patient(page: Page) -> None:
    """From the list to the one patient there is; from people's own page to the whole timeline."""
    if page.url.endswith("/pathway"):
        page.get_by_role("link", name="Solveig Bråten").click()
        page.wait_for_url("**/pathway/*")
    own = "/pathway/" in page.url
    page.get_by_role("link", name="Se hele tidslinjen" if own else "Solveig Bråten").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Solveig Bråten")


SEES = {
    "coordinator": ("Koordinator, Solvik kommune, hjemmesykepleien", "Tiltak"),
    "nurse": ("Helsepersonell, Bjørkelia sykehus, lungemedisinsk sengepost", "Overført"),
    "legevakt": ("Helsepersonell, Solvik og Nesøy legevakt", "Sykehus valgt"),
    "gp": ("Helsepersonell, Brygga legesenter", "Henvis"),
    "patient": ("På egne vegne", "Sykehus valgt"),
    "relative": ("På egne vegne", "Innlagt"),
}
"""Who they are, and something that they can see."""


@pytest.mark.parametrize("person", SEES)
def test_each_sees_what_is_theirs(browser: Browser, demo: Demo, person: str) -> None:
    """By name and role, on the list and on the patient's page; nothing breaks the content policy."""
    who, something = SEES[person]
    with visiting(browser, demo, person) as page:
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        expect(page.locator(".who")).to_contain_text(NAMES[person])
        expect(page.locator(".who")).to_contain_text(who)
        on_patient(page)
        expect(page.locator("main")).to_contain_text(something)
        assert problems == []


def test_each_sees_another_part(browser: Browser, demo: Demo) -> None:
    """The patient sees most; the legevakt what it had a part in; what the ward does not see is not on its page."""
    count = {}
    for person in ("patient", "nurse", "legevakt"):
        with visiting(browser, demo, person) as page:
            on_patient(page)
            count[person] = page.locator("ol.timeline > li").count()
    assert count["patient"] > count["nurse"] > count["legevakt"] > 0


def test_the_administrator_sees_no_patient(browser: Browser, demo: Demo) -> None:
    """They begin at a page of their own; the patient's own address says so, and gives nothing."""
    with visiting(browser, demo, "gp") as page:
        on_patient(page)
        address = page.url
    with visiting(browser, demo, "administrator") as page:
        page.wait_for_url(f"{demo.url}/operations")
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 403
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "Rollen din gir ikke innsyn i pasienters opplysninger"
        )
        assert "Solveig" not in page.content()


def test_breaking_the_glass_is_a_step_of_its_own(browser: Browser, demo: Demo) -> None:
    """A search that finds nobody leads there; what is wrong stands beside its field; axe finds nothing."""
    with visiting(browser, demo, "legevakt", viewport={"width": 360, "height": 800}) as page:
        page.get_by_role("textbox").fill("1")
        page.get_by_role("button", name="Finn").click()
        page.get_by_role("link", name=re.compile("Åpne uten tildelt tilgang")).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Åpne uten tildelt tilgang")
        assert axe.violations(page) == []
        page.get_by_label("Fødselsnummer").fill("00000000000")
        page.get_by_label("Øyeblikkelig hjelp").check()
        page.get_by_label("Begrunn").fill("Bevisstløs ved ankomst")
        page.get_by_role("button", name="Åpne").click()
        expect(page.locator("#identifier-problem")).to_be_visible()
        expect(page.get_by_label("Begrunn")).to_have_value("Bevisstløs ved ankomst")
        assert axe.violations(page) == []


@contextmanager
def working(demo: Demo, *arguments: str) -> Iterator[None]:
    """Somebody works there, too, for a while."""
    settings = {"CAREPATH_OIDC_ISSUER": demo.issuer}
    where = ("--database-url", demo.database_url)
    added = programs.run("member", "add", *arguments, *where, **settings)
    assert added.returncode == 0, added.stderr
    yield
    (id_,) = re.findall(r"\((\w{12})\)", added.stdout)
    ended = programs.run("member", "end", id_, *where)
    assert ended.returncode == 0, ended.stderr


def test_who_has_several_roles_chooses_and_a_stranger_sees_nobody(
    browser: Browser, demo: Demo
) -> None:
    """As another municipality's: an empty list, a search that finds nobody, a page that is not there."""
    with visiting(browser, demo, None) as page:
        with working(demo, "Eva Strand", "staff", "nesoy", "--subject", "gp"):
            page.goto(demo.url)
            sign_in(page, "gp")
            expect(page.get_by_role("heading", level=1)).to_have_text("Hvem er du her som?")
            page.get_by_role("button", name="Helsepersonell, Brygga legesenter").click()
            on_patient(page)
            address = page.url
            page.get_by_role("link", name="Bytt rolle").click()
            page.get_by_role("button", name="Ansatt, Nesøy kommune").click()
            page.wait_for_url(address)
            check_knows_nobody(page, demo, address)
        page.goto(demo.url)  # the membership has ended: there is one left to choose
        expect(page.get_by_role("heading", level=1)).to_have_text("Hvem er du her som?")


def check_knows_nobody(page: Page, demo: Demo, address: str) -> None:
    """Neither the list, nor the search, nor the patient's own address tells of the patient."""
    answer = page.goto(address)
    assert answer is not None
    assert answer.status == 404
    page.goto(demo.url)
    expect(page.locator("main")).not_to_contain_text("Solveig")
    page.get_by_role("textbox").fill(NUMBER)
    page.get_by_role("button", name="Finn").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert "Solveig" not in page.content()


def test_signing_out_ends_it(browser: Browser, demo: Demo) -> None:
    """At the issuer, too, and back; the page that was open asks anew, and leads back to itself."""
    with visiting(browser, demo, "coordinator") as page:
        on_patient(page)
        address = page.url
        page.get_by_role("button", name="Logg ut").click()
        page.wait_for_url(f"{demo.url}/signed-out")
        expect(page.get_by_role("heading", level=1)).to_have_text("Du er logget ut")
        expect(page.locator(".who")).to_have_count(0)
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_have_text("Hvem er du?")
        sign_in(page, "coordinator")
        page.wait_for_url(address)
        expect(page.get_by_role("heading", level=1)).to_have_text("Solveig Bråten")


def test_a_session_that_ends_leads_back_to_the_same_place(browser: Browser, demo: Demo) -> None:
    """Also while the page is open: its stream ends, and it asks by itself."""
    with visiting(browser, demo, "nurse") as page:
        on_patient(page)
        address = page.url
        ended = programs.run(
            *("member", "sign-out", "--hpr", people.PERSONS[1].claims[HPR]),
            *("--database-url", demo.database_url),
        )
        assert ended.returncode == 0, ended.stderr
        expect(page.get_by_role("heading", level=1)).to_have_text("Hvem er du?", timeout=30_000)
        sign_in(page, "nurse")
        page.wait_for_url(address)


def test_a_form_of_another_site_does_nothing(browser: Browser, demo: Demo) -> None:
    """A page elsewhere that signs people out, or searches in their name: a real browser says where it comes from."""
    with visiting(browser, demo, "coordinator") as page:
        for path in ("sign-out", "act-as", ""):
            page.goto("data:text/html,<title>elsewhere</title>")
            page.set_content(
                f"<form method=post action='{demo.url}/{path}'><button>x</button></form>"
            )
            page.get_by_role("button").click()
            page.wait_for_url(f"{demo.url}/{path}")
            expect(page.locator("body")).not_to_contain_text("Solveig")
        page.goto(demo.url)
        expect(page.locator(".who")).to_contain_text("Marit Aas")


@pytest.mark.parametrize("hostile", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_the_way_back_never_leaves(browser: Browser, demo: Demo, hostile: str) -> None:
    """Whatever somebody was sent to."""
    with visiting(browser, demo, None) as page:
        page.goto(f"{demo.url}/sign-in?next={hostile}")
        sign_in(page, "coordinator")
        page.wait_for_url(f"{demo.url}/")


def test_in_english_on_a_telephone(browser: Browser, demo: Demo) -> None:
    """Every step fits 320 px; the language is the browser's."""
    narrow = {"locale": "en-GB", "viewport": {"width": 320, "height": 640}}
    with visiting(browser, demo, None, **narrow) as page:
        page.goto(demo.url)
        expect(page.get_by_role("heading", level=1)).to_have_text("Who are you?")
        fits(page)
        sign_in(page, "administrator")
        expect(page.locator(".who")).to_contain_text("Administrator, Solvik kommune")
        fits(page)
        page.goto(f"{demo.url}/sign-in/callback?state=x")
        expect(page.get_by_role("heading", level=1)).to_have_text("You are not signed in")
        fits(page)
        page.goto(f"{demo.url}/act-as")
        expect(page.get_by_role("heading", level=1)).to_have_text("As whom are you here?")
        fits(page)
        page.get_by_role("button", name="Menu").click()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(f"{demo.url}/signed-out")
        expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
        fits(page)


def fits(page: Page) -> None:
    """Nothing sticks out."""
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("scripts", [True, False])
def test_the_top_is_one_line_with_a_menu(browser: Browser, demo: Demo, scripts: bool) -> None:
    """On a telephone, who one is stays to be seen; the keyboard opens the menu and leaves it. Paper has none of it."""
    narrow = {"viewport": {"width": 360, "height": 740}, "java_script_enabled": scripts}
    with visiting(browser, demo, "coordinator", **narrow) as page:
        top, menu = page.locator("header"), page.get_by_role("button", name="Meny")
        expect(top).to_contain_text("Koordinator, Solvik kommune")
        box = top.bounding_box()
        assert box is not None
        assert box["height"] <= 64
        place = page.get_by_role("link", name="Arbeidsliste")
        expect(place).to_be_hidden()
        menu.focus()
        page.keyboard.press("Enter")
        expect(place).to_be_visible()
        page.keyboard.press("Escape")
        expect(place).to_be_hidden()
        expect(menu).to_be_focused()
        page.keyboard.press("Enter")
        place.click()
        page.wait_for_url("**/worklist")
        page.set_viewport_size({"width": 1280, "height": 740})
        expect(menu).to_be_hidden()
        expect(place).to_be_visible()
        page.emulate_media(media="print")
        expect(top).to_be_hidden()


def test_without_scripts(browser: Browser, demo: Demo) -> None:
    """Signing in, reading and signing out need none."""
    with visiting(browser, demo, "gp", java_script_enabled=False) as page:
        on_patient(page)
        page.get_by_role("button", name="Logg ut").click()
        page.wait_for_url(f"{demo.url}/signed-out")


def test_the_api_of_the_demo_stays_open(demo: Demo) -> None:
    """README's commands go on to work."""
    answer = httpx.get(f"{demo.url}/fhir/Encounter", trust_env=False)
    assert answer.json()["total"] > 0
    shown = programs.run("timeline", NUMBER, "--url", demo.url)
    assert shown.returncode == 0
