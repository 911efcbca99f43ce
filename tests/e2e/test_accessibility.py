"""axe-core finds nothing on any page, in both languages, light and dark, narrow and wide, empty and full.

CI takes pairs: each view in four of its eight combinations, so that every two choices meet. ``make a11y`` takes all.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from carepath.cli.demo.story import Step
from tests.e2e import axe, programs, staging
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
    def many(self) -> Running:
        """Two thousand messages about one patient."""
        return self._serve("many", staging.years(ENTRIES, staging.now().date()), 200)

    def _serve(self, name: str, steps: Iterable[Step], batch: int) -> Running:
        folder = self.folder / name
        folder.mkdir()
        staging.seed(folder, steps, batch)
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
