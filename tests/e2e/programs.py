"""Starting the program as a user does: a process of its own, talked to from outside."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from carepath.cli.demo.story import Step
from fhir_mappings import outbound
from tests.servers import PATIENCE, answers, out_of_sight

PROGRAM = (sys.executable, "-m", "carepath")


def environment(**added: str) -> dict[str, str]:
    """This process's environment without any setting of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CAREPATH_")}
    return {**kept, "PYTHONUNBUFFERED": "1", **added}


def run(*arguments: str, said: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """The finished program with its output. ``said``: what it reads."""
    typed, hidden = out_of_sight(arguments)
    return subprocess.run(
        [*PROGRAM, *typed],
        env=environment(**settings, **hidden),
        input=said,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@contextmanager
def started(*arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """The program running; it is stopped on leaving."""
    typed, hidden = out_of_sight(arguments)
    process = subprocess.Popen(
        [*PROGRAM, *typed],
        env=environment(**settings, **hidden),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


@dataclass(frozen=True, slots=True)
class Running:
    """A server of the test's own."""

    url: str
    database_url: str


@contextmanager
def serving(folder: Path, port: int, **settings: str) -> Iterator[Running]:
    """``carepath serve`` on a database in the folder, ready; nobody watches over the promises of old stories."""
    running = Running(f"http://127.0.0.1:{port}", f"sqlite:///{folder / 'carepath.db'}")
    where = ("--port", str(port), "--database-url", running.database_url)
    with started("serve", *where, **{"CAREPATH_WATCH": "false", **settings}) as process:
        if not answers(running.url, process):
            process.kill()
            raise AssertionError(process.communicate())
        yield running


def write(step: Step, folder: Path) -> Path:
    """The step's message as a file."""
    path = folder / f"{step.name}.json"
    path.write_bytes(
        orjson.dumps(outbound.write(step.message, base_url="http://127.0.0.1:8000/fhir"))
    )
    return path
