"""axe-core finds nothing on any page, in both languages, light and dark, narrow and wide, empty and full.

CI takes pairs: each view in four of its eight combinations, so that every two choices meet. ``make a11y`` takes all.
"""

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from carepath.cli.demo import people
from carepath.cli.demo.story import Step
from tests.e2e import axe, operating, programs, staging
from tests.e2e.programs import Running
from tests.e2e.test_pages import browser as browser  # noqa: PLC0414 -- a fixture
from tests.e2e.test_picture import SHOTS, drawn, listed
from tests.servers import free_port

pytestmark = pytest.mark.timeout(900)  # two thousand messages are taken in first
ENTRIES = 2000
EVERY = [*product(("nb-NO", "en-GB"), ("light", "dark"), (320, 1280))]
PAIRS = [EVERY[place] for place in (0, 3, 5, 6)]
CHOSEN = EVERY if os.environ.get("CAREPATH_A11Y") == "all" else PAIRS


@dataclass
class Servers:
    """One that knows nobody, one with a stay that goes on, one with years of them; each begins when it is wanted."""

    folder: Path
    stack: ExitStack

    @cached_property
    def empty(self) -> Running:
        """Nobody is known."""
        return self._serve("empty", (), 1)

    @cached_property
    def typical(self) -> Running:
        """The story, as far as it has come."""
        return self._serve("typical", staging.running(staging.now()), 1)

    @cached_property
    def operated(self) -> Running:
        """The story, with topics, Subscriptions and parked messages."""
        steps = staging.running(staging.now())
        return self._serve("operated", steps, 1, operating.fill)

    @cached_property
    def many(self) -> Running:
        """Two thousand messages about one patient."""
        return self._serve("many", staging.years(ENTRIES, staging.now().date()), 200)

    @cached_property
    def signed_in(self) -> Running:
        """The story, where people sign in."""
        folder = self.folder / "signed-in"
        folder.mkdir()
        staging.seed(folder, staging.running(staging.now()))
        return self.stack.enter_context(operating.signed_in(folder, people.PERSONS))

    def _serve(
        self,
        name: str,
        steps: Iterable[Step],
        batch: int,
        more: Callable[[Path], None] = lambda _: None,
    ) -> Running:
        folder = self.folder / name
        folder.mkdir()
        staging.seed(folder, steps, batch)
        more(folder)
        return self.stack.enter_context(programs.serving(folder, free_port()))


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Three of them."""
    with ExitStack() as stack:
        yield Servers(tmp_path_factory.mktemp("accessibility"), stack)


def patient(server: Running) -> str:
    """The address of the one patient's page."""
    (path,) = re.findall(r'href="(/patients/[^"]+)"', httpx.get(server.url, trust_env=False).text)
    return f"{server.url}{path}"


def nobody(page: Page, servers: Servers) -> None:
    """The list without a patient."""
    page.goto(servers.empty.url)


def somebody(page: Page, servers: Servers) -> None:
    """The list with one."""
    page.goto(servers.typical.url)


def not_found(page: Page, servers: Servers) -> None:
    """The search that found nobody."""
    page.goto(servers.typical.url)
    page.locator("#identifier").fill("1")
    page.locator("form[role=search] button").click()
    expect(page.get_by_role("alert")).to_be_visible()


def unknown(page: Page, servers: Servers) -> None:
    """A page that is not."""
    page.goto(f"{servers.typical.url}/patients/nobody")


def bad_time(page: Page, servers: Servers) -> None:
    """A time that cannot be read."""
    page.goto(f"{patient(servers.typical)}?asOf=soon")


def before_anything(page: Page, servers: Servers) -> None:
    """A patient of whom nothing was known then."""
    page.goto(f"{patient(servers.typical)}?asOf=2020-01-01T00:00")


def typical(page: Page, servers: Servers) -> None:
    """A stay that goes on, something overdue."""
    page.goto(patient(servers.typical))


def opened(page: Page, servers: Servers) -> None:
    """The same for a day, with everything unfolded."""
    page.goto(patient(servers.typical))
    with page.expect_navigation():
        page.locator(".zoom a").nth(4).click()
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")


def full(page: Page, servers: Servers) -> None:
    """Two thousand events."""
    page.goto(patient(servers.many))


def full_year(page: Page, servers: Servers) -> None:
    """A year of them."""
    page.goto(patient(servers.many))
    with page.expect_navigation():
        page.locator(".zoom a").nth(1).click()


def operations(page: Page, servers: Servers) -> None:
    """Who is told what; something is late."""
    page.goto(f"{servers.operated.url}/operations")


def delivery(page: Page, servers: Servers) -> None:
    """One receiver with every way of delivery, and a form that was filled in wrongly."""
    page.goto(f"{servers.operated.url}/operations/deliveries/{operating.NURSES}")
    page.locator("#kafka-from").fill("x")
    with page.expect_navigation():
        page.locator("section[aria-labelledby=kafka] button[value=replay]").click()
    expect(page.locator(".problem")).to_be_visible()


def parked_message(page: Page, servers: Servers) -> None:
    """What could not be placed, masked; and no reason to give it up."""
    page.goto(f"{servers.operated.url}/operations/parked?all=1")
    with page.expect_navigation():
        page.locator(".patients a").last.click()
    with page.expect_navigation():
        page.locator("button[value=drop]").click()
    expect(page.locator(".problem")).to_be_visible()


def connect(page: Page, servers: Servers) -> None:
    """Commands that are longer than the page is wide."""
    page.goto(f"{servers.operated.url}/operations/connect?organisation={operating.NURSES}")


def no_work(page: Page, servers: Servers) -> None:
    """A worklist with nothing on it."""
    page.goto(f"{servers.empty.url}/worklist")


def work(page: Page, servers: Servers) -> None:
    """A unit's worklist."""
    page.goto(f"{servers.typical.url}/worklist?of=solvik-tildeling")


def work_wrong(page: Page, servers: Servers) -> None:
    """A form of one matter that was sent with nothing in it."""
    page.goto(f"{servers.typical.url}/worklist")
    page.locator(".work .title a").first.click()
    page.get_by_role("link", name=re.compile("Avklart|Settled")).click()
    with page.expect_navigation():
        page.locator(".doing form button").first.click()
    expect(page.locator(".problem").first).to_be_visible()


def send_choice(page: Page, servers: Servers) -> None:
    """The first step of sending by hand, with nothing chosen."""
    page.goto(f"{servers.typical.url}/send")
    with page.expect_navigation():
        page.locator("main button").click()


def send_form(page: Page, servers: Servers) -> None:
    """The second, with rows, everything unfolded, and something wrong."""
    id_ = patient(servers.typical).rpartition("/")[2]
    page.goto(f"{servers.typical.url}/send?patient={id_}&event=plan-created")
    page.locator("#participants-0-role").fill("?")
    with page.expect_navigation():
        page.get_by_role("button").last.click()
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")


def planned(servers: Servers) -> str:
    """The address of a plan with a goal; it is made once."""
    site, there = servers.typical.url, f"{patient(servers.typical)}/plan"
    if not (found := _plans(there)):
        id_, sender = there.split("/")[-2], "Solvik kommune, hjemmesykepleien"
        told = {"event": "plan-created", "patient": id_, "sender": sender, "act": "send"}
        told |= {"title": "Plan", "goals-0-text": "Gå tur", "participants-0-name": "Kari"}
        httpx.post(f"{site}/send", data=told, trust_env=False)
        found = _plans(there)
    return f"{site}{found[0]}"


def _plans(there: str) -> list[str]:
    return re.findall(
        r'href="(/patients/[^"]+/plan/[^"]+)"', httpx.get(there, trust_env=False).text
    )


def plan(page: Page, servers: Servers) -> None:
    """A plan, and a measure without one that is overdue."""
    page.goto(planned(servers).rpartition("/")[0])
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")


def plan_clash(page: Page, servers: Servers) -> None:
    """Somebody else was faster: both their words."""
    page.goto(planned(servers))
    other = page.context.new_page()
    other.goto(page.url)
    for one, said in ((other, "Svømme"), (page, "Sykle")):
        one.locator("#goals-0-text").fill(f"{said} {time.time()}")
        with one.expect_navigation():
            one.get_by_role("button").last.click()
    expect(page.locator(".clash")).to_be_visible()


def issuer(page: Page, servers: Servers) -> None:
    """The demo's own page, where one of its persons is chosen."""
    page.goto(servers.signed_in.url)
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Hvem er du|Who are you"))


def act_as(page: Page, servers: Servers) -> None:
    """Whom to act as, with the menu open where it is one."""
    _sign_in(page, servers)
    page.goto(f"{servers.signed_in.url}/act-as")
    _open_menu(page)


def sessions(page: Page, servers: Servers) -> None:
    """Where somebody is signed in."""
    _sign_in(page, servers)
    page.goto(f"{servers.signed_in.url}/sessions")


def signed_out(page: Page, servers: Servers) -> None:
    """After signing out, by way of the issuer."""
    _sign_in(page, servers)
    _open_menu(page)
    page.get_by_role("button", name=re.compile("Logg ut|Sign out")).click()
    page.wait_for_url("**/signed-out")


def sign_in_problem(page: Page, servers: Servers) -> None:
    """An answer that nobody asked for."""
    page.goto(f"{servers.signed_in.url}/sign-in/callback?state=x")


def _sign_in(page: Page, servers: Servers) -> None:
    page.goto(servers.signed_in.url)
    page.get_by_role("button", name=people.PERSONS[0].name).click()
    page.wait_for_url(f"{servers.signed_in.url}/**")


def _open_menu(page: Page) -> None:
    menu = page.get_by_role("button", name=re.compile("Meny|Menu"))
    if menu.is_visible():
        menu.click()
        expect(page.locator("#menu")).to_be_visible()


View = Callable[[Page, Servers], None]
VIEWS: tuple[View, ...] = (
    nobody,
    somebody,
    not_found,
    unknown,
    bad_time,
    before_anything,
    typical,
    opened,
    full,
    full_year,
    no_work,
    work,
    work_wrong,
    operations,
    delivery,
    parked_message,
    connect,
    send_choice,
    send_form,
    plan,
    plan_clash,
    issuer,
    act_as,
    sessions,
    signed_out,
    sign_in_problem,
)


def name_of(view: View) -> str:
    """As it is called in the names of tests and screenshots."""
    return str(getattr(view, "__name__", ""))


@pytest.mark.parametrize(("language", "scheme", "width"), CHOSEN)
@pytest.mark.parametrize("view", VIEWS, ids=name_of)
def test_axe_finds_nothing(
    browser: Browser, servers: Servers, view: View, language: str, scheme: str, width: int
) -> None:
    """WCAG 2.2 A and AA as far as a program sees, and what axe calls good practice."""
    context = browser.new_context(
        locale=language,
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 900},
    )
    page = context.new_page()
    view(page, servers)
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name_of(view)}-{language[:2]}-{scheme}-{width}.png")
    assert axe.violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_two_thousand_events_are_painted_within_a_second(
    browser: Browser, servers: Servers
) -> None:
    """From the first byte to the picture on the screen; picture and list still agree."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    address = patient(servers.many)
    page.goto(address)
    taken = min(_painted(page, address) for _ in range(3))
    assert taken <= 1000, f"{taken:.0f} ms"
    assert len(listed(page)) == ENTRIES
    assert sorted(drawn(page)) == sorted(listed(page))


def _painted(page: Page, address: str) -> float:
    """Milliseconds from the first byte of the answer to the second frame with everything in it."""
    page.goto(address, wait_until="domcontentloaded")
    return float(
        page.evaluate(
            """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {
                const [came] = performance.getEntriesByType("navigation");
                done(performance.now() - came.responseStart);
            })))"""
        )
    )
