"""Small units send by hand: two steps without script, what was typed is kept, the receipt says who is told."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e import programs, staging
from tests.e2e.programs import Running
from tests.e2e.test_pages import browser as browser  # noqa: PLC0414 -- a fixture
from tests.servers import PATIENCE, free_port

WARD = "Bjørkelia sykehus, lungemedisinsk sengepost"
HOME = "Solvik kommune, hjemmesykepleien"
HOSTILE = '"><img src=x onerror=alert(1)> & Åse'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """In open mode, in the middle of the story."""
    folder = tmp_path_factory.mktemp("send")
    staging.seed(folder, staging.running(staging.now()))
    with programs.serving(folder, free_port()) as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """In Norwegian, without script; what it complains of is a failure."""
    context = browser.new_context(locale="nb-NO", java_script_enabled=False)
    context.set_default_timeout(PATIENCE * 1000)
    yield context.new_page()
    context.close()


def press(page: Page, name: str) -> None:
    """A button that leads on."""
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).click()


def choose(page: Page, server: Running, number: str, event: str) -> None:
    """The first step."""
    page.goto(f"{server.url}/send")
    page.locator("#whom").fill(number)
    page.locator("#event").select_option(event)
    press(page, "Gå videre")


def test_an_event_is_sent_in_two_steps(page: Page, server: Running) -> None:
    """About a matter that is open; no number stands in any address, and the receipt says who is told."""
    choose(page, server, staging.NUMBER, "capacity-answer")
    assert not re.search(r"\d{11}", page.url)
    page.locator("#sender").fill("Solvik kommune, tildelingskontoret")
    page.locator("#matter").select_option(index=1)
    page.locator("#can_receive").select_option("yes")
    page.locator("#note").fill(HOSTILE)
    page.locator("#to-0").fill(WARD)
    press(page, "Send")
    assert not re.search(r"\d{11}", page.url)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sendt.")
    expect(page.locator("main")).to_contain_text(WARD)
    expect(page.locator("main")).to_contain_text(HOSTILE)
    assert page.locator("main img").count() == 0


def test_what_is_wrong_is_told_beside_its_field_and_what_was_typed_stays(
    page: Page, server: Running
) -> None:
    """In both steps."""
    choose(page, server, "12345678901", "")
    expect(page.locator("#whom-problem")).to_contain_text("elleve siffer")
    expect(page.locator("#event-problem")).to_have_text("Velg hva du vil fortelle.")
    expect(page.locator("#whom")).to_have_value("12345678901")
    page.locator("#whom").fill(staging.NUMBER)
    page.locator("#event").select_option("measure-promised")
    press(page, "Gå videre")
    page.locator("#title").fill(HOSTILE)
    page.locator("#owner").fill("Ingen kjenner oss")
    press(page, "Send")
    expect(page.get_by_role("alert")).to_contain_text("Noe må rettes")
    expect(page.locator("#sender-problem")).to_have_text("Fyll ut dette.")
    expect(page.locator("#owner-problem")).to_have_text("Velg en virksomhet fra listen.")
    expect(page.locator("#title")).to_have_value(HOSTILE)
    page.locator("#owner").fill(HOME)
    page.locator("#sender").fill(HOME)
    page.locator("#due").fill("2020-01-01")
    press(page, "Send")
    expect(page.locator("#due-problem")).to_contain_text("Fristen er før tiltaket loves")
    page.locator("#due").fill("2099-01-01")
    press(page, "Send")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sendt.")


def test_rows_are_added_without_script_and_read_as_rows(page: Page, server: Running) -> None:
    """Relatives, each with their roles."""
    choose(page, server, staging.NUMBER, "relative-registered")
    page.locator("#sender").fill(HOME)
    page.locator("#relatives-0-name").fill("Kristin Bråten")
    page.locator('[name="relatives-0-roles"][value="next-of-kin"]').check()
    press(page, "Legg til en til: Pårørende")
    expect(page.locator("#relatives-0-name")).to_have_value("Kristin Bråten")
    expect(page.locator('[name="relatives-0-roles"][value="next-of-kin"]')).to_be_checked()
    page.locator("#relatives-1-name").fill("Per Bråten")
    page.locator('[name="relatives-1-roles"][value="carer"]').check()
    press(page, "Send")
    for said in ("Kristin Bråten", "Per Bråten"):
        expect(page.locator("main")).to_contain_text(said)


def test_a_form_that_is_sent_twice_does_nothing_twice(page: Page, server: Running) -> None:
    """Its button was pressed twice, the second time upon other words: the receipt of the first, and that it is so."""
    choose(page, server, staging.NUMBER, "inquiry")
    hidden = page.locator('form.sheet input[type="hidden"]').all()
    told = {one.get_attribute("name") or "": one.input_value() for one in hidden}
    told |= {"act": "send", "sender": HOME}
    first = page.request.post(f"{server.url}/send", form={**told, "text": "Hvem følger henne?"})
    page.goto(first.url)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sendt.")
    second = page.request.post(f"{server.url}/send", form={**told, "text": "Noe annet"})
    page.goto(second.url)
    assert second.url.partition("?")[0] == first.url
    expect(page.get_by_role("status")).to_contain_text("Dette skjemaet er sendt før")
    expect(page.locator("main")).to_contain_text("Hvem følger henne?")
    expect(page.locator("main")).not_to_contain_text("Noe annet")


def promised(page: Page, server: Running) -> str:
    """The address of the receipt of a measure that was promised by hand, and told the ward."""
    choose(page, server, staging.NUMBER, "measure-promised")
    told = {"sender": HOME, "owner": HOME, "to-0": WARD, "note": HOSTILE}
    for name, text in (told | {"title": "Rullstol", "due": "2099-01-01"}).items():
        page.locator(f"#{name}").fill(text)
    press(page, "Send")
    return page.url


def test_what_was_sent_is_told_anew(page: Page, server: Running) -> None:
    """From its receipt: the form says what it said; whoever was told hears of it; the first holds no longer."""
    first = promised(page, server)
    page.get_by_role("link", name="Rett det du sendte").click()
    for name, text in {"title": "Rullstol", "note": HOSTILE, "owner": HOME}.items():
        expect(page.locator(f"#{name}")).to_have_value(text)
    page.locator("#title").fill("Rullestol")
    page.locator("#note").fill("")
    press(page, "Send")
    for said in ("Retting: ", "Rullestol", WARD):
        expect(page.locator("main")).to_contain_text(said)
    expect(page.locator("main")).not_to_contain_text(HOSTILE)
    page.goto(first)
    expect(page.locator("main")).to_contain_text("Dette gjelder ikke lenger")
    expect(page.get_by_role("link", name="Rett det du sendte")).to_have_count(0)
    answer = page.goto(f"{first}/correct")
    assert answer is not None
    assert answer.status == 404


def test_what_was_sent_is_taken_back(page: Page, server: Running) -> None:
    """Once: sent again, the receipt of the first is all there is; the plan says nothing of it any more."""
    first = promised(page, server)
    page.get_by_text("Trekk det tilbake").click()
    press(page, "Trekk tilbake")
    for said in ("Annullert: ", WARD):
        expect(page.locator("main")).to_contain_text(said)
    again = page.request.post(f"{first}/withdraw")
    assert again.url == f"{page.url}?again=1"
    page.goto(first)
    expect(page.locator("main")).to_contain_text("Dette gjelder ikke lenger")
    follow = page.get_by_role("link", name="Planen", exact=True).first
    with page.expect_navigation():
        follow.click()
    expect(page.locator("main")).not_to_contain_text("Rullstol")


def test_somebody_whom_nobody_has_heard_of(page: Page, server: Running) -> None:
    """A question about them goes where the rules say."""
    choose(page, server, "14857010184", "inquiry")
    expect(page.locator("main")).to_contain_text("som du ikke har opplysninger om her")
    page.locator("#sender").fill(HOME)
    page.locator("#text").fill("Bor hun hos dere?")
    page.locator("#to-0").fill("Solvik kommune, koordinerende enhet")
    press(page, "Send")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sendt.")


def test_by_the_keyboard_in_english_and_narrow(browser: Browser, server: Running) -> None:
    """Enter sends; nothing is wider than a phone; the first step leads from a patient's page."""
    context = browser.new_context(
        locale="en-GB", color_scheme="dark", viewport={"width": 320, "height": 700}
    )
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    page.goto(server.url)
    page.get_by_role("link", name="Solveig Bråten").click()
    page.locator("main").get_by_role("link", name="Send an event").click()
    expect(page.locator("main")).to_contain_text("About Solveig Bråten.")
    page.locator("#event").select_option("person-sheet")
    page.locator("#event").press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Person sheet")
    page.locator("#sender").fill(HOME)
    page.locator("#sheet").fill("The cat is called Mons.")
    page.locator("#sheet_title").fill("What matters")
    with page.expect_navigation():
        page.locator("#sheet_title").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sent.")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    context.close()
