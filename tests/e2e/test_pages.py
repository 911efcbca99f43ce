"""The pages in a real browser: live, without JavaScript, narrow, dark, in both languages."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import orjson
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from carepath.cli.demo import people
from carepath.cli.demo.story import Step, latest_saturday, story
from fhir_mappings import outbound
from pathways.facts import ReportFacts
from tests.e2e import programs
from tests.e2e.programs import Running
from tests.servers import free_port, requirement

STEPS = {step.name: step for step in story(latest_saturday(datetime.now(UTC).date()))}
NUMBER = people.PATIENT.identifiers[0].value


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    program = shutil.which("chromium")
    requirement("Chromium", program, "Debian: apt install chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that knows the night, the admission and its correction."""
    folder = tmp_path_factory.mktemp("pages")
    with programs.serving(folder, free_port()) as running:
        programs.run(
            "org", "import", str(people.PARTIES_FILE), "--database-url", running.database_url
        )
        for name in ("choice", "redirect", "confirmed", "admission", "correction"):
            send(running, STEPS[name])
        yield running


def send(running: Running, step: Step) -> None:
    """One message, taken in."""
    source = orjson.dumps(outbound.write(step.message, base_url=f"{running.url}/fhir"))
    response = httpx.post(
        f"{running.url}/fhir/$process-message",
        content=source,
        headers={"Content-Type": "application/fhir+json"},
        trust_env=False,
    )
    assert response.is_success, response.text


def found(page: Page, server: Running) -> None:
    """On the patient's page, by way of the search form."""
    page.goto(server.url)
    page.get_by_role("textbox").fill(NUMBER)
    page.get_by_role("button", name=re.compile("Finn|Find")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Solveig Bråten")


def test_a_patient_is_found_without_a_number_in_any_address(
    browser: Browser, server: Running
) -> None:
    """By a form that is posted; the list leads there too."""
    page = browser.new_page(locale="nb-NO")
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    found(page, server)
    assert addresses
    assert not [address for address in addresses if NUMBER in address]
    page.get_by_role("link", name="Alle pasienter").click()
    page.get_by_role("link", name="Solveig Bråten").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Solveig Bråten")


def test_an_unknown_number_is_told_on_the_page(browser: Browser, server: Running) -> None:
    """And the number is not repeated."""
    page = browser.new_page(locale="en")
    page.goto(server.url)
    page.get_by_label("National number or another identifier").fill("00000000000")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("alert")).to_have_text("No patient has this identifier.")
    assert "00000000000" not in page.content()


def test_what_was_corrected_is_struck_out(browser: Browser, server: Running) -> None:
    """The old value stays, and leads to what replaced it."""
    page = browser.new_page(locale="nb-NO")
    found(page, server)
    old = page.locator(".list li.replaced")
    expect(old.locator("s")).to_have_text("Innlagt ved Lungemedisinsk sengepost")
    target = old.get_by_role("link", name="erstattet av en retting").get_attribute("href")
    new = page.locator(f'[id="{(target or "")[1:]}"]')
    expect(new).to_contain_text("Retting: Innlagt ved Observasjonsposten")


def test_the_page_is_whole_without_javascript(browser: Browser, server: Running) -> None:
    """Reading and searching need none; English is asked for by the browser."""
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    found(page, server)
    expect(page.locator("ol.timeline > li")).to_have_count(5)
    told = page.locator(".what", has_text="Hospital chosen: Slagen sykehus, akuttmottaket")
    expect(told).to_be_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_narrow_screen_in_the_dark(
    browser: Browser, server: Running, scheme: str
) -> None:
    """320 px wide, nothing sticks out; the ground follows the reader's choice."""
    context = browser.new_context(
        viewport={"width": 320, "height": 640},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    found(page, server)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") is (scheme == "light")
    context.close()


def test_nothing_breaks_the_content_policy(browser: Browser, server: Running) -> None:
    """No inline script or style, nothing from elsewhere, no error in the console."""
    page = browser.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(server.url)
    page.get_by_role("link", name="Solveig Bråten").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Solveig Bråten")
    assert problems == []
    policy = httpx.get(server.url, trust_env=False).headers["Content-Security-Policy"]
    assert "unsafe" not in policy


def test_a_bad_time_and_an_unknown_patient_have_pages_of_their_own(server: Running) -> None:
    """400 and 404, in words."""
    listed = httpx.get(server.url, trust_env=False).text
    path = re.findall(r'href="(/patients/[^"]+)"', listed)[0]
    assert httpx.get(f"{server.url}{path}?asOf=soon", trust_env=False).status_code == 400
    assert httpx.get(f"{server.url}/patients/unknown", trust_env=False).status_code == 404
    before = httpx.get(f"{server.url}{path}?asOf=2020-01-01T00:00", trust_env=False)
    assert before.status_code == 200
    assert "Ingen hendelser ennå." in before.text


def test_what_is_new_comes_by_itself(browser: Browser, server: Running) -> None:
    """Without a reload, and told to who cannot see it; markup a sender wrote is shown as text."""
    page = browser.new_page(locale="nb-NO")
    found(page, server)
    shown = page.locator("ol.timeline > li")
    count = shown.count()
    step = STEPS["home-report"]
    facts = ReportFacts(title="<img src=x onerror=alert(1)>", text="x")
    send(server, replace(step, message=replace(step.message, facts=facts)))
    expect(shown).to_have_count(count + 1)
    expect(page.get_by_role("status")).to_have_text("Tidslinjen er oppdatert.")
    told = page.locator(".what", has_text="Innleggelsesrapport: <img src=x onerror=alert(1)>")
    expect(told).to_be_visible()
