"""Figures at an address of their own, for those who run the server and nobody else."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.serving import COMMAND, ROOT, Server, serving
from tests.servers import free_port


@pytest.fixture(scope="module")
def own() -> str:
    """HOST:PORT of the figures."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def server(own: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that tells its figures there."""
    folder = tmp_path_factory.mktemp("figures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAREPATH_SERVE_METRICS", own)
        with serving(f"sqlite:///{folder / 'carepath.db'}", folder / "log") as running:
            yield running


def test_figures_are_there_and_nowhere_else(server: Server, own: str) -> None:
    """And there is nothing else, however it is asked for."""
    figures = httpx.get(f"http://{own}/metrics")
    assert (figures.status_code, "carepath_messages" in figures.text) == (200, True)
    for url in (f"{server.url}/metrics", f"http://{own}/fhir/Patient", f"http://{own}/"):
        answer = httpx.get(url)
        assert answer.status_code == 404
        assert answer.json()["resourceType"] == "OperationOutcome"
    assert httpx.post(f"http://{own}/fhir/$process-message", json={}).status_code == 404
    assert httpx.get(f"{server.url}/fhir/metadata").status_code == 200
    for address in (server.url, f"http://{own}"):
        assert httpx.get(f"{address}/readyz").status_code == 200


def test_an_address_that_is_taken_is_named(server: Server, own: str, tmp_path: Path) -> None:
    """The server does not start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAREPATH_SERVE_METRICS", own)
        patch.setenv("CAREPATH_DATABASE_URL", f"sqlite:///{tmp_path / 'other.db'}")
        command = [*COMMAND, "--port", str(free_port())]
        ended = subprocess.run(
            command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60
        )
    assert ended.returncode != 0
    assert f"figures cannot be told at {own}" in ended.stdout + ended.stderr
    assert "CAREPATH_SERVE_METRICS" in ended.stdout + ended.stderr
