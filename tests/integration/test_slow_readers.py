"""Readers of a feed that read a byte a second, or nothing at all: they cost little, and nobody else waits."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from httpx_sse import connect_sse

from tests.integration.serving import Server, serving
from tests.integration.stories import Matter, Resource, admission, person

MESSAGES, SIZE, STUCK = 24, 700_000, 12
MUCH = MESSAGES * SIZE * STUCK
"""Bytes of memory that what the stuck readers wait for would take; read ahead, it would be several times that."""


def large() -> Resource:
    """An admission with a very long narrative."""
    message = admission(Matter(person()))
    encounter = next(e["resource"] for e in message["entry"] if "class" in e["resource"])
    opening = '<div xmlns="http://www.w3.org/1999/xhtml">'
    encounter["text"] = {"status": "generated", "div": f"{opening}{'x' * SIZE}</div>"}
    return message


def memory(server: Server) -> int:
    """Resident bytes of the server."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])


@contextmanager
def stuck(server: Server) -> Iterator[socket.socket]:
    """A reader of the whole feed with a small window that has read nothing yet."""
    address = urlsplit(server.url)
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect((address.hostname, address.port))
        reader.sendall(f"GET /events?since=0 HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
        yield reader


def post(server: Server, message: Resource) -> None:
    """Have a message taken in."""
    headers = {"Content-Type": "application/fhir+json"}
    url = f"{server.fhir}/$process-message"
    answer = httpx.post(url, json=message, headers=headers, trust_env=False, timeout=30)
    assert answer.status_code == 200, answer.text


def read(server: Server, number: int) -> list[str]:
    """The ids of the first messages of the operator's feed."""
    got: list[str] = []
    with (
        httpx.Client(timeout=30, trust_env=False) as client,
        connect_sse(client, "GET", f"{server.url}/events?since=0") as source,
    ):
        for event in source.iter_sse():
            got.append(json.loads(event.data)["data"]["id"])
            if len(got) == number:
                break
    return got


def test_slow_readers_cost_little_and_hold_up_nobody(sqlite_url: str, tmp_path: Path) -> None:
    """A dozen stuck streams of a large feed: memory stays far below it, others send and read as before."""
    messages = [large() for _ in range(MESSAGES)]
    ids = [message["id"] for message in messages]
    with serving(sqlite_url, tmp_path / "log") as server, ExitStack() as readers:
        for message in messages:
            post(server, message)
        assert read(server, MESSAGES) == ids  # a reader's own needs are in the first measurement
        before = memory(server)

        slow = [readers.enter_context(stuck(server)) for _ in range(STUCK)]
        for _ in range(3):
            assert len(slow[0].recv(1)) == 1
            time.sleep(1)
        after = memory(server)
        post(server, last := admission(Matter(person())))
        got = read(server, MESSAGES + 1)

    assert got == [*ids, last["id"]]
    assert after - before < MUCH
