"""FHIR XML at a running server: in, out, refused, and kept as it came."""

import base64
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from fhir_mappings import xml
from pathways.refusals import Refusal
from tests.integration.embedded import Broker, embedded
from tests.integration.serving import ROOT
from tests.integration.stories import (
    HOSPITAL,
    NURSING,
    OSLO,
    Envelope,
    Matter,
    Resource,
    acknowledgement,
    admission,
    message_id,
    referral,
)
from tests.integration.talk import FHIR, PROCESS, events

XML = "application/fhir+xml"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One server for all of these."""
    folder = tmp_path_factory.mktemp("xml")
    with embedded(f"sqlite:///{folder}/carepath.db") as broker:
        yield broker


def told(answer: httpx.Response) -> dict[str, Any]:
    """The resource in an answer in XML."""
    assert answer.headers["content-type"] == XML, answer.text
    found = xml.to_json(answer.content)
    assert not isinstance(found, Refusal), found
    return found


def post(broker: Broker, body: bytes, **headers: str) -> httpx.Response:
    """Send bytes as XML."""
    return broker.post(body, **{"Content-Type": XML, **headers})


def as_xml(message: Resource) -> bytes:
    """A message as a sender writes it in XML, with what XML has and JSON has not."""
    source = xml.to_xml(json.loads(json.dumps(message)))
    return source.replace(b"<type value", b"<!-- sent by night -->\n  <type value", 1)


# in


@pytest.mark.parametrize("media_type", [XML, "application/xml", "text/xml; charset=utf-8"])
def test_a_message_in_xml_is_taken_in_and_kept_as_it_came(broker: Broker, media_type: str) -> None:
    """The answer is in XML too, and the very bytes are at the Binary."""
    message = admission(Matter())
    source = as_xml(message)

    answer = broker.http.post(PROCESS, content=source, headers={"Content-Type": media_type})

    assert answer.status_code == 200, answer.text
    header = told(answer)["entry"][0]["resource"]
    assert header["response"] == {"identifier": message_id(message), "code": "ok"}
    binary = broker.http.get(f"/fhir/Binary/{binary_of(broker, message)}")
    assert (binary.content, binary.headers["content-type"]) == (source, XML)


def test_a_message_in_utf_16_is_taken_in(broker: Broker) -> None:
    """As its declaration says."""
    text = as_xml(admission(Matter())).decode().partition("?>")[2]
    source = f'<?xml version="1.0" encoding="UTF-16"?>{text}'.encode("utf-16")
    assert post(broker, source).status_code == 200


def binary_of(broker: Broker, message: Resource) -> str:
    """The id of the Binary that holds a message's bytes."""
    parts = broker.get(f"MessageHeader/{message_id(message)}/$where")["parameter"][0]["part"]
    (reference,) = (p["valueReference"]["reference"] for p in parts if p["name"] == "source")
    return str(reference).removeprefix("Binary/")


@pytest.mark.parametrize("first_in_xml", [True, False])
def test_a_repeat_in_the_other_format_is_a_repeat(broker: Broker, first_in_xml: bool) -> None:
    """The same answer, and nothing else happens; other content under the id is a conflict in either format."""
    message = admission(Matter())
    both = [
        (as_xml(message), XML),
        (json.dumps(message).encode(), FHIR),
    ]
    (one, its_type), (other, other_type) = both if first_in_xml else both[::-1]
    first = broker.http.post(PROCESS, content=one, headers={"Content-Type": its_type})
    before = broker.counts()

    again = broker.http.post(PROCESS, content=other, headers={"Content-Type": other_type})

    assert (first.status_code, again.status_code) == (200, 200)
    answers = {answer.headers["content-type"]: answer for answer in (first, again)}
    assert told(answers[XML]) == answers[FHIR].json()
    assert broker.counts() == before
    conflict = admission(Matter(), message_id=message_id(message))
    assert post(broker, as_xml(conflict)).status_code == 409


def test_the_answer_is_in_the_format_asked_for(broker: Broker) -> None:
    """That of the request where nothing is said."""
    source = as_xml(admission(Matter()))
    assert told(post(broker, source, Accept="*/*"))
    assert post(broker, source, Accept=FHIR).json()["resourceType"] == "Bundle"
    asked = broker.http.post(
        f"{PROCESS}?_format=json", content=source, headers={"Content-Type": XML}
    )
    assert asked.json()["resourceType"] == "Bundle"
    sound = json.dumps(admission(Matter())).encode()
    assert told(broker.post(sound, Accept=f"{FHIR};q=0.5, {XML}"))["type"] == "message"


def test_a_parked_message_in_xml_is_placed_later(broker: Broker) -> None:
    """Its bytes wait as they came."""
    matter, later = Matter(), datetime.now(OSLO)
    first = Envelope(written=later - timedelta(hours=1))
    accepted = referral(matter, "referral-accepted", performer=HOSPITAL, written=later)

    waits = post(broker, as_xml(accepted))
    assert (waits.status_code, told(waits)["resourceType"]) == (202, "OperationOutcome")
    kept = "SELECT media_type, state FROM parked WHERE message_id = ?"
    assert broker.select(kept, message_id(accepted)) == [(XML, "open")]

    broker.taken(referral(matter, performer=HOSPITAL, **first))
    assert broker.select(kept, message_id(accepted)) == [(XML, "placed")]
    assert post(broker, as_xml(accepted)).status_code == 200


def test_receivers_get_json_whatever_the_sender_sent(broker: Broker) -> None:
    """The same message, to the letter of its narratives."""
    message = admission(Matter(), receivers=(NURSING,))
    since = broker.select("SELECT coalesce(max(number), 0) FROM outbox WHERE receiver = '*'")[0][0]
    assert post(broker, as_xml(message)).status_code == 200

    ((_, _, event),) = events(broker.server.url, 1, params={"since": str(since)})

    assert event["datacontenttype"] == FHIR
    assert event["data"] == message


def test_a_receipt_in_xml_confirms(broker: Broker) -> None:
    """And is not answered."""
    message = admission(Matter(), receivers=(NURSING,))
    broker.taken(message)
    answer = post(broker, as_xml(acknowledgement(message_id(message), sender=NURSING)))
    assert (answer.status_code, answer.content) == (204, b"")


# out


def test_everything_that_is_answered_in_json_is_answered_in_xml(broker: Broker) -> None:
    """The same, with the same ETag and Last-Modified."""
    matter = Matter()
    broker.taken(admission(matter))
    ((patient,),) = broker.select("SELECT patient FROM inbox ORDER BY received DESC LIMIT 1")
    addresses = (
        *(
            "metadata",
            f"Patient/{patient}",
            f"Patient/{patient}/_history",
            f"Patient?_id={patient}",
        ),
        *(f"Patient/{patient}/_history/1", f"Encounter?patient={patient}", "Task?_count=0"),
        f"Patient/{patient}/$timeline",
    )
    for address in addresses:
        plain = broker.http.get(f"/fhir/{address}", headers={"Accept": FHIR})
        asked = broker.http.get(f"/fhir/{address}", headers={"Accept": XML})
        assert plain.status_code == asked.status_code == 200, plain.text
        assert _timeless(told(asked)) == _timeless(plain.json())
        for name in ("etag", "last-modified", "content-language"):
            assert asked.headers.get(name) == plain.headers.get(name)
        assert "Accept" in asked.headers["vary"]
        assert "Accept" in plain.headers["vary"]
        assert asked.headers["content-length"] == str(len(asked.content))


def _timeless(resource: dict[str, Any]) -> dict[str, Any]:
    """Without what tells when it was answered."""
    made_now = (
        {"id", "timestamp", "meta", "date"} if resource["resourceType"] == "Bundle" else {"date"}
    )
    return {name: value for name, value in resource.items() if name not in made_now}


def test_the_parameter_counts_more_than_accept(broker: Broker) -> None:
    """Also in the browser's address line, where a plus sign is a space."""
    for format_ in ("xml", "text/xml", "application/fhir+xml", "application/fhir%2Bxml"):
        answer = broker.http.get(f"/fhir/metadata?_format={format_}", headers={"Accept": FHIR})
        assert told(answer)["format"] == ["json", "xml", FHIR, XML]
    answer = broker.http.get("/fhir/metadata?_format=json", headers={"Accept": XML})
    assert answer.headers["content-type"] == FHIR


def test_a_forms_parameter_counts_too(broker: Broker) -> None:
    """As any other parameter of a search by POST."""
    found = broker.http.post("/fhir/Patient/_search", data={"_count": "0", "_format": "xml"})
    assert told(found)["type"] == "searchset"
    wrong = broker.http.post("/fhir/Patient/_search", data={"_format": "ttl"})
    assert wrong.status_code == 406


def test_a_person_gets_it_indented(broker: Broker) -> None:
    """In either format, by the address or a form."""
    for format_, line in ((FHIR, "\n  "), (XML, "\n  <")):
        asked = {"_pretty": "true", "_count": "0", "_format": format_}
        get = broker.http.get("/fhir/Task", params=asked)
        for answer in (get, broker.http.post("/fhir/Task/_search", data=asked)):
            assert line in answer.text


def test_a_known_version_is_not_sent_again(broker: Broker) -> None:
    """In no format."""
    broker.taken(admission(Matter()))
    ((patient,),) = broker.select("SELECT patient FROM inbox ORDER BY received DESC LIMIT 1")
    etag = broker.http.get(f"/fhir/Patient/{patient}").headers["etag"]
    headers = {"Accept": XML, "If-None-Match": etag}
    answer = broker.http.get(f"/fhir/Patient/{patient}", headers=headers)
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    head = broker.http.head(f"/fhir/Patient/{patient}", headers={"Accept": XML})
    assert (head.status_code, head.headers["content-type"], head.content) == (200, XML, b"")


def test_refusals_are_in_xml_too(broker: Broker) -> None:
    """From wherever they come."""
    for path, status in (("Patient/no-such", 404), ("Nothing", 404), ("Patient?date=x", 400)):
        strict = {"Accept": XML, "Prefer": "handling=strict"}
        answer = broker.http.get(f"/fhir/{path}", headers=strict)
        assert answer.status_code == status
        assert told(answer)["resourceType"] == "OperationOutcome"
    far = broker.http.get("/fhir/metadata", headers={"Accept": XML, "Host": "attacker.example"})
    assert (far.status_code, told(far)["issue"][0]["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/fhir+turtle", 406),
        ("application/fhir+xml; fhirVersion=3.0", 406),
        ("application/fhir+xml; fhirVersion=4.0", 200),
        ("application/fhir+xml;q=0", 406),
    ],
)
def test_who_takes_neither_format_is_told_so(broker: Broker, accept: str, status: int) -> None:
    """In JSON."""
    answer = broker.http.get("/fhir/metadata", headers={"Accept": accept})
    assert answer.status_code == status
    assert answer.headers["content-type"] == (XML if status == 200 else FHIR)


def test_a_binary_is_a_resource_for_who_wants_another_format(broker: Broker) -> None:
    """The bytes in Base64; and the bytes themselves for everybody else, changed by nobody."""
    in_json, in_xml = admission(Matter()), admission(Matter())
    broker.taken(in_json)
    post(broker, as_xml(in_xml))
    for message, own, other in ((in_json, FHIR, XML), (in_xml, XML, FHIR)):
        source = as_xml(message) if own == XML else json.dumps(message).encode()
        address = f"/fhir/Binary/{binary_of(broker, message)}"
        for accept in (own, "*/*", f"{own}, {other}", "application/pdf"):
            got = broker.http.get(address, headers={"Accept": accept})
            assert (got.content, got.headers["content-type"]) == (source, own)
        got = broker.http.get(address, headers={"Accept": other})
        binary = told(got) if other == XML else got.json()
        assert (binary["resourceType"], binary["contentType"]) == ("Binary", own)
        assert base64.b64decode(binary["data"]) == source


# refused


def spoiled(old: str, new: str) -> Callable[[], bytes]:
    """A sound admission with a piece of its XML changed."""

    def made() -> bytes:
        source = xml.to_xml(json.loads(json.dumps(admission(Matter())))).decode()
        assert old in source
        return source.replace(old, new, 1).encode()

    return made


DOCTYPE = (
    '<!DOCTYPE Bundle [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>\n<Bundle'
)
EXTERNAL = '<!DOCTYPE Bundle [<!ENTITY a SYSTEM "file:///etc/passwd">]>\n<Bundle'
PATIENT = "Bundle.entry[1].resource"
BAD: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "nothing": (lambda: b"", 400, "Bundle"),
    "JSON": (lambda: json.dumps(admission(Matter())).encode(), 400, "Bundle"),
    "cut short": (lambda: as_xml(admission(Matter()))[:-20], 400, "Bundle"),
    "two roots": (lambda: as_xml(admission(Matter())) + b"<Bundle/>", 400, "Bundle"),
    "billion laughs": (spoiled("<Bundle", DOCTYPE), 400, "Bundle"),
    "external entity": (spoiled("<Bundle", EXTERNAL), 400, "Bundle"),
    "wrong namespace": (spoiled('"http://hl7.org/fhir"', '"urn:hl7-org:v3"'), 400, "Bundle"),
    "invalid UTF-8": (lambda: spoiled("<birthDate", "@")().replace(b"@", b"\xff"), 400, "Bundle"),
    "other encoding": (spoiled("encoding='UTF-8'", "encoding='ISO-8859-1'"), 400, "Bundle"),
    "control character": (spoiled('<birthDate value="', '<birthDate value="&#1;'), 400, "Bundle"),
    "depth 100": (
        spoiled("<birthDate", "<extension>" * 100 + "</extension>" * 100 + "<birthDate"),
        400,
        "Bundle",
    ),
    "depth 10,000": (lambda: b"<a>" * 10_000, 400, "Bundle"),
    "6 MB": (lambda: b"<Bundle" + b" " * 6_000_000 + b"/>", 413, "http.post"),
    "text content": (spoiled("<birthDate", "born<birthDate"), 422, PATIENT),
    "wrong order": (spoiled("<birthDate", '<active value="true"/><birthDate'), 422, "active"),
    "unknown element": (spoiled("<birthDate", '<born value="x"/><birthDate'), 422, "born"),
    "unknown attribute": (spoiled("<birthDate value", "<birthDate day"), 422, "birthDate"),
    "missing value": (spoiled("<birthDate", "<birthDate/><birthDate"), 422, "birthDate"),
    "empty value": (spoiled("<birthDate", '<birthDate value=""/><birthDate'), 422, "birthDate"),
    "twice": (spoiled("<birthDate", '<birthDate value="2000-01-01"/><birthDate'), 422, "birthDate"),
    "boolean": (spoiled("<birthDate", '<birthDate value="x"/><deceasedBoolean'), 422, "deceased"),
    "code of a binding": (spoiled('<gender value="', '<gender value="x'), 422, "gender"),
    "wrong type of Bundle": (spoiled('"message"', '"collection"'), 422, "Bundle.type"),
    "another resource": (
        lambda: b'<Patient xmlns="http://hl7.org/fhir"><id value="x"/></Patient>',
        422,
        "Bundle",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_xml_changes_nothing(broker: Broker, name: str) -> None:
    """Its status, its place, in XML as it was sent; and the next message works."""
    body, status, where = BAD[name]
    before = broker.counts()

    answer = post(broker, body())

    assert answer.status_code == status, answer.text
    issues = told(answer)["issue"]
    places = [place for issue in issues for place in issue["expression"]]
    assert any(where in place for place in places), places
    assert "Traceback" not in answer.text
    assert "root:" not in answer.text
    assert broker.counts() == before
    assert post(broker, as_xml(admission(Matter()))).status_code == 200


@pytest.mark.parametrize(
    "media_type",
    [
        "application/fhir+xml; fhirVersion=3.0",
        "application/fhir+xml; charset=iso-8859-1",
        "application/soap+xml",
    ],
)
def test_wrong_content_types_are_refused(broker: Broker, media_type: str) -> None:
    """However good the message is."""
    answer = post(broker, as_xml(admission(Matter())), **{"Content-Type": media_type})
    assert answer.status_code == 415
    assert XML in answer.text


# the program


def test_files_in_xml_are_published(broker: Broker, tmp_path: Path) -> None:
    """As those in JSON."""
    message = admission(Matter())
    file = tmp_path / "admission.xml"
    file.write_bytes(as_xml(message))
    for more in (("--dry-run",), ("--url", broker.server.url)):
        command = [sys.executable, "-m", "carepath", "publish", str(file), "--json", *more]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        (receipt,) = json.loads(done.stdout)
        assert (receipt["answer"], receipt["message"]) == ("ok", message_id(message))


def test_our_own_fault_is_told_in_the_format_asked_for(broker: Broker) -> None:
    """What goes wrong outside of all interactions, too; nothing of it is told."""
    broker.taken(admission(Matter()))
    ((patient,),) = broker.select("SELECT patient FROM inbox ORDER BY received DESC LIMIT 1")
    with closing(sqlite3.connect(broker.file)) as connection, connection:
        connection.execute("UPDATE resource_versions SET body = x'7B' WHERE id = ?", (patient,))
    answer = broker.http.get(f"/fhir/Patient?_id={patient}", headers={"Accept": XML})
    assert answer.status_code == 500
    assert told(answer)["issue"][0]["code"] == "exception"
