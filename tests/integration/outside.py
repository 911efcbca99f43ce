"""Whoever our server calls: subscribers, publishers of keys, OpenTelemetry, pagers. All that reaches them is kept."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import override


@dataclass(frozen=True, slots=True)
class Call:
    """One request: its line and headers as text, and its body as it came."""

    path: str
    head: str
    body: bytes


@dataclass
class Outside:
    """Answers GET with what is in ``shown``, and takes every POST."""

    url: str = ""
    shown: dict[str, bytes] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def to(self, path: str) -> list[Call]:
        """What came to one address."""
        return [one for one in self.calls if one.path.startswith(path)]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, world: Outside) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.world = world
        world.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    """Keeps what it hears."""

    server: _Server

    def _keep(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        head = f"{self.requestline}\n{self.headers}"
        self.server.world.calls.append(Call(self.path, head, self.rfile.read(length)))

    def _answer(self, body: bytes | None) -> None:
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def do_GET(self) -> None:
        """What is shown there."""
        self._keep()
        self._answer(self.server.world.shown.get(self.path))

    def do_POST(self) -> None:
        """Taken."""
        self._keep()
        self._answer(b"")

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def outside() -> Iterator[Outside]:
    """Listen on a free port of this machine while inside."""
    world = Outside()
    server = _Server(world)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield world
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
