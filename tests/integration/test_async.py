"""``$process-message?async=true`` from outside: the answer comes to the sender's registered endpoint."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from typing_extensions import override

from carepath.settings import Settings
from carepath.wiring.store import migrate, open_store
from pathways.parties import Identifier, Party
from tests.integration.serving import Server, serving
from tests.integration.stories import (
    GP,
    HOSPITAL,
    LEGEVAKT,
    OSLO,
    OTHER_HOSPITAL,
    Matter,
    Organisation,
    Resource,
    admission,
    discharge,
    message_id,
    person,
)
from tests.integration.stories.systems import ORGANISATION_NUMBER
from tests.integration.talk import FHIR, PROCESS
from tests.servers import free_port


@dataclass
class Endpoint:
    """A sender's own FHIR server: keeps what it is sent; answers with ``statuses`` in turn, then 200."""

    port: int = field(default_factory=free_port)
    statuses: list[int] = field(default_factory=list)
    came: list[tuple[str, bytes]] = field(default_factory=list)
    taken: list[Resource] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}/fhir"

    @contextmanager
    def up(self) -> Iterator[None]:
        """Listen while inside."""
        server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def _handler(endpoint) -> type[BaseHTTPRequestHandler]:  # noqa: N805 -- the handler has a self of its own
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                endpoint.came.append((self.path, body))
                status = endpoint.statuses.pop(0) if endpoint.statuses else 200
                if status == 200:
                    endpoint.taken.append(json.loads(body))
                self.send_response(status)
                if status == 307:
                    self.send_header("Location", f"{endpoint.url}/elsewhere")
                self.end_headers()

            @override
            def log_message(self, *_: Any) -> None:
                """The test says what went wrong."""

        return Handler

    def wait(self, number: int = 1) -> list[Resource]:
        """What it has taken, as soon as that is ``number`` messages; no more may follow at once."""
        until(lambda: len(self.taken) >= number)
        time.sleep(0.3)
        assert len(self.taken) == number
        return self.taken


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something that must come true."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.05)


PARTIES = {"registered": HOSPITAL, "seen": OTHER_HOSPITAL, "without": LEGEVAKT}
"""By key; the GP of the stories is in no directory."""


def enter(url: str, endpoint: Endpoint) -> None:
    """What an administrator does with ``carepath org import``, and what open mode does."""
    parties = [
        Party(
            key,
            of.name,
            identifiers=(Identifier(ORGANISATION_NUMBER, of.number),),
            endpoint=None if key == "without" else endpoint.url,
            seen=key == "seen",
        )
        for key, of in PARTIES.items()
    ]
    with open_store(Settings(database_url=url)) as store:
        store.enter(parties)


@pytest.fixture(scope="module")
def hospital() -> Endpoint:
    """The hospital's server."""
    return Endpoint()


@pytest.fixture
def endpoint(hospital: Endpoint) -> Endpoint:
    """The hospital's server, not up, and nothing came yet."""
    hospital.statuses, hospital.came, hospital.taken = [], [], []
    return hospital


@pytest.fixture(scope="module")
def running(hospital: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that knows the hospital and its endpoint."""
    folder = tmp_path_factory.mktemp("async")
    url = f"sqlite:///{folder}/carepath.db"
    migrate(Settings(database_url=url))
    enter(url, hospital)
    with serving(url, folder / "log") as server:
        yield server


def post(server: Server, message: Resource, **query: str) -> httpx.Response:
    """Send a message that is to be answered later."""
    return httpx.post(
        f"{server.url}{PROCESS}",
        params={"async": "true", **query},
        content=json.dumps(message).encode(),
        headers={"Content-Type": FHIR},
        trust_env=False,
        timeout=20,
    )


def taken_in(server: Server, message: Resource, **query: str) -> None:
    """Send a message whose custody is taken: 200 without body."""
    answer = post(server, message, **query)
    assert (answer.status_code, answer.content) == (200, b""), answer.text


def response(bundle: Resource) -> Resource:
    """``MessageHeader.response`` of a response message."""
    found: Resource = bundle["entry"][0]["resource"]["response"]
    return found


def known(server: Server, message: Resource) -> bool:
    """Whether the broker has heard of a message."""
    url = f"{server.fhir}/MessageHeader/{message_id(message)}/$where"
    return httpx.get(url, trust_env=False).status_code == 200


def test_receipt_comes_to_the_endpoint(running: Server, endpoint: Endpoint) -> None:
    """Once, as a message to the same operation; the synchronous answer is the same bytes."""
    message = admission(Matter(person()))
    with endpoint.up():
        taken_in(running, message, **{"response-url": endpoint.url})
        (receipt,) = endpoint.wait()

    assert response(receipt) == {"identifier": message_id(message), "code": "ok"}
    ((path, body),) = endpoint.came
    assert path == "/fhir/$process-message?async=true"
    at_once = httpx.post(
        f"{running.url}{PROCESS}", json=message, headers={"Content-Type": FHIR}, trust_env=False
    )
    assert at_once.content == body


def test_response_url_below_the_endpoint(running: Server, endpoint: Endpoint) -> None:
    """It is used as it is."""
    with endpoint.up():
        taken_in(running, admission(Matter(person())), **{"response-url": f"{endpoint.url}/in"})
        endpoint.wait()

    assert [path for path, _ in endpoint.came] == ["/fhir/in?async=true"]


def test_refusal_comes_as_a_fatal_error(running: Server, endpoint: Endpoint) -> None:
    """The response message describes what was wrong, and where."""
    later = datetime.now(OSLO) + timedelta(days=1)
    message = admission(Matter(person()), happened=later, written=later)
    with endpoint.up():
        taken_in(running, message)
        (answer,) = endpoint.wait()

    assert (response(answer)["identifier"], response(answer)["code"]) == (
        message_id(message),
        "fatal-error",
    )
    outcome = answer["entry"][1]
    assert outcome["fullUrl"] == response(answer)["details"]["reference"]
    (issue,) = outcome["resource"]["issue"]
    assert (issue["severity"], bool(issue["expression"])) == ("error", True)


def test_endpoint_that_is_down_gets_it_later(running: Server, endpoint: Endpoint) -> None:
    """Neither its absence nor its errors nor a redirect lose the answer; after a 2xx it is left in peace."""
    endpoint.statuses = [503, 307]
    message = admission(Matter(person()))
    taken_in(running, message)
    time.sleep(0.5)
    with endpoint.up():
        (receipt,) = endpoint.wait()

    assert response(receipt)["identifier"] == message_id(message)
    assert len({body for _, body in endpoint.came}) == 1
    assert {path for path, _ in endpoint.came} == {"/fhir/$process-message?async=true"}


def test_what_is_refused_for_good_is_not_sent_again(running: Server, endpoint: Endpoint) -> None:
    """A 4xx: the same bytes would be refused again; the next answer comes."""
    endpoint.statuses = [422]
    matter = Matter(person())
    with endpoint.up():
        taken_in(running, admission(matter))
        until(lambda: len(endpoint.came) == 1)
        taken_in(running, discharge(matter))
        endpoint.wait()

    assert len(endpoint.came) == 2


def test_kill_loses_no_answer(sqlite_url: str, tmp_path: Path, endpoint: Endpoint) -> None:
    """What a killed server owed is sent by the next one, once for each message."""
    enter(sqlite_url, endpoint)
    matter = Matter(person())
    messages = [admission(matter), discharge(matter)]
    with serving(sqlite_url, tmp_path / "log") as server:
        for message in messages:
            taken_in(server, message)
        server.process.kill()
    with endpoint.up(), serving(sqlite_url, tmp_path / "log"):
        until(lambda: len(endpoint.taken) == 2, 90)  # one that was being sent waits for its lease
        answers = endpoint.wait(2)

    assert {response(answer)["identifier"] for answer in answers} == set(map(message_id, messages))


@pytest.mark.parametrize("sender", [OTHER_HOSPITAL, LEGEVAKT, GP], ids=lambda of: of.name)
def test_without_a_registered_endpoint(
    running: Server, endpoint: Endpoint, sender: Organisation
) -> None:
    """Refused in words, and not taken in: who open mode entered, who has none, who is not known.

    What the message itself says of its endpoint does not count.
    """
    message = admission(Matter(person()), sender=sender)
    message["entry"][0]["resource"]["source"]["endpoint"] = endpoint.url
    with endpoint.up():
        answers = [
            post(running, message, **query) for query in ({}, {"response-url": endpoint.url})
        ]
        assert not known(running, message)

    for answer in answers:
        (issue,) = answer.json()["issue"]
        assert (answer.status_code, issue["expression"]) == (422, ["http.async"])
    assert endpoint.came == []


def test_other_addresses_are_refused(running: Server, endpoint: Endpoint) -> None:
    """The broker calls nobody but the sender's own endpoint; nothing is taken in."""
    message = admission(Matter(person()))
    for url in (
        "http://127.0.0.1:1/fhir",
        f"{endpoint.url}.evil.example/",
        f"{endpoint.url}@evil.example/",
        f"{endpoint.url}/../admin",
        f"{endpoint.url}/in?to=elsewhere",
        "",
    ):
        answer = post(running, message, **{"response-url": url})
        (issue,) = answer.json()["issue"]
        assert (answer.status_code, issue["expression"]) == (422, ["http.response-url"]), url
    assert not known(running, message)


def test_what_cannot_be_read_is_answered_at_once(running: Server, endpoint: Endpoint) -> None:
    """Nobody knows whose it is; nor may somebody else have a hospital called."""
    message = admission(Matter(person()))
    with endpoint.up():
        unreadable = post(running, {"resourceType": "Bundle"})
        foreign = httpx.post(
            f"{running.url}{PROCESS}?async=true",
            json=message,
            headers={"Content-Type": FHIR, "X-Carepath-Org": "without"},
            trust_env=False,
        )
        time.sleep(0.3)

    assert (unreadable.status_code, foreign.status_code) == (422, 403)
    assert endpoint.came == []


@pytest.mark.parametrize(
    ("query", "where"),
    [("async=maybe", "http.async"), ("response-url=http://a.example", "http.response-url")],
)
def test_parameters_must_make_sense(running: Server, query: str, where: str) -> None:
    """What is meant is said with async=true."""
    answer = httpx.post(
        f"{running.url}{PROCESS}?{query}", headers={"Content-Type": FHIR}, trust_env=False
    )
    assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (422, [where])
