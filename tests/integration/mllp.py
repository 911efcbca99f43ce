"""A real ``carepath mllp`` in a process of its own, and a plain sender."""

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from carepath.delivery.frames import framed
from tests.integration.serving import ROOT
from tests.servers import PATIENCE, free_port


@dataclass(frozen=True, slots=True)
class Listening:
    """A running listener: what it wrote is in ``log``."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def send(self, *contents: bytes, tls: ssl.SSLContext | None = None) -> list[bytes]:
        """Send messages over one connection; what it answers until it closes."""
        return self.talk(b"".join(map(framed, contents)), tls=tls)

    def talk(self, stream: bytes, tls: ssl.SSLContext | None = None) -> list[bytes]:
        """Send bytes as they are, and say that no more come; the answers, without their frames."""
        line = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        if tls:
            line = tls.wrap_socket(line, server_hostname="localhost")
        with line:
            line.sendall(stream)
            if tls is None:
                line.shutdown(socket.SHUT_WR)
            return _answers(line, None if tls is None else stream.count(b"\x1c"))


def _answers(line: socket.socket, wanted: int | None) -> list[bytes]:
    """Until the other side closes, or so many have come."""
    got = b""
    while wanted is None or got.count(b"\x1c\r") < wanted:
        try:
            data = line.recv(65_536)
        except OSError:  # also TLS that is refused
            break
        if not data:
            break
        got += data
    return [part.removeprefix(b"\x0b") for part in got.split(b"\x1c\r")[:-1]]


@contextmanager
def listening(database_url: str, log: Path, **settings: str) -> Iterator[Listening]:
    """Listen until the block ends, then stop by SIGTERM; ``settings`` as in the environment, without prefix."""
    port = free_port()
    command = [sys.executable, "-m", "carepath", "mllp", "--port", str(port)]
    own = {f"CAREPATH_{name.upper()}": value for name, value in settings.items()}
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "CAREPATH_DATABASE_URL": database_url} | own,
        )
    try:
        _wait(port, process, log)
        yield Listening(port, process, log)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    latest = time.monotonic() + PATIENCE
    while time.monotonic() < latest and process.poll() is None:
        if f":{port}." in log.read_text():
            return
        time.sleep(0.05)
    raise RuntimeError(f"carepath mllp is not ready:\n{log.read_text()[-4000:]}")
