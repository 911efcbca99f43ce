"""kill -9 at any moment, under load, again and again: what was acknowledged is there, once, for everyone.

The oracle judges by what stands on the wire; that it can object is shown first.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration import stories
from tests.integration.oracle import objections, observe
from tests.integration.serving import ROOT, Server
from tests.integration.stories import HOSPITAL, LEGEVAKT, NURSING, Matter, admission, person
from tests.integration.traffic import OPERATOR, Address, Load, Readers

Start = Callable[[str], Server]

KILLS = 20
CLIENTS = 6
WARM = 0.75
"""How often the half second begins with the first answer: a server that has just started takes about as long
to give it. The other times it begins with the first request."""


@pytest.fixture
def start(
    fresh_server: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Server]:
    """Start servers that are one installation: the same key, and one address whatever port they get."""
    monkeypatch.setenv("CAREPATH_KEY_FILE", str(tmp_path / "installation.key"))
    monkeypatch.setenv("CAREPATH_BASE_URL", "http://carepath.test")
    return fresh_server


@pytest.mark.timeout(600)
def test_kill_9_loses_and_doubles_nothing(start: Start, database_url: str, seed: int) -> None:
    """Twenty times, at any moment of the load's first half second."""
    chance, address, taken_in = random.Random(seed), Address(), [0]
    load, readers = Load(address, seed), readers_at(address)
    with readers.running():
        with load.running(CLIENTS):
            for _ in range(KILLS):
                server = start(database_url)
                address.up(server.url)
                if chance.random() < WARM:
                    until(lambda: load.count() > taken_in[-1])
                time.sleep(chance.uniform(0.002, 0.5))
                kill(address, server)
                taken_in.append(load.count())
                load.check()
            server = start(database_url)
            address.up(server.url)
        print(f"acknowledged after each kill: {taken_in}")  # noqa: T201 - how hard it was
        assert_nothing_lost_or_doubled(server, load, readers)
        assert stop(address, server) in STOPPED

    assert_rebuild_changes_nothing(database_url)
    assert any(sent.unanswered for sent in load.sent), "no kill met the load"
    assert taken_in[-1] > KILLS, "there was hardly any load"


def test_sigterm_stops_in_time_and_loses_nothing(
    start: Start, database_url: str, seed: int
) -> None:
    """Within five seconds, under load and with open feeds; afterwards everything goes on where it was."""
    address = Address()
    load, readers = Load(address, seed), readers_at(address)
    with readers.running():
        with load.running(CLIENTS):
            server = start(database_url)
            address.up(server.url)
            until(lambda: load.count() > 50)
            begun = time.monotonic()
            assert stop(address, server) in STOPPED
            took = time.monotonic() - begun
            server = start(database_url)
            address.up(server.url)
        assert_nothing_lost_or_doubled(server, load, readers)
        stop(address, server)

    assert took < 5
    assert "Traceback" not in server.log.read_text()
    assert_rebuild_changes_nothing(database_url)


STOPPED = (0, -signal.SIGTERM)
"""Exit codes of a server that stopped when told to: uvicorn raises the signal again when all is done."""


def readers_at(address: Address) -> Readers:
    """The operator and two organisations."""
    return Readers(address, OPERATOR, HOSPITAL.number, NURSING.number)


def kill(address: Address, server: Server) -> None:
    """SIGKILL: no chance to tidy up."""
    server.process.kill()
    address.down()
    server.process.wait()


def stop(address: Address, server: Server) -> int:
    """SIGTERM; the exit code."""
    server.process.terminate()
    address.down()
    return server.process.wait(20)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what must soon be so; whether it is, the caller sees."""
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)


def assert_nothing_lost_or_doubled(server: Server, load: Load, readers: Readers) -> None:
    """The oracle has no objection; then everything is sent again, and nothing but receipts comes of it."""
    _let_all_arrive(load, readers)
    streamed = {receiver: list(got) for receiver, got in readers.events.items()}
    seen = observe(server.url, load.sent, streamed)
    assert objections(seen) == []

    load.repeat()
    _let_all_arrive(load, readers)
    assert objections(seen) == [], "repeats were answered otherwise"
    for receiver, got in readers.events.items():
        assert len(got) == len(streamed[receiver]) + 1, f"repeats came to {receiver}"


def _let_all_arrive(load: Load, readers: Readers) -> None:
    """A feed that has got the newest message has got all before it."""
    newest = admission(Matter(person()), sender=LEGEVAKT, receivers=(HOSPITAL, NURSING))
    load.post(newest)
    until(lambda: readers.have(stories.message_id(newest)))


def assert_rebuild_changes_nothing(database_url: str) -> None:
    """All state follows from the events."""
    command = [sys.executable, "-m", "carepath", "rebuild"]
    env = os.environ | {"CAREPATH_DATABASE_URL": database_url}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
