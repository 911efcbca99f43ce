"""What is open closes within five seconds of the right to it, on a real server that clients sign in to."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any, Final

import httpx
import pytest
import websockets

from pathways.events import EventCode
from pathways.facts import ConsentFacts, ConsentKind, Facts, MeasureFacts
from pathways.messages import Destination, Message
from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef
from tests.contract import matters
from tests.contract.door import someone
from tests.integration import signed_in
from tests.integration.serving import Server
from tests.integration.signed_in import Site
from tests.servers import PATIENCE

WITHIN: Final = 5.0
"""Seconds that a stream may live on after its right."""
_SID: Final = "https://directory.example/parties"
_DIRECTORY: Final = f"""key,name,kind,identifiers,parent,municipality,function
town,Byen kommune,municipality,{_SID}|town,,0301,
ke,Byen KE,municipality,{_SID}|ke,town,,ke
school,Byskolen,school,{_SID}|school,,,
"""
_NUMBERS: Final = count(1)


@contextmanager
def _site(folder: Path, url: str) -> Iterator[tuple[Site, Server]]:
    """A coordinating unit and a school, each with a client of its own."""
    made = signed_in.site(folder, CAREPATH_DATABASE_URL=url)
    directory = folder / "parties.csv"
    directory.write_text(_DIRECTORY)
    made.carepath("org", "import", str(directory))
    for party in ("ke", "school"):
        made.client(party, party)
    with made.serving() as server:
        yield made, server


@pytest.fixture
def running(tmp_path: Path, database_url: str) -> Iterator[tuple[Site, Server]]:
    """On each store."""
    with _site(tmp_path, database_url) as both:
        yield both


def _tell(site: Site, server: Server, code: EventCode, facts: Facts, *to: str) -> None:
    """The coordinating unit says so."""
    at = datetime.now(UTC)
    message = Message(
        id=matters.message_id(next(_NUMBERS)),
        format="carepath",
        envelope=None,
        content=b"",
        code=code,
        sender=_ref("ke"),
        happened=Moment(at),
        written=at,
        destinations=tuple(Destination(_ref(key)) for key in to),
        patient=someone(),
        facts=facts,
    )
    with signed_in.signed_in(server, site.folder / "ke.json") as client:
        said = {"Content-Type": "application/fhir+json"}
        body = matters.source(message)
        answer = client.post("/fhir/$process-message", content=body, headers=said)
    assert answer.status_code == 200, answer.text


def _ref(key: str) -> PartyRef:
    return PartyRef((Identifier(_SID, key),), key)


def _consent(site: Site, server: Server, code: EventCode) -> None:
    facts = ConsentFacts(consent=ConsentKind.SCHOOL, party=_ref("school"))
    _tell(site, server, code, facts)


def _measure(site: Site, server: Server, title: str) -> None:
    ids = (Identifier("https://ke.example", title),)
    facts = MeasureFacts(title=title, owner=_ref("school"), identifiers=ids)
    _tell(site, server, EventCode.MEASURE_PROPOSED, facts, "school")


class _Stream:
    """An open stream of the school's feed, read in the background."""

    def __init__(self, site: Site, server: Server, since: int) -> None:
        self.lines: list[str] = []
        self.ended: float | None = None
        self._reader = Thread(target=self._read, args=(site, server, since), daemon=True)
        self._reader.start()

    def _read(self, site: Site, server: Server, since: int) -> None:
        with signed_in.signed_in(server, site.folder / "school.json") as client:
            timeout = httpx.Timeout(PATIENCE)
            with (
                suppress(httpx.RemoteProtocolError),  # the server was stopped with the test
                client.stream("GET", f"/events?since={since}", timeout=timeout) as answer,
            ):
                assert answer.status_code == 200
                for line in answer.iter_lines():
                    self.lines.append(line)
                self.ended = time.monotonic()

    def said(self, words: str) -> bool:
        """Whether it was told that."""
        return any(words in line for line in self.lines)

    def ends_within(self, seconds: float) -> bool:
        """Whether it ends by then."""
        self._reader.join(seconds)
        return self.ended is not None


def _until(done: Callable[[], object]) -> None:
    for _ in range(int(PATIENCE * 20)):
        if done():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def test_a_consent_that_is_withdrawn_closes_the_stream(running: tuple[Site, Server]) -> None:
    """What comes afterwards has its number and nothing else; nothing of it was sent on the open stream."""
    site, server = running
    _consent(site, server, EventCode.CONSENT_GIVEN)
    _measure(site, server, "Lekser")
    stream = _Stream(site, server, 0)
    _until(lambda: stream.said("Lekser"))
    assert not stream.ends_within(WITHIN)  # it lasts as long as the right

    begun = time.monotonic()
    _consent(site, server, EventCode.CONSENT_WITHDRAWN)
    _measure(site, server, "Svømming")
    assert stream.ends_within(begun + WITHIN - time.monotonic())
    assert not stream.said("Svømming")

    again = _Stream(site, server, 0)
    _until(lambda: [line for line in again.lines if line.startswith("id:")][1:])
    assert not again.said("Lekser")
    assert not again.said("Svømming")
    told = [json.loads(line[6:]) for line in again.lines if line.startswith("data: ")]
    assert {one["type"] for one in told} == {"example.carepath.withheld.v1"}
    assert all("data" not in one for one in told)


def test_a_client_that_is_revoked_loses_its_stream(running: tuple[Site, Server]) -> None:
    """As soon as somebody ends its registration."""
    site, server = running
    stream = _Stream(site, server, 0)
    _until(lambda: stream.said("connected"))
    site.carepath("client-key", "revoke", "school", "--reason", "test")
    begun = time.monotonic()
    assert stream.ends_within(begun + WITHIN - time.monotonic())


def test_a_socket_closes_with_the_right_it_was_bound_by(running: tuple[Site, Server]) -> None:
    """A websocket says why, by its code: 1008."""
    site, server = running
    token, url = _bound(site, server)

    async def socket() -> tuple[float, Any]:
        async with websockets.connect(url) as open_:
            await open_.send(f"bind-with-token {token}")
            await open_.recv()  # the handshake
            await asyncio.to_thread(
                site.carepath, "client-key", "revoke", "school", "--reason", "test"
            )
            begun = time.monotonic()
            await asyncio.wait_for(open_.wait_closed(), PATIENCE)
            return time.monotonic() - begun, open_.close_code

    took, code = asyncio.run(socket())
    assert (code, took < WITHIN) == (1008, True)


def _bound(site: Site, server: Server) -> tuple[str, str]:
    extension = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
    level = {"url": f"{extension}backport-payload-content", "valueCode": "id-only"}
    wanted = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "test",
        "criteria": "https://carepath.example/fhir/SubscriptionTopic/pathway-update",
        "channel": {
            "type": "websocket",
            "payload": "application/fhir+json",
            "_payload": {"extension": [level]},
        },
    }
    with signed_in.signed_in(server, site.folder / "school.json") as client:
        said = {"Content-Type": "application/fhir+json"}
        made = client.post("/fhir/Subscription", content=json.dumps(wanted), headers=said)
        assert made.status_code == 201, made.text
        given = client.get(f"/fhir/Subscription/{made.json()['id']}/$get-ws-binding-token")
    parts: Sequence[dict[str, str]] = given.json()["parameter"]
    told = {part["name"]: next(v for k, v in part.items() if k != "name") for part in parts}
    return told["token"], told["websocket-url"].replace("https", "http")
