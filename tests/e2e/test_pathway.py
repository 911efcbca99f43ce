"""One's own page, as the demo's patient and her daughter use it, with a real browser."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e import axe
from tests.e2e.test_accessibility import CHOSEN
from tests.e2e.test_picture import SHOTS
from tests.e2e.test_sign_in import Demo, visiting
from tests.e2e.test_sign_in import browser as browser  # noqa: PLC0414 -- a fixture
from tests.e2e.test_sign_in import demo as demo  # noqa: PLC0414 -- a fixture

HOSTILE = "<script>alert(1)</script> \"'&#x27; \u202e{{7*7}} <img src=x onerror=alert(2)>"


def do(page: Page, name: str) -> None:
    """To a form, from one's own page."""
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def relative(page: Page) -> None:
    """The daughter, on her mother's page."""
    page.get_by_role("link", name="Solveig Bråten").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Solveig Bråten")


def test_what_comes_whom_to_call_and_who_has_looked(browser: Browser, demo: Demo) -> None:
    """The first page after sign-in; numbers can be called, and nothing is told in codes."""
    with visiting(browser, demo, "patient") as page:
        expect(page.get_by_role("heading", level=1)).to_have_text("Hei, Solveig")
        first = page.locator("section", has=page.locator("#next"))
        expect(first).to_contain_text("Time: Lungerehabilitering")
        expect(first).to_contain_text("Bjørkelia sykehus, lungemedisinsk sengepost")
        call = page.locator("section", has=page.locator("#call"))
        expect(call.locator("a").first).to_have_attribute("href", re.compile(r"tel:\d+"))
        page.locator("#closed > summary").click()
        page.get_by_text("Hva det koster, og hvordan du klager").first.click()
        expect(page.locator("#closed")).to_contain_text("Det er gratis å være innlagt")
        expect(page.locator("#closed")).to_contain_text("§§ 7-2 og 7-5")
        page.get_by_role("link", name="Se listen").click()
        expect(page.locator(".own-log")).to_contain_text("Begrunnelse:")
        expect(page.locator(".own-log")).not_to_contain_text("Solveig Bråten så på")


def test_a_question_is_sent_once_and_told_when_it_is_answered(browser: Browser, demo: Demo) -> None:
    """What is wrong stands beside its field; hostile words are words; to press twice sends it once."""
    with visiting(browser, demo, "patient") as page:
        do(page, "Still et spørsmål")
        page.get_by_role("button", name="Send spørsmålet").click()
        expect(page.get_by_role("alert")).to_contain_text("Noe må rettes")
        expect(page.locator("#text-problem")).to_have_text("Dette må fylles ut.")
        page.locator("#text").fill(HOSTILE)
        page.get_by_role("button", name="Send spørsmålet").dblclick()
        expect(page.locator("#done")).to_contain_text("Solvik kommune, koordinerende enhet")
        expect(page.locator("#done")).to_contain_text("Du får svar senest")
        expect(page.locator(".own-words", has_text="alert(1)")).to_have_count(1)
        assert page.locator("main script, main img").count() == 0


def test_with_the_keyboard_alone_and_without_scripts(browser: Browser, demo: Demo) -> None:
    """In English, on a narrow telephone: a proposal, from the page to its confirmation."""
    narrow = {"locale": "en-GB", "viewport": {"width": 320, "height": 640}}
    with visiting(browser, demo, "patient", java_script_enabled=False, **narrow) as page:
        expect(page.get_by_role("heading", level=1)).to_have_text("Hello, Solveig")
        page.get_by_role("link", name="Propose something that may help").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Propose something that may help")
        page.locator("#title").focus()
        page.keyboard.type("A ramp")
        page.keyboard.press("Tab")
        page.keyboard.type("The steps are steep.")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#done")).to_contain_text("The proposal has been sent to")
        expect(page.locator("section", has=page.locator("#promised"))).to_contain_text("A ramp")


def test_a_consent_that_is_withdrawn_ends_what_the_relative_sees(
    browser: Browser, demo: Demo
) -> None:
    """Within seconds, on the page that is open; she may still ask; given anew, she sees it again."""
    with visiting(browser, demo, "relative") as hers, visiting(browser, demo, "patient") as page:
        relative(hers)
        expect(hers.locator("main")).not_to_contain_text("Hvem får vite?")
        page.get_by_role("link", name="Trekk tilbake: Kristin Bråten").click()
        page.get_by_role("button", name="Trekk tilbake").click()
        expect(page.locator("#done")).to_contain_text("Trukket tilbake. Det gjelder fra nå")
        expect(page.locator("main")).to_contain_text("Får ikke vite noe")
        gone = "Denne siden finnes ikke, eller du kan ikke se den lenger"
        expect(hers.get_by_role("heading", level=1)).to_have_text(gone, timeout=15_000)
        assert "Solveig" not in hers.content()
        hers.goto(f"{demo.url}/")
        expect(hers.locator("main")).to_contain_text("Vi har ikke fått noe om deg ennå")
        do(page, "La noen få vite")
        page.locator("#whom").select_option(label="Kristin Bråten")
        page.get_by_label("henvisninger og behandling").check()
        page.get_by_label("hvem du er").check()
        page.get_by_role("button", name="Si ja").click()
        expect(page.locator("main")).to_contain_text("henvisninger og behandling, hvem du er")
        hers.goto(f"{demo.url}/")
        relative(hers)
        expect(hers.locator("main")).to_contain_text("Lungerehabilitering")
        expect(hers.locator("main")).not_to_contain_text("Marit Aas")


def test_a_form_of_another_site_sends_nothing(browser: Browser, demo: Demo) -> None:
    """In the name of who is signed in."""
    with visiting(browser, demo, "patient") as page:
        there = page.url
        page.goto("data:text/html,<title>elsewhere</title>")
        page.set_content(
            f"<form method=post action='{there}/do/inquiry'><input name=text value=x>"
            "<button>x</button></form>"
        )
        page.get_by_role("button").click()
        page.wait_for_url(f"{there}/do/inquiry")
        expect(page.locator("body")).not_to_contain_text("Solveig")


def test_people_at_work_have_no_such_page(browser: Browser, demo: Demo) -> None:
    """It is for who is there for themselves."""
    with visiting(browser, demo, "nurse") as page:
        answer = page.goto(f"{demo.url}/pathway")
        assert answer is not None
        assert answer.status == 403


def open_(page: Page) -> None:
    """The page with everything unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")


def wrong(page: Page) -> None:
    """A form that cannot be sent as it is."""
    page.goto(f"{page.url}/do/relative-registered")
    page.locator(".own-form button").click()
    expect(page.get_by_role("alert")).to_be_visible()


def consent(page: Page) -> None:
    """A form with choices."""
    page.goto(f"{page.url}/do/consent-given")


def looked(page: Page) -> None:
    """Who has looked."""
    page.goto(f"{page.url}/log")


@pytest.mark.parametrize(("language", "scheme", "width"), CHOSEN)
def test_axe_finds_nothing(
    browser: Browser, demo: Demo, language: str, scheme: str, width: int
) -> None:
    """On one's own page, its forms and its list; nothing sticks out."""
    look = {"locale": language, "color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    with visiting(browser, demo, "patient", **look) as page:
        expect(page.locator("#call")).to_be_visible()
        address = page.url
        SHOTS.mkdir(exist_ok=True)
        for view in (open_, wrong, consent, looked):
            page.goto(address)
            view(page)
            shot = f"own-{view.__name__.strip('_')}-{language[:2]}-{scheme}-{width}.png"
            page.screenshot(path=SHOTS / shot, full_page=True)
            assert axe.violations(page) == [], view
            assert page.evaluate("document.documentElement.scrollWidth") <= width, view
