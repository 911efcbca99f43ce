"""One's own page in a real browser: what was decided, what is late, what a child sees; and a sign-in that has ended."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e import axe, townsfolk
from tests.e2e.test_picture import SHOTS
from tests.e2e.test_sign_in import Demo, visiting
from tests.e2e.test_sign_in import browser as browser  # noqa: PLC0414 -- a fixture

NAMES = {one.key: one.name for one in townsfolk.PERSONS}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Where they all live."""
    with townsfolk.town(tmp_path_factory.mktemp("town")) as town:
        yield town


@contextmanager
def at_home(browser: Browser, town: Demo, who: str, **options: object) -> Iterator[Page]:
    """Somebody signed in, on the first page they see."""
    with visiting(browser, town, None, **options) as page:
        page.goto(town.url)
        page.get_by_role("button", name=NAMES[who]).click()
        page.wait_for_url(f"{town.url}/pathway**")
        yield page


def unfolded(page: Page) -> None:
    """Everything that can be unfolded, as a reader without script does it."""
    for one in page.locator("main summary").all():
        if one.is_visible():
            one.click()


DECIDED = {
    "Søknad: Trygghetsalarm": ("innvilget", "Det skal stå i vedtaket", None),
    "Søknad: Støttekontakt": ("delvis", "Det skal stå i vedtaket", "Fire timer i uken"),
    "Søknad: Omsorgsbolig": ("avslått", "ingenting å betale", "Hjelpen kan gis hjemme."),
}
"""A matter: how it stands, what it costs, and why it was decided so."""


def test_a_decision_says_why_what_it_costs_and_how_to_complain(
    browser: Browser, town: Demo
) -> None:
    """Without script: granted, partly and refused; until when one can complain, and a form that does."""
    with at_home(browser, town, "kari", java_script_enabled=False) as page:
        unfolded(page)
        for name, (status, cost, why) in DECIDED.items():
            one = page.locator("main li", has=page.get_by_role("heading", name=name, exact=True))
            expect(one).to_contain_text(status)
            expect(one).to_contain_text(cost)
            expect(one).to_contain_text("Siste frist for å klage:")
            expect(one).to_contain_text("§§ 7-2 og 7-5")
            if why:
                expect(one).to_contain_text(why)
        stay = page.locator("main li", has=page.get_by_role("heading", name="Opphold"))
        expect(stay.first).to_contain_text("egenandel for hvert døgn")
        expect(stay.first).to_contain_text("Kilde: forskrift om egenandel")
        refused = page.locator(
            "main li", has=page.get_by_role("heading", name="Søknad: Omsorgsbolig")
        )
        refused.get_by_role("link", name="Klag på et vedtak").click()
        expect(page.locator("#matter")).to_have_count(1)
        assert "Omsorgsbolig" in page.locator("#matter option:checked").inner_text()


def test_what_is_late_and_what_was_put_off(browser: Browser, town: Demo) -> None:
    """What is late stands first, with whom to call; what was put off says from when, and why."""
    with at_home(browser, town, "kari") as page:
        expect(page.locator(".own-late-first")).to_contain_text("Noe er forsinket: 1")
        promised = page.locator("section", has=page.locator("#promised"))
        first = promised.locator("li").first
        expect(first).to_contain_text("Forsinket")
        expect(first).to_contain_text("Rekkverk")
        expect(first).to_contain_text("Ansvarlig: Solvik kommune, hjemmesykepleien")
        expect(first.locator("a[href^='tel:']")).to_have_count(1)
        moved = promised.locator("li", has_text="Rampe")
        expect(moved).to_contain_text("Utsatt")
        expect(moved).to_contain_text("Det var først lovet")
        expect(moved).to_contain_text("Snekkeren er syk.")


def test_a_child_reads_of_itself(browser: Browser, town: Demo) -> None:
    """In words for a child; it asks, and decides nothing; its mother finds it in her list."""
    with at_home(browser, town, "bo") as page:
        expect(page.get_by_role("heading", level=1)).to_have_text("Hei, Bo")
        expect(page.locator("main")).to_contain_text("Her ser du hvem som hjelper deg")
        expect(page.get_by_role("heading", name="De som hjelper deg")).to_be_visible()
        expect(page.locator("main")).to_contain_text("Marit Aas")
        expect(page.locator("a.own-act")).to_have_text(["Still et spørsmål"])
        expect(page.locator("main")).not_to_contain_text("Hvem får vite?")
    with at_home(browser, town, "mother") as page:
        page.get_by_role("link", name="Bo Nordmann").click()
        expect(page.locator("main")).to_contain_text("Du er forelder eller verge")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_sign_in_that_has_ended_loses_nothing(
    browser: Browser, town: Demo, *, scripts: bool
) -> None:
    """What was typed waits on the page; signed in again beside it, it is sent, once."""
    said = f"Linje en <b>& to</b>, {scripts}"
    with at_home(browser, town, "kari", java_script_enabled=scripts) as page:
        page.get_by_role("link", name="Still et spørsmål").first.click()
        page.locator("#text").fill(said)
        page.context.clear_cookies()
        page.get_by_role("button", name="Send spørsmålet").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Du er logget ut")
        page.locator("main summary").click()
        expect(page.locator("main")).to_contain_text(said)
        with page.context.expect_page() as opened:
            page.get_by_role("link", name="Logg inn").click()
        opened.value.get_by_role("button", name=NAMES["kari"]).click()
        opened.value.wait_for_url(f"{town.url}/pathway/*")
        page.get_by_role("button", name="Send på nytt").click()
        expect(page.locator("#done")).to_contain_text("Spørsmålet er sendt")
        expect(page.locator(".own-words", has_text=said)).to_have_count(1)


def test_what_one_sent_is_taken_back(browser: Browser, town: Demo) -> None:
    """From what is said of it; it is a question no more, and to press twice does it once."""
    with at_home(browser, town, "kari") as page:
        page.get_by_role("link", name="Still et spørsmål").first.click()
        page.locator("#text").fill("Glem dette")
        page.get_by_role("button", name="Send spørsmålet").click()
        expect(page.locator(".own-words", has_text="Glem dette")).to_have_count(1)
        page.get_by_text("Vil du trekke det tilbake?").click()
        page.get_by_role("button", name="Trekk tilbake").dblclick()
        expect(page.locator("#done")).to_contain_text("Trukket tilbake.")
        expect(page.locator(".own-words", has_text="Glem dette")).to_have_count(0)


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1280)])
@pytest.mark.parametrize("who", ["kari", "bo"])
def test_axe_finds_nothing(browser: Browser, town: Demo, who: str, scheme: str, width: int) -> None:
    """With decisions, what is late, and a child's; nothing sticks out."""
    look = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    with at_home(browser, town, who, **look) as page:
        expect(page.locator("#call")).to_be_visible()
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        SHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SHOTS / f"own-{who}-{scheme}-{width}.png", full_page=True)
        assert axe.violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
