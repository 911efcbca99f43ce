"""Limits of what is asked for, at a running server: who asks too much is told when to come again, and nobody else."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import httpx
import pytest
from websockets.sync.client import connect

from carepath_client import Publisher
from tests.integration import stories
from tests.integration.serving import Server
from tests.integration.signed_in import Site, auth, signed_in, site
from tests.integration.test_client_http import admission

FHIR: Final = {"Content-Type": "application/fhir+json"}
RATE, STRANGERS, STREAMS = 12, 8, 2


@pytest.fixture
def here(tmp_path: Path) -> Site:
    """Where little may be asked for."""
    made = site(
        tmp_path,
        CAREPATH_CLIENT_RATE=str(RATE),
        CAREPATH_STRANGER_RATE=str(STRANGERS),
        CAREPATH_CLIENT_STREAMS=str(STREAMS),
    )
    made.client("ward", "ward-system")
    made.client("nursing", "nursing-system")
    return made


@pytest.fixture
def server(here: Site) -> Iterator[Server]:
    """With nothing counted yet."""
    with here.serving() as running:
        yield running


def counted(server: Server) -> dict[str, float]:
    """What was refused, by limit."""
    page = httpx.get(f"{server.url}/metrics", trust_env=False).text
    lines = [one for one in page.splitlines() if one.startswith("carepath_throttled_total{")]
    return {one.split('"')[1]: float(one.split()[-1]) for one in lines}


def refused(answer: httpx.Response) -> bool:
    """Whether it is a 429 as it should be."""
    if answer.status_code != 429:
        return False
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["Cache-Control"] == "no-store"
    if answer.request.url.path == "/auth/token":
        assert answer.json()["error"] == "temporarily_unavailable"
    else:
        assert answer.json()["issue"][0]["code"] == "throttled"
    return True


def test_a_client_has_its_own_allowance(server: Server, here: Site) -> None:
    """One that asks too much is told so; its neighbour at the same address works on, and so does what watches."""
    wards, nurses = (here.folder / f"{name}-system.json" for name in ("ward", "nursing"))
    with signed_in(server, wards) as ward, signed_in(server, nurses) as nursing:
        answers = [ward.get("/fhir/Patient") for _ in range(2 * RATE)]
        assert not any(map(refused, answers[:RATE]))
        assert refused(answers[-1])
        assert nursing.get("/fhir/Patient").status_code == 200
        message = stories.admission(stories.Matter())
        late = ward.post("/fhir/$process-message", json=message, headers=FHIR)
        assert refused(late)
        told = nursing.get("/fhir/Patient", params={"_summary": "count"}).json()
        assert told["total"] == 0  # nothing of it was taken in
    for path in ("/livez", "/readyz", "/metrics"):
        for _ in range(3 * RATE):
            assert httpx.get(f"{server.url}{path}", trust_env=False).status_code == 200
    assert counted(server)["client"] >= RATE


def test_who_shows_nothing_or_guesses_is_limited_by_address(server: Server, here: Site) -> None:
    """Guesses at the token endpoint, bad tokens and none at all; who is believed is not held up by them."""
    wards = here.folder / "ward-system.json"
    with signed_in(server, wards) as ward:
        assert ward.get("/fhir/Patient").status_code == 200  # has its token
        guess = {"grant_type": "client_credentials", "client_assertion": "x.y.z"}
        with httpx.Client(base_url=server.url, trust_env=False) as stranger:
            token = [stranger.post("/auth/token", data=guess) for _ in range(2 * STRANGERS)]
            assert {one.status_code for one in token[: STRANGERS - 2]} <= {400, 401}
            assert refused(token[-1])
            bad = stranger.get("/fhir/Patient", headers={"Authorization": "Bearer x.y.z"})
            assert refused(bad)
            assert refused(stranger.get("/fhir/Patient", headers={"Cookie": "carepath=x"}))
            assert refused(stranger.get("/fhir/metadata"))
        assert ward.get("/fhir/Patient").status_code == 200
    assert counted(server)["address"] >= STRANGERS


def test_streams_are_limited_by_number(server: Server, here: Site) -> None:
    """Event streams of a client, websockets of an address; one that ends makes room for another."""
    wards = here.folder / "ward-system.json"
    with signed_in(server, wards) as ward:
        with ExitStack() as held:
            for _ in range(STREAMS):
                assert held.enter_context(ward.stream("GET", "/events")).status_code == 200
            assert refused(ward.get("/events"))
        assert any(_has_room(ward) for _ in range(5))  # as soon as it is seen that they are closed
    address = f"ws{server.url.removeprefix('http')}/fhir/websocket"
    with ExitStack() as held:
        for _ in range(STREAMS):
            held.enter_context(connect(address, proxy=None))
        with pytest.raises(Exception, match="429"):
            connect(address, proxy=None)
    assert counted(server)["streams"] >= 2


def _has_room(client: httpx.Client) -> bool:
    """Whether one more stream can be had now; else some time passes."""
    with client.stream("GET", "/events") as again:
        if again.status_code == 200:
            return True
    time.sleep(1)
    return False


@pytest.mark.timeout(240)
def test_the_sdk_waits_and_comes_again(here: Site) -> None:
    """What is one too many is sent again when there is room: nothing is lost."""
    wards = here.folder / "ward-system.json"
    with here.serving() as server:
        with signed_in(server, wards) as ward:
            assert refused([ward.get("/fhir/Patient") for _ in range(2 * RATE)][-1])
        with Publisher.http(server.url, auth=auth(server, wards), limit=150) as publisher:
            assert publisher.publish(admission()).state == "accepted"
