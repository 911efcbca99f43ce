"""The worklist from each chair of the demo, in a real browser: two clicks to an answer, and nothing typed is lost."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import orjson
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from carepath.cli.demo import people
from carepath.identity.people import HPR
from fhir_mappings import outbound
from pathways.events import EventCode
from pathways.facts import Facts, InquiryFacts, ReferralFacts
from pathways.messages import Destination, Message
from pathways.moments import Moment
from pathways.parties import Identifier
from tests.e2e import axe, programs
from tests.e2e.elsewhere import record_system
from tests.e2e.test_sign_in import NUMBER, Demo, sign_in, visiting
from tests.e2e.test_sign_in import browser as browser  # noqa: PLC0414 -- a fixture
from tests.e2e.test_sign_in import demo as demo  # noqa: PLC0414 -- a fixture

CHAIRS = {one.key: one.party for one in people.PERSONS if one.key != "administrator" and one.party}
"""Where each of those sits who owe anything."""
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module", autouse=True)
def asked(demo: Demo) -> None:
    """The story has ended, and nothing is owed; now each chair is asked something, and the ward is referred to."""
    for party in CHAIRS.values():
        ask(demo, party, f"Hva gjør {party}?")


def ask(demo: Demo, party: str, text: str) -> None:
    """A question to a party that has two working days to answer."""
    sender = "solvik-ke" if party != "solvik-ke" else "solvik-tildeling"
    facts = InquiryFacts(text=text, owner=people.REFERENCES[party], identifiers=_number())
    tell(demo, EventCode.INQUIRY, sender, party, facts)


def refer(demo: Demo, party: str) -> None:
    """The GP refers the patient."""
    facts = ReferralFacts(
        title="Søvnutredning", performer=people.REFERENCES[party], identifiers=_number()
    )
    tell(demo, EventCode.REFERRAL, "brygga-legesenter", party, facts)


def _number() -> tuple[Identifier, ...]:
    return (Identifier("https://demo.example/matter", str(uuid4())),)


def tell(demo: Demo, code: EventCode, sender: str, to: str, facts: Facts) -> None:
    """One message through the demo's open API."""
    at = datetime.now(UTC)
    message = Message(
        id=str(uuid4()),
        format="carepath",
        envelope=None,
        content=b"",
        code=code,
        sender=people.REFERENCES[sender],
        author=people.AUTHORS[sender],
        happened=Moment(at),
        written=at,
        destinations=(Destination(people.REFERENCES[to]),),
        patient=people.PATIENT,
        facts=facts,
    )
    answer = httpx.post(
        f"{demo.url}/fhir/$process-message",
        content=orjson.dumps(outbound.write(message, base_url=f"{demo.url}/fhir")),
        headers={"Content-Type": "application/fhir+json"},
        trust_env=False,
    )
    assert answer.is_success, answer.text


@contextmanager
def at_list(browser: Browser, demo: Demo, person: str, **options: object) -> Iterator[Page]:
    """Somebody with the list open."""
    with visiting(browser, demo, person, **options) as page:
        page.goto(f"{demo.url}/worklist")
        yield page


def row(page: Page, text: str) -> Locator:
    """What is on the list with this in it."""
    return page.locator(".work > li", has_text=text)


def done(page: Page, said: str) -> None:
    """The page says what was done."""
    expect(page.locator(".done")).to_contain_text(said)


@pytest.mark.parametrize("person", CHAIRS)
def test_two_clicks_from_the_list_to_an_answer(browser: Browser, demo: Demo, person: str) -> None:
    """And undone by a third; no national number stands in an address, and nothing breaks the content policy."""
    question = f"Hva gjør {CHAIRS[person]}?"
    with visiting(browser, demo, person) as page:
        problems: list[str] = []
        addresses: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: addresses.append(request.url))
        page.get_by_role("link", name="Arbeidsliste", exact=True).click()
        expect(row(page, question)).to_contain_text("virkedager igjen")
        row(page, question).get_by_role("link", name=re.compile("^Svar –")).click()
        page.get_by_label("Tekst").fill("Det gjør vi i morgen.")
        page.get_by_role("button", name="Send", exact=True).click()
        done(page, "Sendt.")
        expect(row(page, question)).to_have_count(0)
        page.get_by_role("button", name="Angre").click()
        done(page, "Angret.")
        expect(row(page, question)).to_have_count(1)
        assert problems == []
        assert not [one for one in addresses if NUMBER in one]


def test_a_referral_is_rejected_with_a_reason_in_two_clicks(browser: Browser, demo: Demo) -> None:
    """The reason is the button."""
    refer(demo, CHAIRS["nurse"])
    with at_list(browser, demo, "nurse") as page:
        row(page, "Søvnutredning").get_by_role(
            "link", name=re.compile("^Avvis –|^Mer –")
        ).first.click()
        page.get_by_role("button", name="Hører til et annet sted").click()
        done(page, "Sendt.")
        expect(row(page, "Søvnutredning")).to_have_count(0)


def test_a_second_window_follows_and_keeps_what_is_half_typed(browser: Browser, demo: Demo) -> None:
    """Where somebody types, what is chosen and what has the focus stay, when a colleague takes something."""
    party = CHAIRS["coordinator"]
    ask(demo, party, "Hvem følger henne til legen?")
    with (
        at_list(browser, demo, "coordinator") as page,
        at_list(browser, demo, "coordinator") as other,
    ):
        box = row(page, "Hvem følger henne").get_by_role("checkbox")
        box.check()
        name = page.get_by_label("Overlever til")
        name.press_sequentially("Ola Sa")
        row(other, "Hvem følger henne").get_by_role("button", name=re.compile("^Ta –")).click()
        done(other, "Tatt.")
        expect(row(page, "Hvem følger henne")).to_contain_text("Tatt av Marit Aas", timeout=15_000)
        expect(box).to_be_checked()
        expect(name).to_have_value("Ola Sa")
        expect(name).to_be_focused()
        name.press_sequentially("nd")
        page.keyboard.press("Enter")
        done(page, "Overlevert.")
        expect(row(page, "Hvem følger henne")).to_contain_text("Tatt av Ola Sand")
        expect(row(other, "Hvem følger henne")).to_contain_text("Ola Sand", timeout=15_000)


def test_the_keyboard_is_enough(browser: Browser, demo: Demo) -> None:
    """Arrows from row to row, space to choose, Enter to open, and to send."""
    party = CHAIRS["gp"]
    ask(demo, party, "Første?")
    ask(demo, party, "Andre?")
    with at_list(browser, demo, "gp") as page:
        boxes = page.locator(".pick")
        boxes.first.focus()
        page.keyboard.press("ArrowDown")
        expect(boxes.nth(1)).to_be_focused()
        page.keyboard.press("Space")
        expect(boxes.nth(1)).to_be_checked()
        page.keyboard.press("Tab")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        page.get_by_role("link", name="Utsett varsling").focus()
        with page.expect_navigation():
            page.keyboard.press("Enter")
        page.get_by_label("Utsett til").fill("2099-01-05")
        page.get_by_label("Hvorfor").focus()
        page.keyboard.type("venter på prøvesvar")
        page.keyboard.press("Enter")
        done(page, "Utsatt.")
        expect(page.locator(".work")).to_contain_text("utsatt")


def test_without_script_it_is_read_taken_and_confirmed(browser: Browser, demo: Demo) -> None:
    """What others wrote is text; several are confirmed at once, and none is said on the page."""
    ask(demo, CHAIRS["legevakt"], f"Hvem? {HOSTILE}")
    with at_list(browser, demo, "legevakt", java_script_enabled=False) as page:
        asked = row(page, "Hvem? <script>")
        expect(asked).to_contain_text("ulest")
        asked.get_by_role("checkbox").check()
        page.get_by_role("button", name="Bekreft lest").click()
        done(page, "Bekreftet lest.")
        expect(asked).not_to_contain_text("ulest")
        page.get_by_role("button", name="Overlever", exact=True).click()
        expect(page.get_by_role("alert").first).to_contain_text("Velg minst én")
        asked.get_by_role("button", name=re.compile("^Ta –")).click()
        done(page, "Tatt.")
        expect(asked).to_contain_text("Tatt av Amir Haddad")
        assert page.title() == "Arbeidsliste – Carepath"


def test_what_is_wrong_stands_beside_its_field(browser: Browser, demo: Demo) -> None:
    """Without script, too: what was typed is kept, and a form that is sent twice is sent once."""
    ask(demo, CHAIRS["legevakt"], "Hvem henter henne?")
    with at_list(browser, demo, "legevakt", java_script_enabled=False) as page:
        row(page, "Hvem henter").get_by_role("link", name=re.compile("^Mer –")).click()
        page.get_by_role("link", name="Avklart på telefon").click()
        text, when = page.get_by_label("Tekst"), page.get_by_label("Når dere snakket sammen")
        text.fill("Datteren henter henne.")
        when.fill("2099-01-01T10:00")
        send = page.get_by_role("button", name="Send", exact=True)
        send.click()
        expect(page.get_by_label("Hvem snakket du med?")).to_have_attribute("aria-invalid", "true")
        expect(page.locator("#happened-problem")).to_contain_text("senere enn nå")
        expect(text).to_have_value("Datteren henter henne.")
        when.fill("")
        page.get_by_label("Hvem snakket du med?").fill("Kristin Bråten")
        form = page.locator(".doing form").first
        fields: dict[str, str | float | bool] = {"settled_with": "Kristin"}
        fields["id"] = page.locator("[name=id]").first.input_value()
        action = f"{demo.url}{form.get_attribute('action')}"
        send.click()
        done(page, "Sendt.")
        again = page.request.post(action, form=fields, headers={"Origin": demo.url})
        assert "Dette skjemaet var sendt allerede" in again.text()


def test_a_search_stands_in_no_address(browser: Browser, demo: Demo) -> None:
    """By name or number, posted; nobody is found in words, too."""
    with at_list(browser, demo, "nurse") as page:
        page.get_by_label("Navn eller fødselsnummer").fill(NUMBER)
        page.get_by_role("button", name="Finn").click()
        expect(page.locator(".notice")).to_contain_text("på listen passer")
        expect(page.locator(".work > li").first).to_contain_text("Solveig Bråten")
        assert NUMBER not in page.url
        page.get_by_label("Navn eller fødselsnummer").fill("Nils Ingensteds")
        page.get_by_role("button", name="Finn").click()
        expect(page.locator(".empty")).to_contain_text("Ingenting på listen passer")
        page.get_by_role("link", name="Stille pasienter").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Stille pasienter")


@pytest.mark.parametrize("person", ["nurse", None], ids=["signed in", "not yet"])
def test_a_record_system_of_another_site_opens_its_patient(
    browser: Browser, demo: Demo, person: str | None
) -> None:
    """With the session, or after signing in; once, and its form changes nothing. No number is in an address."""
    opens = record_system(f"{demo.url}/worklist/open", identifier=NUMBER)
    with visiting(browser, demo, person) as page, opens as journal:
        addresses: list[str] = []
        page.on("request", lambda request: addresses.append(request.url))
        page.goto(journal)
        page.get_by_role("button", name="Open").click()
        if person is None:
            sign_in(page, "nurse")
        page.wait_for_url("**/worklist?patient=*")
        expect(page.locator(".notice")).to_contain_text("på listen passer")
        expect(page.locator(".work > li").first).to_contain_text("Solveig Bråten")
        (handed,) = {one for one in addresses if "/worklist/opened/" in one and "next=" not in one}
        assert not [one for one in addresses if NUMBER in one]
        again = page.goto(handed)
        assert again is not None
        assert again.status == 410
    does = record_system(f"{demo.url}/worklist/seen", upto="1")
    with visiting(browser, demo, "nurse") as page, does as journal:
        page.goto(journal)
        page.get_by_role("button", name="Open").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Du er ikke logget inn")


def test_what_was_typed_outlives_the_session(browser: Browser, demo: Demo) -> None:
    """The page says so, and sends it once they have signed in in another tab."""
    ask(demo, CHAIRS["coordinator"], "Har hun spist?")
    with at_list(browser, demo, "coordinator") as page:
        row(page, "Har hun spist?").get_by_role("link", name=re.compile("^Svar –")).click()
        page.get_by_label("Tekst").fill("Ja, to skiver.")
        coordinator = people.PERSONS[0].claims[HPR]
        where = ("--database-url", demo.database_url)
        ended = programs.run("member", "sign-out", "--hpr", coordinator, *where)
        assert ended.returncode == 0, ended.stderr
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Du er logget ut")
        assert axe.violations(page) == []
        with page.expect_popup() as opened:
            page.get_by_role("link", name="Logg inn i en ny fane").click()
        sign_in(opened.value, "coordinator")
        expect(opened.value.locator(".who")).to_contain_text("Marit Aas")
        page.get_by_role("button", name="Send på nytt").click()
        done(page, "Sendt.")
        expect(row(page, "Har hun spist?")).to_have_count(0)


def test_the_list_in_english_on_a_telephone(browser: Browser, demo: Demo) -> None:
    """Nothing sticks out at 320 px, in the dark; who has seen it says so."""
    narrow = {"locale": "en-GB", "viewport": {"width": 320, "height": 640}, "color_scheme": "dark"}
    with at_list(browser, demo, "gp", **narrow) as page:
        expect(page.get_by_role("heading", level=1)).to_have_text("Worklist")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        page.get_by_role("button", name="Mark all as seen").click()
        done(page, "All is marked as seen.")
        page.locator(".work .title a").first.click()
        expect(page.get_by_role("heading", level=2).first).to_have_text("What do you want to do?")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_people_at_home_have_no_worklist(browser: Browser, demo: Demo) -> None:
    """They owe nothing as an organisation."""
    with visiting(browser, demo, "patient") as page:
        answer = page.goto(f"{demo.url}/worklist")
        assert answer is not None
        assert answer.status == 403
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "Arbeidslisten er for dem som er på jobb"
        )
