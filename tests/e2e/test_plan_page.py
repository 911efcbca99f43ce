"""A plan from each chair: made, read within one's rights, changed by two at once without a lost word."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_sign_in import Demo, on_patient, visiting
from tests.e2e.test_sign_in import browser as browser  # noqa: PLC0414 -- a fixture
from tests.e2e.test_sign_in import demo as demo  # noqa: PLC0414 -- a fixture

HOSTILE = "Gå til <script>alert(1)</script> Coop & hjem"
GOAL = "Handle selv hver uke"


def on_plan(page: Page) -> None:
    """From the list to the patient's plan."""
    on_patient(page)
    page.get_by_role("link", name="Planen", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Planen")


def press(page: Page, name: str) -> None:
    """A button that leads on."""
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).click()


def follow(page: Page, name: str) -> None:
    """A link that leads on."""
    with page.expect_navigation():
        page.get_by_role("link", name=name, exact=True).first.click()


def fill(page: Page, **fields: str) -> None:
    """Fields by their names; ``__`` stands for a hyphen."""
    for name, text in fields.items():
        page.locator(f'[name="{name.replace("__", "-")}"]').fill(text)


@pytest.fixture(scope="module")
def planned(browser: Browser, demo: Demo) -> Demo:
    """The coordinator has made a plan with the ward in it, without script."""
    with visiting(browser, demo, "coordinator", java_script_enabled=False) as page:
        on_plan(page)
        follow(page, "Lag en plan")
        fill(
            page,
            title="Plan for Solveig",
            goals__0__text=HOSTILE,
            participants__0__name="Jonas Vik",
        )
        fill(page, participants__0__party="Bjørkelia sykehus, lungemedisinsk sengepost")
        press(page, "Legg til en til: Mål")
        fill(page, goals__1__text=GOAL, goals__1__by="2027-03-01")
        press(page, "Send")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sendt.")
        expect(page.locator("main")).to_contain_text("lungemedisinsk sengepost")
    return demo


def test_those_who_take_part_read_it(browser: Browser, planned: Demo) -> None:
    """Goals, people, and that what somebody wrote is text; who has no part sees no plan."""
    with visiting(browser, planned, "nurse") as page:
        on_plan(page)
        plan = page.locator("article.plan").first
        expect(plan.get_by_role("heading", level=2)).to_contain_text("Plan for Solveig")
        expect(plan).to_contain_text(HOSTILE)
        expect(plan).to_contain_text(f"{GOAL}, innen 1. mars 2027")
        expect(page.get_by_role("link", name="Endre planen")).to_have_count(1)
        address = page.url
    with visiting(browser, planned, "legevakt") as page:
        on_plan(page)
        expect(page.locator("main")).not_to_contain_text("Plan for Solveig")
    with visiting(browser, planned, "patient") as page:
        page.goto(address)
        expect(page.locator("main")).to_contain_text("Plan for Solveig")
        expect(page.get_by_role("link", name="Endre planen")).to_have_count(0)


def test_a_measure_is_proposed_promised_and_done_from_the_page(
    browser: Browser, planned: Demo
) -> None:
    """By who takes part, and by whose it is."""
    _proposed(browser, planned)
    with visiting(browser, planned, "coordinator") as page:
        _promised(page)
        with page.expect_navigation():
            page.locator(".steps > li", has_text="Rekkverk").get_by_role(
                "link", name="Utført"
            ).click()
        press(page, "Send")
        follow(page, "Planen")
        expect(page.locator(".steps > li", has_text="Rekkverk")).to_contain_text("fullført")


def _proposed(browser: Browser, planned: Demo) -> None:
    """By the keyboard; what is missing is told beside its field, and what was typed stays."""
    with visiting(browser, planned, "nurse") as page:
        on_plan(page)
        follow(page, "Foreslå et tiltak")
        fill(page, note="Trapp uten rekkverk")
        page.locator('[name="note"]').press("Tab")
        press(page, "Send")
        expect(page.locator("#title-problem")).to_have_text("Fyll ut dette.")
        expect(page.locator('[name="note"]')).to_have_value("Trapp uten rekkverk")
        fill(page, title="Rekkverk", owner="Solvik kommune, hjemmesykepleien")
        page.locator('[name="title"]').press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sendt.")


def _promised(page: Page) -> None:
    """What is known of it stands in the form; what cannot be is told beside its field."""
    on_plan(page)
    measure = page.locator(".steps > li", has_text="Rekkverk")
    expect(measure).to_contain_text("foreslått")
    with page.expect_navigation():
        measure.get_by_role("link", name="Lov det").click()
    expect(page.locator('[name="title"]')).to_have_value("Rekkverk")
    fill(page, due="2020-01-01")
    press(page, "Send")
    expect(page.locator("#due-problem")).to_contain_text("Fristen er før tiltaket loves")
    fill(page, due="2030-01-01", owner_name="Marit Aas")
    press(page, "Send")
    follow(page, "Planen")
    row = page.locator("article.plan tbody tr", has_text="Rekkverk")
    expect(row).to_contain_text("Marit Aas")
    expect(row).to_contain_text("lovet")


def test_a_meeting_is_summoned_and_answered(browser: Browser, planned: Demo) -> None:
    """With a room on video; who is summoned says whether they come."""
    with visiting(browser, planned, "coordinator") as page:
        on_plan(page)
        follow(page, "Kall inn til møte")
        page.locator('[name="meeting"]').select_option("restart")
        fill(page, begins="2030-02-01", place="Rådhuset", link="https://video.example/rom")
        page.locator('[name="begins-time"]').fill("10:00")
        fill(page, summoned__0="Bjørkelia sykehus, lungemedisinsk sengepost")
        press(page, "Send")
        follow(page, "Planen")
        expect(page.locator("#content")).to_contain_text("har ikke svart")
    with visiting(browser, planned, "nurse") as page:
        on_plan(page)
        expect(page.get_by_role("link", name="Åpne videomøtet")).to_have_attribute(
            "href", "https://video.example/rom"
        )
        follow(page, "Svar på innkallingen")
        page.locator('[name="accepts"]').select_option("yes")
        press(page, "Send")
        follow(page, "Planen")
        expect(page.locator("#content")).to_contain_text("lungemedisinsk sengepost: kommer")


def test_two_change_it_at_once_and_nobody_loses_a_word(browser: Browser, planned: Demo) -> None:
    """What both touched is chosen by the second, who sees both; the rest of both stands."""
    with (
        visiting(browser, planned, "coordinator") as first,
        visiting(browser, planned, "nurse", java_script_enabled=False) as second,
    ):
        for page in (first, second):
            on_plan(page)
            follow(page, "Endre planen")
        fill(first, goals__1__text="Handle selv annenhver uke", note="Ring datteren først")
        press(first, "Lagre endringene")
        expect(first.locator("article.plan").first).to_contain_text("annenhver uke")

        fill(second, goals__1__text="Handle sammen med noen", coordinator="Marit Aas")
        press(second, "Lagre endringene")
        expect(second.get_by_role("alert")).to_contain_text("Ingenting er gått tapt")
        clash = second.locator("fieldset.clash")
        expect(clash).to_have_count(1)
        expect(clash).to_contain_text("Marit Aas, Solvik kommune, hjemmesykepleien")
        expect(clash).to_contain_text("Handle selv annenhver uke")
        expect(second.locator('[name="goals-1-text"]')).to_have_value("Handle sammen med noen")
        expect(second.locator('[name="note"]')).to_have_value("Ring datteren først")

        press(second, "Lagre endringene")
        expect(second.locator("fieldset.clash")).to_contain_text("Velg hva som skal gjelde.")
        second.locator('[name="use-goals-1"][value="mine"]').check()
        press(second, "Lagre endringene")
        plan = second.locator("article.plan").first
        for said in ("Handle sammen med noen", "Ring datteren først", "Koordinator: Marit Aas"):
            expect(plan).to_contain_text(said)
        versions = second.locator("details.versions")
        versions.locator("summary").click()
        expect(versions.locator("del")).to_contain_text(["Handle selv annenhver uke"])


def test_what_was_refused_is_put_right_and_kept(browser: Browser, planned: Demo) -> None:
    """The same form, sent again, is not taken for one that was sent before."""
    with visiting(browser, planned, "coordinator", java_script_enabled=False) as page:
        on_plan(page)
        follow(page, "Endre planen")
        fill(page, begins="2027-03-05", ends="2027-03-01", note="Ring først")
        press(page, "Lagre endringene")
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.locator('[name="note"]')).to_have_value("Ring først")
        fill(page, ends="2027-03-09")
        press(page, "Lagre endringene")
        expect(page.get_by_role("status").first).to_have_text("Planen er endret.")
        plan = page.locator("article.plan").first
        for said in ("Ring først", "5. mars 2027", "9. mars 2027"):
            expect(plan).to_contain_text(said)


def test_what_it_says_can_be_emptied(browser: Browser, planned: Demo) -> None:
    """A list, a text and a date: whoever reads it afterwards sees none."""
    with visiting(browser, planned, "coordinator") as page:
        on_plan(page)
        follow(page, "Endre planen")
        for field in page.locator('[name^="goals-"]').all():
            field.fill("")
        fill(page, note="", ends="")
        press(page, "Lagre endringene")
        plan = page.locator("article.plan").first
        expect(plan).to_contain_text("Ingen mål er satt.")
        expect(plan.locator("> .note")).to_have_count(0)
        expect(plan.locator("> .quiet")).not_to_contain_text("9. mars 2027")


def test_who_may_not_change_it_is_told(browser: Browser, planned: Demo) -> None:
    """Its address gives nothing to who takes no part."""
    with visiting(browser, planned, "coordinator") as page:
        on_plan(page)
        follow(page, "Endre planen")
        address = page.url
        assert not re.search(r"\d{11}", address)
    with visiting(browser, planned, "patient") as page:
        answer = page.goto(address)
        assert answer is not None
        assert answer.status in (403, 404)
