"""Fixtures and rules for all tests. A folder's name is its tests' marker."""

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings

from tests import kafka, postgres, servers

TESTS = Path(__file__).parent
EXAMPLES = "CAREPATH_EXAMPLES"
Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

# A slow machine is no failure; in CI the same examples run every time.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if servers.all_required() else "dev")


def _migrate(url: str) -> None:
    from carepath.store.database import migrate  # noqa: PLC0415 - unit tests load no database

    migrate(url)


def pytest_configure(config: pytest.Config) -> None:
    """Begin the run in the process that the workers come from."""
    if not hasattr(config, "workerinput"):
        servers.begin_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers when all workers are done."""
    if not hasattr(config, "workerinput"):
        postgres.stop()
        kafka.stop()
        servers.end_run()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test with its folder: unit, contract, integration or e2e."""
    for item in items:
        item.add_marker(item.path.relative_to(TESTS).parts[0])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that skips itself."""
    return _no_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A file that skips itself."""
    return _no_skip((yield))


def _no_skip(report: Report) -> Report:
    """The report, where a skip is a failure when everything is required."""
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if servers.all_required() and skipped and isinstance(report.longrepr, tuple):
        report.outcome = "failed"
        report.longrepr = f"{report.longrepr[2]} (CAREPATH_REQUIRE=all: a skip is a failure)"
    return report


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of real messages: ``CAREPATH_EXAMPLES``, else ``shared/examples`` beside the repository."""
    folder = Path(os.environ.get(EXAMPLES, TESTS.parent.parent / "shared" / "examples"))
    servers.requirement(
        "The folder of examples",
        folder.is_dir(),
        f"Set {EXAMPLES}, or put it at ../shared/examples.",
    )
    return folder


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The URL of a PostgreSQL server where databases may be made."""
    url = postgres.server()
    servers.requirement("PostgreSQL", url, postgres.HINT)
    return url


@pytest.fixture(scope="session")
def kafka_server() -> str:
    """``host:port`` of a Kafka broker without authentication. Tests share it: each uses topics of its own."""
    address = kafka.server()
    servers.requirement("Kafka", address, kafka.HINT)
    return address


@pytest.fixture
def postgresql_url(postgres_server: str) -> Iterator[str]:
    """A PostgreSQL database of the test's own, migrated and empty."""
    with postgres.copy(postgres_server, postgres.template(postgres_server, _migrate)) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite database of the test's own, migrated and empty."""

    def make() -> str:
        template = servers.run_folder() / "template.db"
        _migrate(f"sqlite:///{template}")
        return str(template)

    return f"sqlite:///{shutil.copy(servers.once('sqlite', make), tmp_path / 'carepath.db')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The same test on both stores: the URL of a migrated, empty database."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url
