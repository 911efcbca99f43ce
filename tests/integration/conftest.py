"""Running servers for the tests that look at Carepath from outside."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.integration.serving import Server, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a server that all tests of this worker share: use patients of your own."""
    folder = tmp_path_factory.mktemp("server")
    with serving(f"sqlite:///{folder}/carepath.db", folder / "log") as running:
        yield running.url


@pytest.fixture
def client(server: str) -> Iterator[httpx.Client]:
    """A client of the shared server."""
    with httpx.Client(base_url=server, timeout=20, trust_env=False) as client:
        yield client


SEED = "CAREPATH_TEST_SEED"
"""Set it to the seed that a failed run printed, to have the same stories at the same moments again."""


@pytest.fixture
def seed() -> int:
    """What all that is random in a test follows from."""
    value = int(os.environ.get(SEED) or secrets.randbelow(1_000_000))
    print(f"{SEED}={value}")  # noqa: T201 - pytest shows it when the test fails
    return value


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[Callable[[str], Server]]:
    """Start servers of the test's own on database URLs; the same URL again is the server after a restart."""
    with ExitStack() as running:

        def start(database_url: str) -> Server:
            return running.enter_context(serving(database_url, tmp_path / "log"))

        yield start
