"""A server where everybody signs in: the SDK, the command line, HAPI's client and fhir-kit-client do their work."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from carepath_client import (
    AsyncPublisher,
    AsyncTimeline,
    Publisher,
    Refused,
    Subscriber,
    Timeline,
)
from tests.integration import java_peer, node_peer, peers, stories
from tests.integration.serving import Server
from tests.integration.signed_in import Site, auth, signed_in, site
from tests.integration.test_client_http import admission, somebody
from tests.servers import free_port

FHIR: Final = {"Content-Type": "application/fhir+json"}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The ward's and the nurses' systems are registered."""
    made = site(tmp_path_factory.mktemp("site"))
    made.client("ward", "ward-system")
    made.client("nursing", "nursing-system", kind="RS384")
    return made


@pytest.fixture(scope="module")
def server(here: Site) -> Iterator[Server]:
    """The one that all tests of this file share."""
    with here.serving() as running:
        yield running


@pytest.fixture
def ward(here: Site) -> Path:
    """The key of the ward's system."""
    return here.folder / "ward-system.json"


@pytest.fixture
def nursing(here: Site) -> Path:
    """The key of the nurses' system."""
    return here.folder / "nursing-system.json"


def test_the_sdk_publishes_follows_and_reads(server: Server, ward: Path, nursing: Path) -> None:
    """As its README says; tokens are got on the way, and few."""
    patient = somebody()
    ward_in, nursing_in = auth(server, ward), auth(server, nursing)
    with Publisher.http(server.url, auth=ward_in) as publisher:
        assert publisher.publish(admission(patient)).state == "accepted"
    with Subscriber.http(server.url, auth=nursing_in) as updates:
        assert next(iter(updates)).event == "admission"
    assert patient.national_id is not None
    with Timeline(server.url, auth=nursing_in) as timelines:
        assert [one.event for one in timelines.of(patient.national_id).entries] == ["admission"]


def test_the_sdk_does_so_on_an_event_loop(server: Server, ward: Path) -> None:
    """The same sign-in, for both of httpx's clients."""
    patient = somebody()

    async def work() -> int:
        one = auth(server, ward)
        async with AsyncPublisher(server.url, auth=one) as publisher:
            await publisher.publish(admission(patient))
        async with AsyncTimeline(server.url, auth=one) as timelines:
            return len((await timelines.of(patient.national_id or "")).entries)

    assert asyncio.run(work()) == 1


def test_the_sdk_says_when_it_is_not_let_in(server: Server, here: Site, ward: Path) -> None:
    """With the server's code for what is wrong."""
    other = here.folder / "nobody.json"
    other.write_text(ward.read_text())
    with (
        Publisher.http(server.url, auth=auth(server, other), limit=5) as publisher,
        pytest.raises(Refused, match="client-unknown"),
    ):
        publisher.publish(admission())


def test_a_token_is_used_until_shortly_before_it_expires(server: Server, ward: Path) -> None:
    """Not one for each request."""
    with signed_in(server, ward) as client:
        tokens = {client.get("/fhir/Patient").request.headers["Authorization"] for _ in range(5)}
    assert len(tokens) == 1


def test_hapi_signs_in_and_does_its_work(server: Server, ward: Path, tmp_path: Path) -> None:
    """Sends, finds, reads, pages."""
    patient = stories.person()
    told = [stories.admission(stories.Matter(patient)) for _ in range(2)]

    seen = java_peer.hapi_client(
        "json", server.fhir, peers.files(tmp_path, told), sign_in=(ward.stem, ward)
    )

    assert len(set(seen["receipts"])) == len(told)
    assert seen["timeline"] >= len(told)
    assert len(seen["stays"]) == 2


def test_fhir_kit_client_signs_in_and_does_its_work(
    server: Server, nursing: Path, ward: Path, tmp_path: Path
) -> None:
    """Discovery by the library, a message, a search by pages, a Subscription."""
    told = peers.journey()

    seen = node_peer.fhir_kit_smart(server.fhir, (ward.stem, ward), peers.files(tmp_path, told))

    assert seen["token_endpoint"] == f"{server.url}/auth/token"
    assert seen["stranger"] == 401
    assert seen["responses"] == ["ok"] * len(told)
    assert len(seen["stays"]) == 3
    assert seen["security"] == "SMART-on-FHIR"
    assert seen["subscription"] == "active"
    assert nursing.exists()


def test_the_command_line_signs_in(server: Server, here: Site, ward: Path, tmp_path: Path) -> None:
    """With a key that is named in its environment; without one it is told how."""
    message = tmp_path / "message.json"
    message.write_text(json.dumps(stories.admission(stories.Matter())))
    send = ("publish", str(message), "--url", server.url)
    key = {"CAREPATH_CLIENT_ID": ward.stem, "CAREPATH_CLIENT_KEY_FILE": str(ward)}

    done = here.tried(*send, **key)
    assert done.returncode == 0, done.stderr
    stranger = here.tried(*send)
    assert stranger.returncode == 1
    assert "no-token" in stranger.stdout + stranger.stderr
    assert "set together" in here.tried(*send, CAREPATH_CLIENT_ID=ward.stem).stderr


def test_the_check_says_who_may_sign_in(here: Site, server: Server) -> None:
    """And where; an address without TLS is wrong, but on this machine."""
    told = here.tried("check", "--url", server.url).stdout
    assert "clients may sign in, and tokens of 0 issuers" in told
    done = here.tried("check", "--url", server.url, CAREPATH_BASE_URL="http://ke.example")
    assert done.returncode == 1
    assert "wrong  callers sign in at http://ke.example" in done.stdout


def test_a_message_of_somebody_else_is_refused(server: Server, nursing: Path) -> None:
    """Sent by the nurses in the ward's name."""
    with signed_in(server, nursing) as client:
        message = stories.admission(stories.Matter())
        answer = client.post("/fhir/$process-message", json=message, headers=FHIR)
    assert answer.status_code == 403
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_a_house_may_act_as_its_units_and_as_nobody_else(server: Server, here: Site) -> None:
    """By ``X-Carepath-Org``; whom it may act for besides is registered, and ends when that ends."""
    house = here.client("solvik", "house-system")
    acts_for = ("--role", "supplier", "--acts-for", "nursing")
    supplier = here.client("supplier", "supplier-system", *acts_for)
    with signed_in(server, house) as client:
        assert _as(client, "ward") == 200
        assert _as(client, "nursing") == 403
        assert _as(client, "no such key") == 403
        message = stories.admission(stories.Matter())
        sent = client.post("/fhir/$process-message", json=message, headers=FHIR)
        assert sent.status_code == 200  # its own unit's
    with signed_in(server, supplier) as client:
        assert _as(client, "nursing") == 200
        assert _as(client, "fjordby") == 403
        here.client("supplier", "supplier-system", "--role", "supplier")
        _until(lambda: _as(client, "nursing") == 403)


def test_what_is_included_is_within_the_scopes(server: Server, here: Site, ward: Path) -> None:
    """A search of one type is no way to read another."""
    narrow = here.client("ward", "narrow-system", "--scope", "system/Encounter.rs")
    with signed_in(server, ward) as client:
        message = stories.admission(stories.Matter())
        client.post("/fhir/$process-message", json=message, headers=FHIR)
        assert _included(client) >= {"Encounter", "Patient"}
    with signed_in(server, narrow) as client:
        assert _included(client) == {"Encounter"}
        assert client.get("/fhir/Patient").status_code == 403


def _included(client: httpx.Client) -> set[str]:
    answer = client.get("/fhir/Encounter?_include=Encounter:patient")
    return {entry["resource"]["resourceType"] for entry in answer.json()["entry"]}


def test_a_revoked_client_is_out_within_seconds(server: Server, here: Site) -> None:
    """Its token, too."""
    leaving = here.client("ward", "leaving-system")
    with signed_in(server, leaving) as client:
        assert client.get("/fhir/Patient").status_code == 200
        here.carepath("client-key", "revoke", "leaving-system", "--reason", "the key was lost")
        _until(lambda: _status(client) == 401)
    listed = json.loads(here.carepath("client-key", "list", "--all", "--json"))
    assert "the key was lost" in {one["reason"] for one in listed}


@pytest.fixture
def port() -> int:
    """Where a server is, now and after it was started again."""
    return free_port()


def test_processes_on_one_database_are_one_server(tmp_path: Path, port: int) -> None:
    """They know each other's tokens, and what was said to one of them once; after a restart, too."""
    address = f"http://127.0.0.1:{port}"
    here = site(tmp_path, CAREPATH_BASE_URL=address)
    key = here.client("ward", "ward-system")
    with here.serving(port) as first, here.serving() as second:
        form = _form(first, key)
        answer = httpx.post(f"{second.url}/auth/token", data=form)
        token = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert httpx.get(f"{first.fhir}/Patient", headers=token).status_code == 200
        assert httpx.get(f"{second.fhir}/Patient", headers=token).status_code == 200
        assert _used(httpx.post(f"{first.url}/auth/token", data=form))
    with here.serving(port) as first:
        assert httpx.get(f"{first.fhir}/Patient", headers=token).status_code == 200
        assert _used(httpx.post(f"{first.url}/auth/token", data=form))


def _used(answer: httpx.Response) -> bool:
    told = answer.json()
    return bool(
        answer.status_code == 401
        and told["error"] == "invalid_client"
        and told["error_description"].startswith("assertion-used: ")
    )


def _form(server: Server, private: Path) -> dict[str, str]:
    """What a client sends for a token."""
    asked: list[httpx.Request] = []
    flow = auth(server, private).sync_auth_flow(httpx.Request("GET", server.url))
    asked.append(next(flow))
    return dict(httpx.QueryParams(asked[0].content.decode()))


def _as(client: httpx.Client, organisation: str) -> int:
    headers = {"X-Carepath-Org": organisation}
    return client.get("/fhir/Patient", headers=headers).status_code


def _status(client: httpx.Client) -> int:
    try:
        return client.get("/fhir/Patient").status_code
    except Refused:
        return 401


def _until(holds: object) -> None:
    """Within seconds."""
    assert callable(holds)
    for _ in range(50):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("not within seconds")
