"""A subscriber's own endpoint: a real HTTP server that takes notifications, or does what subscribers do instead."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typing_extensions import override

from tests.integration.backport import numbers, parameter
from tests.integration.stories import Resource


@dataclass(frozen=True, slots=True)
class Reply:
    """What it answers, after so many seconds."""

    status: int = 200
    after: float = 0.0
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Got:
    """A POST that came at ``at`` (monotonic seconds), and what was answered."""

    at: float
    path: str
    headers: dict[str, str]
    body: bytes
    status: int

    @cached_property
    def notification(self) -> Resource:
        """The Bundle, when it is JSON."""
        told: Resource = json.loads(self.body)
        return told

    @cached_property
    def kind(self) -> str:
        """``handshake``, ``heartbeat`` or ``event-notification``."""
        return str(parameter(self.notification["entry"][0]["resource"], "type"))

    @cached_property
    def numbers(self) -> list[int]:
        """Of its events."""
        return numbers(self.notification)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    @override
    def handle_error(self, *_: Any) -> None:
        """Who does not believe our certificate hangs up."""


@dataclass
class Subscriber:
    """Listens on ``port``; answers with ``replies`` in turn, then with ``usual``."""

    port: int
    usual: Reply = Reply()
    replies: list[Reply] = field(default_factory=list)
    got: list[Got] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_up: bool = False

    @property
    def url(self) -> str:
        """Its endpoint, with a secret in it."""
        return f"http://127.0.0.1:{self.port}/hook/s3cret-path?key=s3cret-query"

    def taken(self) -> list[int]:
        """The numbers that it has said 2xx to, in the order they came."""
        return [
            number for one in self.events() if 200 <= one.status < 300 for number in one.numbers
        ]

    def events(self) -> list[Got]:
        """Notifications of events."""
        return self.kinds("event-notification")

    def kinds(self, kind: str) -> list[Got]:
        """Notifications of one kind."""
        with self._lock:
            return [one for one in self.got if one.kind == kind]

    def https(self, host: str) -> str:
        """Its endpoint by that name, over TLS."""
        return f"https://{host}:{self.port}/hook"

    @contextmanager
    def up(self, certificate: Path | None = None) -> Iterator[None]:
        """Listen while inside; over TLS with a certificate, in a file with its key."""
        server = _Server(("127.0.0.1", self.port), self._handler())
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        self._is_up = True
        try:
            yield
        finally:
            self._is_up = False
            server.shutdown()
            thread.join()
            server.server_close()

    def _handler(subscriber) -> type[BaseHTTPRequestHandler]:  # noqa: N805 -- the handler has a self of its own
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                body = self.rfile.read(length)
                if len(body) < length or not subscriber._is_up:  # who sent it is no more, or we
                    self.close_connection = True
                    return
                at, replies = time.monotonic(), subscriber.replies
                reply = replies.pop(0) if replies else subscriber.usual
                time.sleep(reply.after)
                with subscriber._lock:
                    got = Got(at, self.path, dict(self.headers), body, reply.status)
                    subscriber.got.append(got)
                self.send_response(reply.status)
                for name, value in (*reply.headers, ("Content-Length", "0")):
                    self.send_header(name, value)
                self.end_headers()

            @override
            def log_message(self, *_: Any) -> None:
                """The test says what went wrong."""

        return Handler


@contextmanager
def never_reading(port: int) -> Iterator[list[socket.socket]]:
    """A port where connections are taken, and nothing is ever read; the connections."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", port), backlog=128) as listening:

        def accept() -> None:
            while True:
                try:
                    taken.append(listening.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield taken
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            for one in taken:
                one.close()


def certificate(file: Path) -> Path:
    """A certificate of ``localhost``, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(made.public_bytes(Encoding.PEM) + key.private_bytes(*pem))
    return file


def until(holds: Callable[[], object], seconds: float = 20) -> None:
    """Wait for something that must come true."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.02)
