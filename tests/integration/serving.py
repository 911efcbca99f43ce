"""A real ``carepath serve`` in a process of its own, on a free loopback port."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import PATIENCE, answers, free_port

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "carepath", "serve")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. ``log`` is what it wrote; ``process`` is there to be killed."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def fhir(self) -> str:
        """The FHIR base URL."""
        return f"{self.url}/fhir"


@contextmanager
def serving(database_url: str, log: Path, port: int | None = None) -> Iterator[Server]:
    """Serve ``database_url`` until the block ends, then stop by SIGTERM. Settings come from the environment.

    Nobody watches over promises unless it says so: stories are old, and their deadlines have passed.

    Raises ``RuntimeError`` with the log when it ends or is not ready in time, ``TimeoutExpired`` when it does not
    stop. A process that the test killed is let be.
    """
    port = port or free_port()
    command = [*COMMAND, "--port", str(port)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                "CAREPATH_WATCH": "false",
                **os.environ,
                "PYTHONUNBUFFERED": "1",
                "CAREPATH_DATABASE_URL": database_url,
            },
        )
    server = Server(f"http://127.0.0.1:{port}", process, log)
    try:
        if not answers(server.url, process):
            raise RuntimeError(f"carepath serve is not ready:\n{log.read_text()[-4000:]}")
        yield server
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    finally:
        process.kill()
