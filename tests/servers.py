"""What the tests need from the machine: asked for once per run, shared by all its workers."""

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

PATIENCE = 60.0
"""Seconds for a program to start, to end, to answer: a busy machine may need many."""
_FOLDER = "CAREPATH_TEST_RUN"
_TEMPORARY = "PYTEST_DEBUG_TEMPROOT"  # where pytest puts its own folders too


def all_required() -> bool:
    """Whether a skip is a failure, as in CI."""
    return os.environ.get("CAREPATH_REQUIRE") == "all"


def requirement(name: str, available: object, install_hint: str) -> None:
    """Go on when ``available`` is true; else skip the test, saying what to install.

    ``conftest`` turns every skip into a failure where ``CAREPATH_REQUIRE=all``.
    """
    if not available:
        pytest.skip(f"{name} is missing. {install_hint}")


def out_of_sight(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Arguments for a program, and what goes into its environment: an address with a password is no argument."""
    kept, hidden = [*arguments], dict[str, str]()
    if "--database-url" in kept and "@" in kept[at := kept.index("--database-url") + 1]:
        hidden = {"CAREPATH_DATABASE_URL": kept[at]}
        del kept[at - 1 : at + 1]
    return kept, hidden


def free_port() -> int:
    """A TCP port on the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(url: str, process: subprocess.Popen[Any]) -> bool:
    """Wait until the server in ``process`` is ready; false when it has ended or takes too long."""
    latest = time.monotonic() + PATIENCE
    while time.monotonic() < latest and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=2, trust_env=False).is_success:
                return True
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    return False


def begin_run() -> None:
    """Make the folder of this run; its workers and all programs they start find it in the environment."""
    made = Path(tempfile.mkdtemp(prefix="carepath-tests-", dir=os.environ.get(_TEMPORARY) or None))
    made.chmod(0o711)  # PostgreSQL's own user must reach its data in there
    os.environ[_FOLDER] = str(made)
    keep_bytecode(made)


def keep_bytecode(folder: Path) -> None:
    """Where a machine keeps none, every program that starts would compile all there is."""
    if sys.dont_write_bytecode and os.environ.get("PYTHONDONTWRITEBYTECODE"):
        os.environ["PYTHONDONTWRITEBYTECODE"] = ""
        os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "pycache")


def run_folder() -> Path:
    """The folder that the workers of this run share."""
    return Path(os.environ[_FOLDER])


def end_run() -> None:
    """Remove the folder of this run; its servers are to be stopped before."""
    shutil.rmtree(os.environ.pop(_FOLDER))


def once(name: str, make: Callable[[], str]) -> str:
    """What ``make`` answered the first time any worker of this run asked for ``name``."""
    with (run_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = run_folder() / name
        if not answer.exists():
            made = make()
            answer.write_text(made)
        return answer.read_text()
