"""The mailbox over HTTP: fetched, fetched again, confirmed; and what HL7's validator says of it."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from fhir_mappings.codes import FEED_NUMBER
from tests.integration import java_peer
from tests.integration.serving import Server
from tests.integration.stories import (
    CASE_OFFICE,
    NURSING,
    Matter,
    Resource,
    admission,
    hospital_stay,
    message_id,
)
from tests.integration.talk import FHIR, events, linked, receivers, refused, taken
from tests.servers import PATIENCE

Start = Callable[[str], Server]
MINE = {"X-Carepath-Org": NURSING.number}


def fetched(client: httpx.Client, **asked: object) -> Resource:
    """The mailbox of the nursing service."""
    parameters = {f"_{name}": str(value) for name, value in asked.items()}
    answer = client.get("/fhir/$mailbox", params=parameters, headers=MINE)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == FHIR
    found: Resource = answer.json()
    return found


def full(client: httpx.Client, least: int) -> Resource:
    """The mailbox when that many wait: numbers are given behind the answers."""
    latest = time.monotonic() + PATIENCE
    while (found := fetched(client, count=200))["total"] < least:
        assert time.monotonic() < latest, found["total"]
        time.sleep(0.05)
    return found


def numbers(mailbox: Resource) -> list[int]:
    """The entries' numbers in the feed."""
    told = [entry["extension"] for entry in mailbox.get("entry", ())]
    assert all([one["url"] for one in each] == [FEED_NUMBER] for each in told)
    return [int(one["valueString"]) for each in told for one in each]


def upto(number: object) -> Resource:
    """What a receiver is done with."""
    parameter = [{"name": "upto", "valueString": str(number)}]
    return {"resourceType": "Parameters", "parameter": parameter}


def confirm(client: httpx.Client, body: object, **headers: str) -> httpx.Response:
    """As the nursing service."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {"Content-Type": FHIR, **MINE, **headers}
    return client.post("/fhir/$confirm", content=content, headers=told)


@pytest.fixture
def own(fresh_server: Start, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a server of the test's own."""
    server = fresh_server(f"sqlite:///{tmp_path}/carepath.db")
    with httpx.Client(base_url=server.url, timeout=20, trust_env=False) as client:
        yield client


def test_a_receiver_fetches_works_and_confirms(own: httpx.Client) -> None:
    """The very messages that the other channels give, in the order of the feed, until they are confirmed."""
    story = hospital_stay()
    taken(own, *story)
    told = events(str(own.base_url), 5, params={"since": "0"}, headers={**MINE})
    mailbox = full(own, 5)

    assert (mailbox["type"], mailbox["total"]) == ("history", len(mailbox["entry"]))
    assert numbers(mailbox) == [*range(1, mailbox["total"] + 1)]
    for entry, (number, _, event) in zip(mailbox["entry"][:5], told, strict=True):
        assert entry["extension"][0]["valueString"] == str(number)
        assert entry["fullUrl"] == f"{own.base_url}/fhir/Bundle/{event['id']}"
        assert entry["resource"] == event["data"] | {"id": event["id"]}
        assert entry["response"]["status"] == "200"

    assert fetched(own, count=200) == mailbox
    answer = confirm(own, upto(3))
    assert answer.status_code == 200, answer.text
    assert answer.json()["parameter"] == [
        {"name": "confirmed", "valueString": "3"},
        {"name": "waiting", "valueUnsignedInt": mailbox["total"] - 3},
    ]
    assert confirm(own, upto(3)).json() == answer.json()
    assert numbers(fetched(own)) == numbers(mailbox)[3:]


def test_pages_lead_on_without_confirming(own: httpx.Client) -> None:
    """Each has the link to the next, the last has none; ``_count=0`` tells only how many wait."""
    taken(own, *hospital_stay())
    total = full(own, 7)["total"]
    seen: list[int] = []
    page = fetched(own, count=3)
    while True:
        assert page["total"] == total
        seen += numbers(page)
        following = linked(page, "next")
        if not following:
            break
        assert "X-" not in following
        page = own.get(following, headers=MINE).json()
    assert seen == [*range(1, total + 1)]
    only = fetched(own, count=0)
    assert (only["total"], "entry" in only) == (total, False)
    assert "entry" not in fetched(own, after=total)


def test_what_is_confirmed_is_delivered(own: httpx.Client) -> None:
    """``$where`` says so from then on; being confirmed by a person's system is something else."""
    message = admission(Matter(), receivers=(NURSING,))
    taken(own, message)
    (number,) = numbers(full(own, 1))
    (before,) = receivers(own, message_id(message))
    assert {"delivered", "confirmed"} & {*before} == set()

    assert confirm(own, upto(number)).status_code == 200

    (after,) = receivers(own, message_id(message))
    assert "delivered" in after
    assert "confirmed" not in after


def test_each_has_a_mailbox_of_its_own(own: httpx.Client) -> None:
    """What one confirms is not gone for another; without the header it is the operator's."""
    taken(own, admission(Matter(), receivers=(NURSING, CASE_OFFICE)))
    full(own, 1)
    confirm(own, upto(1))
    for mine in ({"X-Carepath-Org": CASE_OFFICE.number}, {}):
        found = own.get("/fhir/$mailbox", headers=mine).json()
        assert numbers(found)[0] == 1
    assert own.get("/fhir/$mailbox", headers={"X-Carepath-Org": "nobody"}).json()["total"] == 0


def test_killed_between_fetching_and_confirming(fresh_server: Start, tmp_path: Path) -> None:
    """The same is given again; what was confirmed before the kill is not."""
    url = f"sqlite:///{tmp_path}/carepath.db"
    server = fresh_server(url)
    with httpx.Client(base_url=server.url, timeout=20, trust_env=False) as client:
        taken(client, *hospital_stay())
        whole = full(client, 7)
        assert confirm(client, upto(2)).status_code == 200
        before = fetched(client, count=200)
        server.process.kill()
        server.process.wait()
    after = fresh_server(url)
    with httpx.Client(base_url=after.url, timeout=20, trust_env=False) as client:
        assert numbers(fetched(client, count=200)) == numbers(before) == numbers(whole)[2:]
        ids = [entry["resource"]["id"] for entry in before["entry"]]
        assert [e["resource"]["id"] for e in fetched(client, count=200)["entry"]] == ids


UPTO = "Parameters.parameter.where(name = 'upto').value"
WRONG = {
    "no JSON": (b"{", 400, "Parameters"),
    "a property twice": (
        b'{"resourceType":"Parameters","id":"a","id":"b"}',
        400,
        "Parameters.id",
    ),
    "another resource": ({"resourceType": "Patient"}, 422, "Parameters"),
    "an array": ([], 400, "Parameters"),
    "nothing": ({"resourceType": "Parameters"}, 422, UPTO),
    "no number": (upto("one"), 422, UPTO),
    "a negative number": (upto(-1), 422, UPTO),
    "other digits": (upto("٣"), 422, UPTO),
    "a number beyond all": (upto("9" * 30), 422, UPTO),
    "a number not given yet": (upto(999_999), 422, UPTO),
    "zero": (upto(0), 422, UPTO),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_confirmed(client: httpx.Client, wrong: str) -> None:
    """The status and the place."""
    body, status, where = WRONG[wrong]
    (issue,) = refused(confirm(client, body), status)
    assert issue["expression"] == [where]


def test_there_is_no_going_back(own: httpx.Client) -> None:
    """409: that more is confirmed is how it stands."""
    taken(own, *hospital_stay())
    full(own, 4)
    confirm(own, upto(4))
    (issue,) = refused(confirm(own, upto(3)), 409)
    assert (issue["code"], issue["expression"]) == ("conflict", [UPTO])


@pytest.mark.parametrize("name", ["_count", "_after"])
@pytest.mark.parametrize("value", ["-1", "x", "", "1.0", "9" * 30, "٣"])
def test_what_cannot_be_asked_for(client: httpx.Client, name: str, value: str) -> None:
    """A page that is none."""
    answer = client.get("/fhir/$mailbox", params={name: value})
    (issue,) = refused(answer, 400)
    assert issue["expression"] == [f"http.{name}"]


def test_no_error_in_what_is_given(fresh_server: Start, tmp_path: Path) -> None:
    """HL7's validator finds none: in messages, withheld, expired and restored places, an empty box, a confirm."""
    file = tmp_path / "carepath.db"
    server = fresh_server(f"sqlite:///{file}")
    folder = tmp_path / "told"
    folder.mkdir()
    with httpx.Client(base_url=server.url, timeout=20, trust_env=False) as own:
        taken(own, *hospital_stay())
        number = numbers(full(own, 7))[-1]
        _without_content(file)
        box = fetched(own, count=200)
        shown = [(entry["response"]["status"], "resource" in entry) for entry in box["entry"]]
        assert shown[:4] == [("403", False), ("410", False), ("410", False), ("200", True)]
        told = {"mailbox": box, "empty": fetched(own, after=number)}
        told["confirmed"] = confirm(own, upto(1)).json()
    for name, body in told.items():
        (folder / f"{name}.json").write_text(json.dumps(body))
    with java_peer.validator() as validator:
        found = validator.folder(folder)
    assert len(found) == 3
    assert {name: said for name, said in found.items() if said} == {}


def _without_content(file: Path) -> None:
    """The first places are withheld, expired, and the notice of a restore."""
    mine = f"receiver = '{NURSING.number}' AND number ="
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"UPDATE outbox SET withheld = TRUE WHERE {mine} 1")  # noqa: S608
        connection.execute(f"UPDATE outbox SET body = '' WHERE {mine} 2")  # noqa: S608
        kind = "kind = 'restored', body = NULL, event = NULL, patient = NULL"
        connection.execute(f"UPDATE outbox SET {kind} WHERE {mine} 3")  # noqa: S608
