"""Docker for the tests: whether it answers, and the containers that a run leaves for its end to remove."""

import subprocess
import sys
from contextlib import closing

import docker

from tests.servers import run_folder


def answers() -> bool:
    """Asked in a process of its own: the client leaks its socket where nobody answers."""
    ask = [sys.executable, "-c", "import docker; docker.from_env().ping()"]
    return subprocess.run(ask, capture_output=True, check=False).returncode == 0


def remember(name: str, container: str) -> None:
    """Note the id of a container that ``remove`` is to find, whichever worker started it."""
    (run_folder() / f"{name}-container").write_text(container)


def remove(name: str) -> bool:
    """Remove the container remembered as ``name``; false when there is none."""
    noted = run_folder() / f"{name}-container"
    if noted.exists():
        with closing(docker.from_env()) as client:
            client.containers.get(noted.read_text()).remove(force=True, v=True)
    return noted.exists()
