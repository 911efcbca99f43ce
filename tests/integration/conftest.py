"""Running servers for the tests that look at Carepath from outside."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.integration import java_peer
from tests.integration.backport import subscription
from tests.integration.serving import Server, serving
from tests.integration.stories import Resource, person
from tests.integration.subscriber import Subscriber, certificate
from tests.integration.subscribing import URL, about, ask
from tests.servers import free_port


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


@pytest.fixture(scope="session")
def validator() -> Iterator[java_peer.Validator]:
    """HL7's validator, started once for all tests of this worker."""
    with java_peer.validator() as running:
        yield running


@pytest.fixture
def followed(client: httpx.Client) -> Iterator[tuple[str, Resource]]:
    """A websocket Subscription of the operator's for a patient of its own; ended afterwards."""
    patient = person()
    made = ask(client, subscription(None, about(patient), content="full-resource"))
    assert made.status_code == 201, made.text
    yield made.json()["id"], patient
    client.delete(f"{URL}/{made.json()['id']}")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two of ``localhost``, each with its key: one that the broker believes, and another."""
    folder = tmp_path_factory.mktemp("certificates")
    return certificate(folder / "believed.pem"), certificate(folder / "other.pem")


@pytest.fixture(scope="session")
def hook_server(
    tmp_path_factory: pytest.TempPathFactory, certificates: tuple[Path, Path]
) -> Iterator[Server]:
    """A server that may call this machine, and believes the first of ``certificates``."""
    folder = tmp_path_factory.mktemp("hooks")
    with ExitStack() as running:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("CAREPATH_ALLOW_LOOPBACK_HOOKS", "yes")
            environment.setenv("SSL_CERT_FILE", str(certificates[0]))
            url = f"sqlite:///{folder}/carepath.db"
            server = running.enter_context(serving(url, folder / "log"))
        yield server


@pytest.fixture
def hook_client(hook_server: Server) -> Iterator[httpx.Client]:
    """Its operator."""
    with httpx.Client(base_url=hook_server.url, timeout=20, trust_env=False) as client:
        yield client


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    """A subscriber that listens."""
    made = Subscriber(free_port())
    with made.up():
        yield made
