"""Of every byte that leaves besides answers to who may see them: nothing of anybody is in it.

A server where clients sign in, which tells OpenTelemetry, calls rest-hooks and fetches keys. It is told a whole story,
and asked by friends and strangers in all the places where somebody could put a name or a number. ``test_redaction``
does the same with Kafka, with what is parked and with what an operator types.
"""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import httpx
import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from carepath_client import BackendServices
from tests.integration import stories
from tests.integration.backport import subscription
from tests.integration.outside import Outside, outside
from tests.integration.serving import Server
from tests.integration.signed_in import Site, signed_in, site
from tests.integration.subscriber import until
from tests.integration.test_redaction import questions, seen, somebody, wrong

FHIR: Final = {"Content-Type": "application/fhir+json"}
SECRET: Final = "Bearer s3cret-of-the-hook"
Left = list[tuple[str, str | bytes]]
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def world() -> Iterator[Outside]:
    """Whoever is called."""
    with outside() as made:
        yield made


@pytest.fixture
def here(tmp_path: Path, world: Outside) -> Site:
    """The ward's system has its keys with us, the nurses' publishes them."""
    made = site(
        tmp_path,
        CAREPATH_ALLOW_LOOPBACK_HOOKS="true",
        CAREPATH_ALLOW_LOOPBACK_ISSUERS="true",
        CAREPATH_TRACING="true",
        CAREPATH_STRANGER_RATE="0",
        OTEL_EXPORTER_OTLP_ENDPOINT=world.url,
        OTEL_BSP_SCHEDULE_DELAY="200",
    )
    made.client("ward", "ward-system")
    made.client("nursing", "nursing-system")
    public = (tmp_path / "nursing-system.public.json").read_bytes()
    world.shown["/jwks.json"] = public
    made.carepath("client-key", "revoke", "nursing-system", "--reason", "its keys move")
    added = ("client-key", "add", "nursing", "--client-id", "nursing-moved")
    made.carepath(*added, "--jwks-url", f"{world.url}/jwks.json")
    (tmp_path / "nursing-moved.json").write_bytes((tmp_path / "nursing-system.json").read_bytes())
    return made


def words_of(person: dict[str, Any]) -> tuple[str, str]:
    """The number and the name that are put everywhere."""
    return person["identifier"][0]["value"], "Kvernhusbakken"


def unsigned(claims: dict[str, Any], **header: Any) -> str:
    """A token that nobody signed."""

    def part(told: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'ES384', **header})}.{part(claims)}.c2ln"


def heads(number: str, name: str) -> Iterator[dict[str, str]]:
    """Headers with a person in them."""
    claims = {"iss": number, "sub": name, "aud": number, "jti": number, "exp": 4_000_000_000}
    yield {"Authorization": f"Bearer {number}"}
    yield {"Authorization": f"Bearer {unsigned(claims, kid=number)}"}
    yield {"Authorization": f"DPoP {unsigned(claims, kid=name)}", "DPoP": unsigned(claims)}
    yield {"Authorization": f"Basic {base64.b64encode(number.encode()).decode()}"}
    yield {"Cookie": f"carepath={number}; __Host-carepath={name}"}
    yield {"Host": f"{name}.example.no"}
    yield {"Origin": f"https://{number}.example.no", "Referer": f"https://x/?identifier={number}"}


def kept_heads(number: str, name: str) -> Iterator[dict[str, str]]:
    """Others, for who is signed in."""
    yield {"X-Carepath-Org": number}
    yield {"X-Carepath-Org": name}
    yield {"Accept-Language": name, "Accept": f"application/{name}", "Prefer": f"handling={name}"}
    yield {"If-None-Match": f'W/"{number}"', "Last-Event-ID": name, "User-Agent": number}
    yield {"traceparent": f"00-{number}{'a' * 21}-{'b' * 16}-01", "tracestate": f"x={number}"}
    yield {"baggage": f"patient={number}", "X-Request-Id": number, "X-Forwarded-For": number}


def more_questions(person: dict[str, Any]) -> Iterator[str]:
    """Addresses with the person in them, besides those of ``test_redaction``."""
    number, name = words_of(person)
    both = quote(f"urn:oid:2.16.578.1.12.4.1.4.1|{number}", safe="")
    yield f"/fhir/Patient/?identifier={both}"
    yield f"/fhir/Encounter?subject:identifier={both}&_sort={name}"
    yield f"/fhir/Patient?identifier:of-type={both}"
    yield f"/fhir/Patient?identifier={both}%00"
    yield f"/fhir/Patient?{number}={name}"
    yield f"/fhir/Patient?_include={name}:{number}"
    yield f"/fhir/Patient?_continue={number}"
    yield f"/fhir/Patient/{number}/_history/1"
    yield f"/patients/{number}?asOf={name}"
    yield f"/patients/{number}/changes"
    yield f"/?identifier={number}"
    yield f"/sign-in?next=/patients/{number}%3Fname={name}"
    yield f"/sign-in/callback?code={number}&state={name}"
    yield f"/act-as?next=/{name}"
    yield f"/static/{number}"
    yield f"/{number}/"
    yield f"//{name}/{number}"


def left_of(what: str, answer: httpx.Response) -> Left:
    """What leaves with an answer: its headers, and an error's text. Search links too, whatever is found."""
    told: Left = [(f"{what}: headers", str(answer.headers) + unquote(str(answer.headers)))]
    if answer.status_code >= 300:
        told.append((f"{what}: {answer.status_code}", unquote(answer.text)))
    elif "json" in answer.headers.get("content-type", "") and '"link"' in answer.text:
        links = [one["url"] for one in answer.json().get("link", ())]
        told.append((f"{what}: links", unquote(" ".join(links))))
    return told


def told_by_friends(client: httpx.Client, person: dict[str, Any]) -> Iterator[httpx.Response]:
    """A story, what is wrong in it, and what one can ask, of somebody who is signed in."""
    number, name = words_of(person)
    for message in (*stories.everything(person), *wrong(person)):
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        yield client.post("/fhir/$process-message", content=body, headers=FHIR)
    for address in (*questions(person), *more_questions(person)):
        if not address.startswith("/events?org"):
            yield client.get(address)
    for headers in kept_heads(number, name):
        yield client.get("/fhir/Patient", headers=headers)
    for criteria in (f"Encounter?patient.identifier={number}", f"event={name}", f"{number}"):
        asked = subscription("https://hook.example.no/", criteria)
        none = {"If-None-Exist": f"url={name}&identifier={number}"}
        yield client.post("/fhir/Subscription", json=asked, headers=FHIR)
        yield client.post("/fhir/Subscription", json=asked, headers={**FHIR, **none})
    form = {"identifier": number, "_sort": name}
    yield client.post("/fhir/Patient/_search", data=form)
    yield client.post("/fhir/Patient/_search", data={"identifier": number})


def told_by_strangers(client: httpx.Client, person: dict[str, Any]) -> Iterator[httpx.Response]:
    """The same addresses, and every way to say who one is."""
    number, name = words_of(person)
    for address in (*questions(person), *more_questions(person)):
        yield client.get(address)
    for headers in heads(number, name):
        yield client.get(f"/fhir/Patient?identifier={number}", headers=headers)
        yield client.get("/", headers=headers)
    claims = {"iss": number, "sub": number, "aud": name, "jti": number, "exp": 4_000_000_000}
    for assertion in (number, unsigned(claims, kid=name)):
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
            "client_id": number,
            "scope": name,
        }
        yield client.post("/auth/token", data=form)
        yield client.post("/auth/token", data={"grant_type": number})
    yield client.post("/", data={"identifier": number})
    yield client.post(f"/act-as?next={number}", data={"act-as": name})


def bound_in_vain(server: Server, number: str, name: str) -> Left:
    """What a websocket says to somebody who says a person's number."""
    said: Left = []
    address = f"ws{server.url.removeprefix('http')}/fhir/websocket"
    for told in (f"bind-with-token {number}", number, name):
        with suppress(WebSocketException, TimeoutError), connect(address, proxy=None) as socket:
            socket.send(told)
            said.append(("websocket", str(socket.recv(timeout=0.5))))
    return said


def hooked(client: httpx.Client, world: Outside) -> None:
    """The nurses are told by a rest-hook."""
    asked = subscription(f"{world.url}/hook", "event=admission")
    asked["channel"]["header"] = [f"Authorization: {SECRET}"]
    answer = client.post("/fhir/Subscription", json=asked, headers=FHIR)
    assert answer.status_code == 201, answer.text
    until(lambda: bool(world.to("/hook")))


def test_nothing_of_anybody_leaves(here: Site, world: Outside) -> None:
    """Log, figures, traces, requests we make, headers, refusals, redirects and links."""
    person, left = somebody(), Left()
    number, name = words_of(person)
    wards, nurses = here.folder / "ward-system.json", here.folder / "nursing-moved.json"
    with here.serving() as server:
        sign_in = BackendServices("nursing-moved", nurses, f"{server.url}/auth/token")
        with httpx.Client(base_url=server.url, auth=sign_in, timeout=20) as nursing:
            hooked(nursing, world)
            with signed_in(server, wards) as ward:
                answers = [*told_by_friends(ward, person)]
            until(lambda: len(world.to("/hook")) > 1)
        with httpx.Client(base_url=server.url, timeout=20, trust_env=False) as stranger:
            answers += told_by_strangers(stranger, person)
            left.append(("figures", stranger.get("/metrics").text))
        left += bound_in_vain(server, number, name)
    for answer in answers:
        left += left_of(f"{answer.request.method} {answer.request.url.path}", answer)
    left.append(("log", (here.folder / "log").read_bytes()))
    left += [("request", unquote(call.head)) for call in world.calls]
    left += [("trace", call.body) for call in world.to("/v1/traces")]

    assert any(answer.status_code == 200 for answer in answers[:5]), answers[0].text
    assert any(b"transaction" in call.body for call in world.to("/v1/traces"))
    assert world.to("/jwks.json")
    assert [where for where, said in left if SECRET.encode() in as_bytes(said)] == [
        "request" for call in world.to("/hook")
    ]
    found = [(where, words) for where, said in left if (words := seen(said, person))]
    assert found == []


def as_bytes(said: str | bytes) -> bytes:
    """As it left."""
    return said if isinstance(said, bytes) else said.encode()


def test_the_search_would_find_it() -> None:
    """Each kind of detail, in text and in bytes."""
    person = somebody()
    number, name = words_of(person)
    for leak in (
        f'{{"q":"{number}"}}',
        person["birthDate"].encode(),
        f"x{name}",
        "Torbjørg".encode(),
    ):
        assert seen(leak, person)


def test_no_identifier_is_in_a_link(client: httpx.Client) -> None:
    """Whichever way it was asked for; and the link that is there instead leads to the same."""
    patient = stories.person()
    number = patient["identifier"][0]["value"]
    message = stories.admission(stories.Matter(patient))
    assert client.post("/fhir/$process-message", json=message, headers=FHIR).status_code == 200
    for type_, name in (("Patient", "identifier"), ("Encounter", "patient.identifier")):
        found = client.get(f"/fhir/{type_}", params={name: number}).json()
        (link,) = (one["url"] for one in found["link"])
        assert number not in link
        again = client.get(link).json()
        assert [one["fullUrl"] for one in again["entry"]] == [
            one["fullUrl"] for one in found["entry"]
        ]
    plain = client.get("/fhir/Encounter", params={"status": "in-progress"}).json()
    assert re.search(r"\?status=in-progress&", plain["link"][0]["url"])
