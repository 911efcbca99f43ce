"""Deliveries and operations in a real browser: an administrator at work, and what nobody else gets to see."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from carepath.cli.demo import people
from pathways.access import Role
from tests.e2e import operating, staging
from tests.e2e.operating import FAILING, HOOK, NURSES, PATIENT
from tests.e2e.programs import Running
from tests.e2e.test_pages import browser as browser  # noqa: PLC0414 -- a fixture
from tests.e2e.test_picture import SHOTS
from tests.servers import PATIENCE

OPERATOR = "gp"
"""This person of the demo works at the broker here."""
PERSONS = [
    replace(one, role=Role.OPERATOR, party=None) if one.key == OPERATOR else one
    for one in people.PERSONS
]
NAMES = {one.key: one.name for one in PERSONS}
LEGEVAKT = "solvik-legevakt"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The demo's patient in the middle of her story, its directory and its persons, and something to look after."""
    folder = tmp_path_factory.mktemp("operations")
    staging.seed(folder, staging.running(staging.now()))
    operating.fill(folder)
    with operating.signed_in(folder, PERSONS) as running:
        yield running


@contextmanager
def visiting(
    browser: Browser, site: Running, person: str, path: str = "/", **options: object
) -> Iterator[Page]:
    """Somebody's own browser, signed in; nothing may break the content policy, nothing may fail."""
    context = browser.new_context(**{"locale": "nb-NO", **options})  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    try:
        page.goto(f"{site.url}{path}")
        page.get_by_role("button", name=NAMES[person]).click()
        page.wait_for_url(f"{site.url}/**")
        yield page
        refused = "the server responded with a status of 4"
        assert [one for one in problems if refused not in one] == []
    finally:
        context.close()


def open_nurses(page: Page) -> None:
    """From the list to the one receiver."""
    page.get_by_role("link", name="Solvik kommune, hjemmesykepleien").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Solvik kommune, hjemmesykepleien")


def test_an_administrator_begins_here_and_sees_their_own(browser: Browser, site: Running) -> None:
    """Nina Dahl is Solvik's: its units are hers, the hospitals are not; nothing of the whole broker is."""
    with visiting(browser, site, "administrator") as page:
        page.wait_for_url(f"{site.url}/operations")
        expect(page.get_by_role("heading", level=1)).to_have_text("Leveranser og drift")
        listed = page.locator(".subscribers")
        expect(listed).to_contain_text("Solvik kommune, tildelingskontoret")
        expect(listed).not_to_contain_text("Slagen")
        expect(page.locator("main")).not_to_contain_text("Hele megleren")
        for key in (LEGEVAKT, "nobody"):
            answer = page.goto(f"{site.url}/operations/deliveries/{key}")
            assert answer is not None
            assert answer.status == 404


@pytest.mark.parametrize(
    ("scripts", "number"), [(True, "4"), (False, "1")], ids=["with scripts", "without"]
)
def test_pause_resume_and_send_again(
    browser: Browser, site: Running, scripts: bool, number: str
) -> None:
    """Every step is a form; the page says what was done, and how it stands."""
    with visiting(browser, site, "administrator", java_script_enabled=scripts) as page:
        open_nurses(page)
        kafka = page.get_by_role("region", name="Kafka")
        kafka.get_by_role("button", name="Sett på pause").click()
        expect(page.get_by_role("status")).to_have_text("Satt på pause.")
        expect(kafka).to_contain_text("alt venter i rekkefølge")
        kafka.get_by_role("button", name="Fortsett").click()
        expect(page.get_by_role("status")).to_have_text("Leveringen fortsetter.")
        wrong = kafka.get_by_label("Fra nummer")
        wrong.fill("førti")
        kafka.get_by_role("button", name="Send på nytt").click()
        expect(kafka.locator(".problem")).to_have_text("Skriv et helt tall fra 1 og oppover.")
        expect(wrong).to_have_value("førti")
        expect(wrong).to_have_accessible_description("Skriv et helt tall fra 1 og oppover.")
        wrong.fill(number)
        kafka.get_by_role("button", name="Send på nytt").click()
        expect(page.get_by_role("status")).to_have_text("Sendes på nytt.")
        expect(kafka).to_contain_text("Sendes på nytt til og med")


def test_a_subscription_that_failed_is_tried_again(browser: Browser, site: Running) -> None:
    """And one that works is paused; who it calls is told without what may be secret."""
    with visiting(browser, site, "administrator") as page:
        open_nurses(page)
        failing = page.locator(f"[aria-labelledby=hook-{FAILING}]")
        expect(failing).to_contain_text("no-response")
        failing.get_by_role("button", name="Forsøk igjen").click()
        expect(page.get_by_role("status")).to_have_text("Det forsøkes igjen nå.")
        works = page.locator(f"[aria-labelledby=hook-{HOOK}]")
        works.get_by_role("button", name="Sett på pause").click()
        expect(page.get_by_role("status")).to_have_text("Satt på pause.")
        expect(works).to_contain_text("satt på pause")
        assert "secret" not in page.content()


@pytest.mark.parametrize("person", ["administrator", OPERATOR])
def test_a_parked_message_is_masked_and_given_up(
    browser: Browser, site: Running, person: str
) -> None:
    """No name and no number of hers is on any page; a reason is needed, and is text whatever is in it."""
    found = "Kan ikke leses" if person == "administrator" else "Samme meldings-id med annet innhold"
    with visiting(browser, site, person, "/operations/parked") as page:
        page.get_by_role("link", name=found).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(found)
        assert not [one for one in PATIENT if one in page.content()]
        if person == OPERATOR:
            expect(page.locator("pre")).to_contain_text("family: •••")
        page.get_by_role("button", name="Oppgi meldingen").click()
        expect(page.locator(".problem")).to_have_text("Skriv hvorfor meldingen oppgis.")
        page.get_by_label("Begrunnelse").fill("<b onclick=alert(1)>Sendt på nytt</b>")
        page.get_by_role("button", name="Oppgi meldingen").click()
        expect(page.get_by_role("status")).to_contain_text("Meldingen er oppgitt.")
        expect(page.locator("main")).to_contain_text("<b onclick=alert(1)>Sendt på nytt</b>")
        expect(page.get_by_role("button", name="Prøv igjen")).to_have_count(0)


def test_the_operator_sees_all_and_nobody_else_anything(browser: Browser, site: Running) -> None:
    """The figures of the whole broker; a nurse has no such page, and no link to one."""
    with visiting(browser, site, OPERATOR, "/operations") as page:
        expect(page.get_by_role("list", name="Hele megleren nå")).to_contain_text(
            "Venter på nummer"
        )
        expect(page.locator(".subscribers")).to_contain_text("Bjørkelia")
    with visiting(browser, site, "nurse") as page:
        expect(page.locator("header")).not_to_contain_text("Leveranser og drift")
        answer = page.goto(f"{site.url}/operations")
        assert answer is not None
        assert answer.status == 403


def test_the_guide_has_their_own_commands(browser: Browser, site: Running) -> None:
    """With their key, and this server's address."""
    path = f"/operations/connect?organisation={NURSES}"
    with visiting(browser, site, "administrator", path) as page:
        told = page.locator("main")
        expect(told).to_contain_text(f"X-Carepath-Org: {NURSES}")
        expect(told).to_contain_text(f"{site.url}/fhir/$process-message")
        expect(told).to_contain_text(f"{site.url}/kith/messages")
        expect(told).to_contain_text("carepath client-key add")
        page.get_by_label("Virksomhet").select_option(label="Solvik kommune, tildelingskontoret")
        page.get_by_role("button", name="Vis", exact=True).click()
        expect(told).to_contain_text("X-Carepath-Org: solvik-tildeling")
        expect(told.get_by_label("Virksomhet").locator("option")).to_have_count(
            sum(one.key.startswith("solvik") and one.key != LEGEVAKT for one in people.parties())
        )


def test_a_command_is_copied_by_a_button(browser: Browser, site: Running) -> None:
    """Whole, and said to be; without script there is no button."""
    path = f"/operations/connect?organisation={NURSES}"
    allowed = ["clipboard-read", "clipboard-write"]
    with visiting(browser, site, "administrator", path, permissions=allowed) as page:
        page.get_by_role("button", name="Kopier – HL7 v2 over MLLP").click()
        expect(page.get_by_role("status")).to_have_text("Kopiert")
        command = page.locator("[aria-labelledby=way-hl7v2] code").text_content()
        assert page.evaluate("navigator.clipboard.readText()") == command
    with visiting(browser, site, "administrator", path, java_script_enabled=False) as page:
        expect(page.locator("main code").first).to_be_visible()
        expect(page.get_by_role("button", name="Kopier")).to_have_count(0)


def test_a_form_of_another_site_does_nothing(browser: Browser, site: Running) -> None:
    """A real browser says where it comes from."""
    with visiting(browser, site, "administrator", "/operations") as page:
        target = f"{site.url}/operations/deliveries/{NURSES}"
        page.goto("data:text/html,<title>elsewhere</title>")
        page.set_content(
            f"<form method=post action='{target}'><input name=do value=pause>"
            "<input name=over value=kafka><button>x</button></form>"
        )
        with page.expect_navigation():
            page.get_by_role("button").click()
        page.goto(target)
        kafka = page.get_by_role("region", name="Kafka")
        expect(kafka.get_by_role("button", name="Sett på pause")).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), [("dark", 360), ("light", 320)])
def test_on_a_telephone_in_english(
    browser: Browser, site: Running, scheme: str, width: int
) -> None:
    """Nothing sticks out; the commands scroll by themselves."""
    narrow = {
        "locale": "en-GB",
        "color_scheme": scheme,
        "viewport": {"width": width, "height": 740},
    }
    with visiting(browser, site, "administrator", "/operations", **narrow) as page:
        for path, heading in (
            ("", "Deliveries and operations"),
            (f"/deliveries/{NURSES}", "Solvik kommune, hjemmesykepleien"),
            ("/parked", "Parked messages"),
            (f"/connect?organisation={NURSES}", "Connect"),
        ):
            page.goto(f"{site.url}/operations{path}")
            expect(page.get_by_role("heading", level=1)).to_have_text(heading)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            SHOTS.mkdir(exist_ok=True)
            name = heading.split()[0].lower().strip(",")
            page.screenshot(path=SHOTS / f"operations-{name}-{scheme}-{width}.png", full_page=True)
