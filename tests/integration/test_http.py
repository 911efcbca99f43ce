"""The HTTP shell from outside: bad input, reading, paging, feeds. Each test uses patients of its own."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from httpx_sse import connect_sse
from sqlalchemy import update

from carepath.store.tables import grants
from tests.contract.stored import opened
from tests.integration import stories
from tests.integration.serving import Server
from tests.integration.stories import (
    Matter,
    Resource,
    admission,
    discharge,
    discharge_ready,
    person,
)

FHIR = "application/fhir+json"
PROCESS = "/fhir/$process-message"
Start = Callable[[str], Server]


@pytest.fixture
def client(server: str) -> Iterator[httpx.Client]:
    """A client of the shared server."""
    with httpx.Client(base_url=server, timeout=20, trust_env=False) as client:
        yield client


def post(client: httpx.Client, content: bytes | Resource, **headers: str) -> httpx.Response:
    """Send a message; bytes go as they are."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return client.post(PROCESS, content=body, headers={"Content-Type": FHIR, **headers})


def taken(client: httpx.Client, *messages: Resource) -> str:
    """Send messages that must be accepted; the id of their patient."""
    for message in messages:
        answer = post(client, message)
        assert answer.status_code == 200, answer.text
    identifier = resource(messages[0], "Patient")["identifier"][0]
    found = client.get(
        "/fhir/Patient",
        params={"identifier": f"{identifier['system']}|{identifier['value']}"},
    ).json()
    assert found["total"] == 1
    return str(found["entry"][0]["resource"]["id"])


def resource(bundle: Resource, type_: str) -> Resource:
    """The first resource of a type in a Bundle."""
    found: Resource = next(
        entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == type_
    )
    return found


def refused(answer: httpx.Response, status: int) -> list[dict[str, Any]]:
    """The issues of an OperationOutcome that came with ``status``; each says what and where."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == FHIR
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert "Traceback" not in answer.text
    issues: list[dict[str, Any]] = outcome["issue"]
    assert all(issue["expression"] and issue["details"]["text"] for issue in issues)
    return issues


def changed(path: str, **values: Any) -> bytes:
    """A sound admission with elements of one resource replaced; ``None`` takes one away."""
    bundle = admission(Matter(person()))
    target = bundle if path == "Bundle" else resource(bundle, path)
    target.update(values)
    for name in [name for name, value in values.items() if value is None]:
        del target[name]
    return json.dumps(bundle).encode()


def with_patients(number: int) -> bytes:
    """An admission with that many patients."""
    bundle = admission(Matter(person()))
    kept = [e for e in bundle["entry"] if e["resource"]["resourceType"] != "Patient"]
    more = [
        {
            "fullUrl": f"urn:uuid:00000000-0000-4000-8000-{n:012}",
            "resource": resource(bundle, "Patient"),
        }
        for n in range(number)
    ]
    return json.dumps({**bundle, "entry": [*kept, *more]}).encode()


def with_event(code: str) -> bytes:
    """An admission that calls itself something else."""
    coding = {"system": "https://carepath.example/fhir/CodeSystem/pathway-event", "code": code}
    return changed("MessageHeader", eventCoding=coding)


def wrong_check_digit() -> bytes:
    """A fødselsnummer whose last digit is another."""
    system = "urn:oid:2.16.578.1.12.4.1.4.1"
    return changed("Patient", identifier=[{"system": system, "value": "13116900217"}])


BAD = {
    "empty": (b"", 400),
    "malformed": (b'{"resourceType":"Bundle",', 400),
    "not utf-8": (b'{"resourceType":"B\xff"}', 400),
    "not an object": (b"[]", 400),
    "wrong type of resource": (b'{"resourceType":"Patient"}', 422),
    "deep": (b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400),
    "nul": (b'{"resourceType":"Bundle","id":"a\\u0000"}', 400),
    "lone surrogate": (b'{"resourceType":"Bundle","id":"\\ud800"}', 400),
    "huge number": (b'{"resourceType":"Bundle","total":1e999999}', 400),
    "property twice": (b'{"resourceType":"Bundle","id":"a","id":"b"}', 400),
    "unknown event": (with_event("no-such-event"), 422),
    "no patient": (with_patients(0), 422),
    "two patients": (with_patients(2), 422),
    "naive instant": (changed("Provenance", occurredDateTime="2026-02-14T02:10:00"), 422),
    "future": (changed("Provenance", occurredDateTime="2126-02-14T02:10:00Z"), 422),
    "wrong check digit": (wrong_check_digit(), 422),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_and_harms_nobody(client: httpx.Client, name: str) -> None:
    """The right status, an outcome that says what and where, and the next message works."""
    body, status = BAD[name]

    refused(post(client, body), status)

    assert taken(client, admission(Matter(person())))


@pytest.mark.parametrize("streamed", [False, True])
def test_body_of_10_mb_is_cut_short(client: httpx.Client, streamed: bool) -> None:
    """413, whether the length is announced or not."""
    size = 10 * 1024 * 1024
    chunks = (b" " * 65536 for _ in range(size // 65536))
    answer = client.post(
        PROCESS,
        content=chunks if streamed else b" " * size,
        headers={"Content-Type": FHIR},
    )

    refused(answer, 413)
    assert client.get("/livez").status_code == 200


@pytest.mark.parametrize(
    "media_type", ["application/fhir+xml", "text/plain", "application/x-www-form-urlencoded", ""]
)
def test_other_media_types_are_unsupported(client: httpx.Client, media_type: str) -> None:
    """Only FHIR JSON comes in here."""
    answer = client.post(PROCESS, content=b"{}", headers={"Content-Type": media_type})

    (issue,) = refused(answer, 415)
    assert FHIR in issue["details"]["text"]


def test_unknown_addresses_methods_and_formats(client: httpx.Client) -> None:
    """Each has its status; a wrong method names the right ones."""
    refused(client.get("/fhir/Patient/no-such"), 404)
    refused(client.get("/fhir/Observation"), 404)
    refused(client.get("/fhir/Patient/a/$no-such"), 404)
    refused(client.get("/fhir/Patient/a%00b"), 404)
    refused(client.get("/fhir/metadata", headers={"Accept": "application/fhir+xml"}), 406)
    refused(client.get("/fhir/Patient?_format=xml"), 406)
    answer = client.get(PROCESS)
    refused(answer, 405)
    assert answer.headers["allow"] == "POST"


def test_async_is_refused_in_words(client: httpx.Client) -> None:
    """Nobody has a registered endpoint, so nothing is taken in."""
    bundle = admission(Matter(person()))

    answer = client.post(f"{PROCESS}?async=true", json=bundle, headers={"Content-Type": FHIR})

    assert refused(answer, 422)[0]["code"] == "not-supported"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "attacker.example"},
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Host": "127.0.0.1.attacker.example"},
    ],
)
def test_open_mode_answers_only_nearby(client: httpx.Client, headers: dict[str, str]) -> None:
    """A page from elsewhere cannot make a browser read or write here."""
    refused(client.get("/fhir/metadata", headers=headers), 403)
    refused(post(client, admission(Matter(person())), **headers), 403)


def test_organisation_header_must_be_a_key(client: httpx.Client) -> None:
    """Nothing else can be the name of a feed."""
    refused(client.get("/fhir/Patient", headers={"X-Carepath-Org": "a b"}), 400)


def test_same_message_again_gets_the_same_bytes(client: httpx.Client) -> None:
    """The original answer, byte for byte."""
    bundle = admission(Matter(person()))

    first, again = post(client, bundle), post(client, bundle)

    assert (again.status_code, again.content) == (first.status_code, first.content)


def test_conditional_read(client: httpx.Client) -> None:
    """304 for the version that is known; vread gives the very bytes of a version."""
    patient = taken(client, admission(Matter(person())))
    url = f"/fhir/Patient/{patient}"

    read = client.get(url)

    etag, modified = read.headers["etag"], read.headers["last-modified"]
    assert etag == f'W/"{read.json()["meta"]["versionId"]}"'
    for known in ({"If-None-Match": etag}, {"If-None-Match": "*"}, {"If-Modified-Since": modified}):
        answer = client.get(url, headers=known)
        assert (answer.status_code, answer.content) == (304, b""), known
    assert client.get(url, headers={"If-None-Match": 'W/"99"'}).status_code == 200
    assert client.get(f"{url}/_history/1").content == read.content
    refused(client.get(f"{url}/_history/99"), 404)


def test_history_is_newest_first_in_pages(client: httpx.Client) -> None:
    """Every version of the stay, by the next links."""
    matter = Matter(person())
    patient = taken(client, admission(matter), discharge_ready(matter), discharge(matter))
    stay = client.get("/fhir/Encounter", params={"patient": patient}).json()
    url = stay["entry"][0]["fullUrl"]

    bundles = [client.get(f"{url}/_history?_count=2").json()]
    while next_url := linked(bundles[-1], "next"):
        bundles.append(client.get(next_url).json())

    shown = [entry["resource"] for bundle in bundles for entry in bundle["entry"]]
    versions = [version["meta"]["versionId"] for version in shown]
    assert len(versions) == bundles[0]["total"] > 1
    assert versions == [str(n) for n in range(len(versions), 0, -1)]


def linked(bundle: Resource, relation: str) -> str:
    """The URL of a link, empty when there is none."""
    return next((link["url"] for link in bundle["link"] if link["relation"] == relation), "")


def test_search_pages_give_everything_once(client: httpx.Client) -> None:
    """Absolute next links to the end; total counts the matches on all pages; none repeats an identifier."""
    someone = person()
    patients = taken(client, *(stories.referral(Matter(someone)) for _ in range(5)))
    first = client.get("/fhir/ServiceRequest", params={"patient": patients, "_count": "2"}).json()

    ids, bundle = [entry["resource"]["id"] for entry in first["entry"]], first
    while url := linked(bundle, "next"):
        assert patients not in url
        bundle = client.get(url).json()
        ids += [entry["resource"]["id"] for entry in bundle["entry"]]

    assert len(ids) == len(set(ids)) == first["total"] == 5
    assert "_count=2" in linked(first, "self")
    assert all(entry["search"]["mode"] == "match" for entry in first["entry"])


def test_search_by_form_is_the_same_search(client: httpx.Client) -> None:
    """POST _search, for what must not stand in a URL."""
    patient = taken(client, admission(Matter(person())))
    form = client.post(
        "/fhir/Encounter/_search", data={"patient": patient, "status": "in-progress"}
    )
    query = client.get("/fhir/Encounter", params={"patient": patient, "status": "in-progress"})

    assert form.json() == query.json()
    assert form.json()["total"] == 1


def test_count_alone(client: httpx.Client) -> None:
    """``_count=0`` and ``_summary=count`` give the total and no entries, not even an empty array."""
    patient = taken(client, admission(Matter(person())))
    for control in ({"_count": "0"}, {"_summary": "count"}):
        bundle = client.get("/fhir/Encounter", params={"patient": patient, **control}).json()
        assert (bundle["total"], "entry" in bundle) == (1, False)


def test_nothing_found_is_an_empty_searchset(client: httpx.Client) -> None:
    """200 without an entry array."""
    bundle = client.get("/fhir/Patient", params={"identifier": "urn:x|none"}).json()

    assert (bundle["type"], bundle["total"], "entry" in bundle) == ("searchset", 0, False)


def test_unknown_parameters(client: httpx.Client) -> None:
    """Lenient: ignored and absent from the self link. Strict: 400."""
    lenient = client.get("/fhir/Patient?no-such=1&_count=0")
    strict = client.get("/fhir/Patient?no-such=1", headers={"Prefer": "handling=strict"})

    assert "no-such" not in linked(lenient.json(), "self")
    refused(strict, 400)


@pytest.mark.parametrize(
    "query",
    [
        "Encounter?date=2026-13",
        "Encounter?date=2026-02-14T02:10",
        "Encounter?date=xx2026",
        "Encounter?date=9999-12-31",
        "Encounter?status:below=a",
        "Encounter?patient=Group/1",
        "Patient?_count=-1",
        "Patient?_count=many",
        "Patient?identifier=urn:x|",
        "Patient?identifier=%00",
        "Patient?_continue=abc",
        "Patient?_lastUpdated=yesterday",
    ],
)
def test_bad_search_values_are_named(client: httpx.Client, query: str) -> None:
    """400 that names the parameter."""
    (issue,) = refused(client.get(f"/fhir/{query}"), 400)

    name = query.partition("?")[2].partition("=")[0].partition(":")[0]
    assert issue["expression"] == [f"http.{name}"]


def test_timeline_speaks_the_readers_language(client: httpx.Client) -> None:
    """Norwegian or English, oldest first, then the stay as it stands."""
    matter = Matter(person())
    patient = taken(client, admission(matter), discharge(matter))

    answers = {
        language: client.get(
            f"/fhir/Patient/{patient}/$timeline", headers={"Accept-Language": language}
        )
        for language in ("nb", "en")
    }

    for language, answer in answers.items():
        assert answer.headers["content-language"] == language
        modes = [entry["search"]["mode"] for entry in answer.json()["entry"]]
        assert modes == ["match", "match", "include"]
    texts = {answer.json()["entry"][0]["resource"]["text"]["div"] for answer in answers.values()}
    assert len(texts) == 2


def test_timeline_as_of_a_moment(client: httpx.Client) -> None:
    """What was known then, with the stay as it stood."""
    matter = Matter(person())
    patient = taken(client, admission(matter))
    url = f"/fhir/Patient/{patient}/$timeline"
    (entry, stay) = client.get(url).json()["entry"]
    taken(client, discharge(matter))
    known = entry["resource"]["meta"]["lastUpdated"]

    then = client.get(url, params={"asOf": known}).json()

    assert [e["resource"]["id"] for e in then["entry"]] == [
        entry["resource"]["id"],
        stay["resource"]["id"],
    ]
    assert then["entry"][1]["resource"]["status"] == "in-progress"
    assert client.get(url).json()["total"] == 2
    assert client.get(url, params={"asOf": "2020-01-01"}).json()["total"] == 0
    refused(client.get(url, params={"asOf": "2026-02-14T02:10:00"}), 400)


def test_what_one_may_not_see_is_not_there(client: httpx.Client) -> None:
    """404 for a stranger, in every interaction, with the words of what never was."""
    bundle = admission(Matter(person()))
    patient = taken(client, bundle)
    header = bundle["entry"][0]["resource"]["id"]
    stranger = {"X-Carepath-Org": "stranger"}
    never = refused(client.get("/fhir/Patient/never", headers=stranger), 404)

    for path in (
        f"Patient/{patient}",
        f"Patient/{patient}/_history",
        f"Patient/{patient}/_history/1",
        f"Patient/{patient}/$timeline",
        f"Patient/{patient}/$summary",
        f"MessageHeader/{header}/$where",
        f"Binary/{source_of(client, header)}",
    ):
        assert refused(client.get(f"/fhir/{path}", headers=stranger), 404) == never, path
    found = client.get("/fhir/Encounter", params={"patient": patient}, headers=stranger)
    assert found.json()["total"] == 0


def source_of(client: httpx.Client, message: str) -> str:
    """The id of the Binary that holds a message's original bytes."""
    told = client.get(f"/fhir/MessageHeader/{message}/$where").json()["parameter"][0]["part"]
    reference = next(p["valueReference"]["reference"] for p in told if p["name"] == "source")
    return str(reference).removeprefix("Binary/")


def test_original_bytes_are_kept(client: httpx.Client) -> None:
    """Binary gives what the sender sent, spaces and all."""
    bundle = admission(Matter(person()))
    sent = json.dumps(bundle, indent=3).encode()
    assert post(client, sent).status_code == 200

    binary = client.get(f"/fhir/Binary/{source_of(client, bundle['entry'][0]['resource']['id'])}")

    assert binary.content == sent


def events(url: str, number: int, **request: Any) -> list[tuple[int, str, dict[str, Any]]]:
    """The next ``number`` events of a stream: id, event, CloudEvent."""
    got: list[tuple[int, str, dict[str, Any]]] = []
    with (
        httpx.Client(timeout=20, trust_env=False) as client,
        connect_sse(client, "GET", f"{url}/events", **request) as source,
    ):
        source.response.raise_for_status()
        for event in source.iter_sse():
            got.append((int(event.id), event.event, json.loads(event.data)))
            if len(got) == number:
                return got
    raise AssertionError("the stream ended")


def test_stream_resumes_where_it_stopped(fresh_server: Start, database_url: str) -> None:
    """By Last-Event-ID or since; numbers without gaps; each message once, as it was sent."""
    running = fresh_server(database_url)
    matter = Matter(person())
    messages = [admission(matter), discharge_ready(matter), discharge(matter)]
    with httpx.Client(base_url=running.url, timeout=20, trust_env=False) as client:
        taken(client, *messages)

    first = events(running.url, 2, params={"since": "0"})
    rest = events(running.url, 1, headers={"Last-Event-ID": str(first[-1][0])})
    again = events(running.url, 3, params={"since": "0"})

    assert [*first, *rest] == again
    assert [number for number, _, _ in again] == [1, 2, 3]
    assert [code for _, code, _ in again] == ["admission", "discharge-ready", "discharge"]
    for (number, code, event), message in zip(again, messages, strict=True):
        assert (event["sequence"], event["specversion"]) == (str(number), "1.0")
        assert event["type"] == f"example.carepath.{code}.v1"
        assert event["data"] == message


def test_stream_shows_where_the_message_is(fresh_server: Start, database_url: str) -> None:
    """A receiver's own feed; once it was handed over, $where says when."""
    running = fresh_server(database_url)
    bundle = admission(Matter(person()))
    header = bundle["entry"][0]["resource"]["id"]
    with httpx.Client(base_url=running.url, timeout=20, trust_env=False) as client:
        taken(client, bundle)
        receiver = receivers(client, header)[0]
        organization = receiver["organization"]["valueReference"]["reference"]
        assert "delivered" not in receiver
        events(running.url, 1, params={"org": organization.split("/")[1], "since": "0"})
        for _ in range(50):  # it is written down with the relay's next round
            receiver = receivers(client, header)[0]
            if "delivered" in receiver:
                break
        refused(client.get("/events", params={"org": "a/b"}), 400)
        stranger = {"X-Carepath-Org": "stranger"}
        refused(client.get("/events?org=another", headers=stranger), 400)


def receivers(client: httpx.Client, message: str) -> list[dict[str, Any]]:
    """The receivers of a message by ``$where``, each with its parts by name."""
    told = client.get(f"/fhir/MessageHeader/{message}/$where").json()["parameter"][0]["part"]
    return [{p["name"]: p for p in part["part"]} for part in told if part["name"] == "receiver"]


def test_health_and_metrics(client: httpx.Client) -> None:
    """Alive, ready, and counted; figures carry no personal data."""
    message = admission(Matter(person()))
    patient = taken(client, message)
    refused(post(client, changed("Patient", identifier=None)), 422)

    assert client.get("/livez").status_code == client.get("/readyz").status_code == 200
    figures = client.get("/metrics").text
    assert 'carepath_messages_total{verdict="accepted"}' in figures
    for figure in ("outbox_unnumbered", "feed_undelivered", "parked_open", "answers_unsent"):
        assert f"\ncarepath_{figure}" in figures
    assert "\nprocess_resident_memory_bytes" in figures
    told = resource(message, "Patient")
    (name,) = told["name"]
    personal = [told["identifier"][0]["value"], name["family"], *name["given"], told["birthDate"]]
    for text in (*personal, patient, message["id"], message["entry"][0]["resource"]["id"]):
        assert text not in figures


def test_metadata_names_the_door(client: httpx.Client, server: str) -> None:
    """The CapabilityStatement says where messages go."""
    statement = client.get("/fhir/metadata").json()

    assert statement["resourceType"] == "CapabilityStatement"
    assert statement["implementation"]["url"] == f"{server}/fhir"


def test_what_may_no_longer_be_seen_keeps_its_number(
    fresh_server: Start, database_url: str
) -> None:
    """The receiver's right ended between sending and delivery: it hears that there was something, and no more."""
    running = fresh_server(database_url)
    matter = Matter(person())
    first, second = admission(matter), discharge(matter)
    with httpx.Client(base_url=running.url, timeout=20, trust_env=False) as client:
        patient = taken(client, first)
        organization = receivers(client, first["entry"][0]["resource"]["id"])[0]["organization"]
        receiver = organization["valueReference"]["reference"].split("/")[1]
        with opened(database_url) as database, database.write() as conn:
            conn.execute(update(grants).where(grants.c.reader == receiver).values(until=1))
        taken(client, second)

    ended, held = events(running.url, 2, params={"org": receiver, "since": "0"})

    assert (ended[0], ended[1]) == (1, "withheld")
    assert "data" not in ended[2]
    told = json.dumps(ended[2])
    header = first["entry"][0]["resource"]["id"]
    for text in (
        patient,
        header,
        first["id"],
        resource(first, "Patient")["identifier"][0]["value"],
    ):
        assert text not in told
    assert "admission" not in told
    assert (held[0], held[1], held[2]["data"]) == (2, "discharge", second)
