"""The picture of the timeline in a real browser: it agrees with the list, and does without script, mouse and width."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from carepath.cli.demo.story import Step
from pathways.facts import Facts, InquiryFacts, MeasureFacts, StayFacts
from pathways.messages import Author
from tests.e2e import programs, staging
from tests.e2e.programs import Running
from tests.e2e.test_pages import browser as browser  # noqa: PLC0414 -- a fixture
from tests.e2e.test_pages import send
from tests.servers import free_port

SHOTS = Path(__file__).parents[2] / ".shots"
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'&{{7*7}}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server whose patient is in hospital, on the story's second weekend."""
    folder = tmp_path_factory.mktemp("picture")
    staging.seed(folder, staging.running(staging.now()))
    with programs.serving(folder, free_port()) as running:
        yield running


@pytest.fixture(scope="module")
def path(server: Running) -> str:
    """The patient's page."""
    (found,) = re.findall(r'href="(/patients/[^"]+)"', httpx.get(server.url, trust_env=False).text)
    return str(found)


@pytest.fixture
def plain(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without script."""
    with browser.new_context(java_script_enabled=False, locale="nb-NO") as context:
        yield context


def drawn(page: Page) -> list[str]:
    """The ids of the entries that the picture has, mark by mark."""
    marks = page.locator(".picture a[data-entries]")
    told: list[str] = marks.evaluate_all("all => all.map(one => one.dataset.entries)")
    return [id_ for ids in told for id_ in ids.split()]


def listed(page: Page) -> list[str]:
    """Those that the list has, its folded months too."""
    ids: list[str] = page.locator("ol.timeline > li").evaluate_all("all => all.map(one => one.id)")
    return ids


@pytest.mark.parametrize("zoom", ["Alt", "Måned", "Uke", "Døgn", "6 timer"])
def test_picture_and_list_agree(
    plain: BrowserContext, server: Running, path: str, zoom: str
) -> None:
    """At every zoom, each entry once, in both; all of them where all is shown. Links are enough."""
    page = plain.new_page()
    page.goto(server.url + path)
    every = listed(page)
    page.get_by_role("navigation").get_by_role("link", name=zoom, exact=True).click()
    expect(page.locator(".zoom [aria-current]")).to_have_text(zoom)
    shown = listed(page)
    assert sorted(drawn(page)) == sorted(shown)
    assert len(shown) == len(set(shown))
    assert set(shown) <= set(every)
    assert (len(shown) == len(every)) is (zoom in ("Alt", "Måned"))


def test_a_mark_leads_to_its_entry_and_several_to_where_they_are_apart(
    plain: BrowserContext, server: Running, path: str
) -> None:
    """Overview first, details on demand."""
    page = plain.new_page()
    page.goto(server.url + path)
    alone = page.locator('.picture a[data-entries][href^="#"]').first
    id_ = alone.get_attribute("data-entries")
    alone.focus()
    page.keyboard.press("Enter")
    expect(page.locator("ol.timeline > li:target")).to_have_id(id_ or "")
    several = page.locator(".picture a[data-entries][href^='?']").first
    wanted = (several.get_attribute("data-entries") or "").split()
    several.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**from=**")
    assert set(wanted) <= {*drawn(page)}
    assert len(wanted) > 1
    assert page.locator(".strip-of-time .frame").count() == 1


def test_what_is_overdue_and_who_has_her_are_on_the_first_screen(
    browser: Browser, server: Running, path: str
) -> None:
    """With the telephone, and late promises reach to now."""
    page = browser.new_page(locale="nb-NO", viewport={"width": 1280, "height": 800})
    page.goto(server.url + path)
    card = page.locator("section.card", has_text="Har ansvaret nå")
    expect(card).to_contain_text("Bjørkelia sykehus, lungemedisinsk sengepost")
    expect(card.get_by_role("link", name="80 00 02 14")).to_be_in_viewport()
    late = page.locator("section.card.late")
    expect(late).to_be_in_viewport()
    late.get_by_role("link", name="Tiltak").click()
    expect(page.locator("li.late:target")).to_contain_text("over fristen")
    reaches = page.locator(".picture .owed.overdue .late").first.get_attribute("x2")
    now = page.locator(".picture .now").get_attribute("x1")
    assert reaches == now


def test_what_was_known_then(plain: BrowserContext, server: Running, path: str) -> None:
    """The slider's form without script: fewer entries, said plainly; now is a link away."""
    page = plain.new_page()
    page.goto(server.url + path)
    every = listed(page)
    slider = page.get_by_label("Hva visste vi da?")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    page.locator(".slide").get_by_role("button", name="Vis").click()
    expect(page.locator(".notice")).to_contain_text("Slik det var kjent")
    known = listed(page)
    assert 0 < len(known) < len(every)
    assert sorted(drawn(page)) == sorted(known)
    assert set(known) < set(every)
    page.get_by_role("link", name="Vis nå").click()
    expect(page.locator(".notice")).to_have_count(0)
    assert listed(page) == every


def test_the_slider_tells_where_it_stands_and_goes_there(
    browser: Browser, server: Running, path: str
) -> None:
    """With script, by the keyboard."""
    page = browser.new_page(locale="nb-NO")
    page.goto(server.url + path)
    before = page.locator("#step-at").inner_text()
    page.get_by_label("Hva visste vi da?").press("Home")
    page.wait_for_url("**asOf=**")
    assert page.locator("#step-at").inner_text() <= before
    expect(page.locator(".notice")).to_be_visible()
    assert len(listed(page)) < 5


def test_by_the_keyboard_alone(browser: Browser, server: Running) -> None:
    """From the address to what happened: skip link, search, patient, past the picture, to the list."""
    page = browser.new_page(locale="nb-NO")
    page.goto(server.url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Hopp til innholdet")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type(staging.NUMBER)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Solveig Bråten")
    skip = page.get_by_role("link", name="Hopp over bildet til listen")
    for _ in range(60):
        page.keyboard.press("Tab")
        if skip.evaluate("one => one === document.activeElement"):
            break
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Hendelser")).to_be_in_viewport()


@pytest.mark.parametrize("language", ["nb-NO", "en-GB"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_it_fits_and_is_kept_to_be_looked_at(
    browser: Browser, server: Running, path: str, language: str, scheme: str, width: int
) -> None:
    """Nothing but the picture itself scrolls sideways; no text is left in the other language."""
    context = browser.new_context(
        locale=language,
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    page.goto(server.url + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"patient-{language[:2]}-{scheme}-{width}.png")
    page.locator(".chart").screenshot(path=SHOTS / f"picture-{language[:2]}-{scheme}-{width}.png")
    expect(page.locator("html")).to_have_attribute("lang", language[:2])
    expect(page.locator(".picture .now-at")).to_have_text("nå" if language == "nb-NO" else "now")
    context.close()


def test_without_the_design_system_it_is_still_readable(
    browser: Browser, server: Running, path: str
) -> None:
    """A checkout without Node: our own stylesheet is enough."""
    page = browser.new_page(locale="nb-NO")
    page.route("**/static/design/**", lambda route: route.abort())
    page.goto(server.url + path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    ground = page.evaluate("getComputedStyle(document.querySelector('.bar')).fill")
    assert ground not in ("", "none", "rgb(0, 0, 0)")
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / "without-design.png")


def test_on_paper_there_is_the_picture_and_the_list(
    browser: Browser, server: Running, path: str
) -> None:
    """And nothing to press."""
    page = browser.new_page(locale="nb-NO")
    page.goto(server.url + path)
    page.emulate_media(media="print")
    expect(page.locator(".picture")).to_be_visible()
    expect(page.locator("ol.timeline").first).to_be_visible()
    expect(page.locator(".zoom")).to_be_hidden()
    expect(page.locator(".as-of")).to_be_hidden()


def test_hostile_names_and_texts_are_text(browser: Browser, server: Running) -> None:
    """In the picture, its tooltips, the cards and the list; nothing runs. News of it comes to a second window."""
    page = browser.new_page(locale="nb-NO")
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    steps = {step.name: step for step in staging.running(staging.now())}
    page.goto(server.url)
    page.get_by_role("link", name="Solveig Bråten").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Solveig Bråten")
    count = len(listed(page))
    for step in hostile(steps):
        send(server, step)
    expect(page.locator("ol.timeline > li")).to_have_count(count + 3)
    expect(page.get_by_role("status")).to_have_text("Tidslinjen er oppdatert.")
    assert page.locator("script:not([src]), main img").count() == 0
    assert "<script>alert(1)" in (page.locator("section.list").text_content() or "")
    assert "<script>alert(1)" in (page.locator("section.matters-section").text_content() or "")
    assert sorted(drawn(page)) == sorted(listed(page))
    assert problems == []


def hostile(steps: dict[str, Step]) -> Iterator[Step]:
    """A stay, a question and a promise whose every text is an attack."""
    facts: dict[str, Facts] = {
        "admission": StayFacts(ward=HOSTILE, begins=steps["admission"].message.happened),
        "question": InquiryFacts(topic=HOSTILE, text=HOSTILE),
        "promised": MeasureFacts(title=HOSTILE),
    }
    for name, said in facts.items():
        message = steps[name].message
        changed = replace(
            message,
            id=f"hostile-{name}",
            envelope=f"hostile-envelope-{name}",
            facts=said,
            keys=(),
            author=Author(HOSTILE, HOSTILE, HOSTILE),
            happened=replace(message.happened, at=message.happened.at + timedelta(hours=1)),
        )
        yield replace(steps[name], message=changed)


def test_bad_times_are_told(server: Running, path: str) -> None:
    """In words, as any other bad time is."""
    for query in (
        "from=x&to=y",
        "from=2026-03-02&to=2026-03-01",
        "step=x",
        "asOf=32",
        "from=0001-01-01&to=2026-01-01",
    ):
        answer = httpx.get(f"{server.url}{path}?{query}", trust_env=False)
        assert answer.status_code == 400, query
        assert "Tidspunktet kan ikke leses" in answer.text
    far = httpx.get(f"{server.url}{path}?from=0002-01-01&to=9998-12-31", trust_env=False)
    assert far.status_code == 200
    none = httpx.get(f"{server.url}{path}?from=2001-01-01&to=2001-01-02", trust_env=False)
    assert "Ingen hendelser i denne tiden." in none.text
    assert httpx.get(f"{server.url}{path}?step=100000", trust_env=False).status_code == 303
