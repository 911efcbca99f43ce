"""Bad input to a running server: it is told what and where, and nothing else happens.

All tests share one server, which must answer to the end. What is authentic but cannot be placed is parked.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import httpx
import pytest

from tests.integration.embedded import Broker, codes, embedded
from tests.integration.stories import (
    HOSPITAL,
    LEGEVAKT,
    NURSING,
    OSLO,
    OTHER_HOSPITAL,
    Envelope,
    Matter,
    Organisation,
    Resource,
    acknowledgement,
    admission,
    identity_linked,
    message_id,
    patient_identifier,
    person,
    referral,
)
from tests.integration.talk import FHIR, PROCESS

HEADER, PATIENT = ("entry", 0, "resource"), ("entry", 1, "resource")
STRANGER = Organisation("314278232", "Nobody has seen this house before")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The one server; requests that come within 50 ms of each other share a transaction."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CAREPATH_GATHER_MS", "50")
        folder = tmp_path_factory.mktemp("bad-input")
        with embedded(f"sqlite:///{folder}/carepath.db") as broker:
            broker.taken(admission(Matter()))
            yield broker


# what is bad


def spoiled(*path: str | int, to: object) -> bytes:
    """A sound admission with another value at ``path``."""
    return json.dumps(_put(admission(Matter()), path, to)).encode()


def _put(message: Resource, path: tuple[str | int, ...], value: object) -> Resource:
    place: Any = message
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return message


def with_text(raw: bytes) -> bytes:
    """A sound admission with ``raw`` as a text, as it would stand in JSON."""
    return spoiled(*PATIENT, "name", 0, "family", to="@@").replace(b"@@", raw)


def two_patients() -> bytes:
    """An admission that brings somebody else along."""
    message = admission(Matter())
    other = {"fullUrl": "urn:uuid:8a0d6a4e-0d0c-4c0e-9d49-1b0e5c1f7d11", "resource": person()}
    message["entry"].append(other)
    return json.dumps(message).encode()


def of_provenance(**values: object) -> bytes:
    """An admission whose Provenance says something else."""
    message = admission(Matter())
    (found,) = (
        e["resource"] for e in message["entry"] if e["resource"]["resourceType"] == "Provenance"
    )
    found.update(values)
    return json.dumps(message).encode()


def in_the_future(by: timedelta) -> bytes:
    """An admission that is said to happen later than now."""
    happens = datetime.now(OSLO) + by
    return json.dumps(admission(Matter(), happened=happens)).encode()


@dataclass(frozen=True)
class Bad:
    """A body (made when it is needed), and what the server must say: status, and the place it names."""

    body: Callable[[], bytes]
    status: int
    where: str


BUNDLE = "Bundle"
BAD = {
    "malformed JSON": Bad(lambda: b'{"resourceType": "Bundle",', 400, BUNDLE),
    "nothing": Bad(lambda: b"", 400, BUNDLE),
    "not UTF-8": Bad(lambda: with_text(b"\xff\xfe"), 400, BUNDLE),
    "not an object": Bad(lambda: b'["Bundle"]', 400, BUNDLE),
    "depth 10,000": Bad(lambda: b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400, BUNDLE),
    "depth 10,000 in arrays": Bad(lambda: b"[" * 10_000 + b"]" * 10_000, 400, BUNDLE),
    "depth 10,000 never closed": Bad(lambda: b'{"a":[' * 5_000, 400, BUNDLE),
    "escaped NUL": Bad(lambda: with_text(b"a\\u0000b"), 400, BUNDLE),
    "raw NUL": Bad(lambda: with_text(b"a\0b"), 400, BUNDLE),
    "lone surrogate": Bad(lambda: with_text(b"\\ud800"), 400, BUNDLE),
    "lone low surrogate": Bad(lambda: with_text(b"a\\udfff"), 400, BUNDLE),
    "huge number": Bad(lambda: b'{"resourceType":"Bundle","total":1e400}', 400, BUNDLE),
    "huge integer": Bad(
        lambda: b'{"resourceType":"Bundle","total":' + b"9" * 5_000 + b"}", 400, BUNDLE
    ),
    "property twice": Bad(lambda: b'{"resourceType":"Bundle","id":"a","id":"b"}', 400, "Bundle.id"),
    "wrong type of resource": Bad(lambda: json.dumps(person()).encode(), 422, BUNDLE),
    "wrong type of Bundle": Bad(lambda: spoiled("type", to="collection"), 422, "Bundle.type"),
    "unknown event": Bad(
        lambda: spoiled(*HEADER, "eventCoding", "code", to="party"),
        422,
        "Bundle.entry[0].resource.event",
    ),
    "unknown system of events": Bad(
        lambda: spoiled(*HEADER, "eventCoding", "system", to="urn:x"),
        422,
        "Bundle.entry[0].resource.event",
    ),
    "no patient": Bad(
        lambda: spoiled(*PATIENT, to={"resourceType": "Basic", "code": {"text": "?"}}),
        422,
        BUNDLE,
    ),
    "two patients": Bad(two_patients, 422, BUNDLE),
    "naive instant": Bad(lambda: of_provenance(recorded="2026-02-14T02:10:00"), 422, "recorded"),
    "naive time of the event": Bad(
        lambda: of_provenance(occurredDateTime="2026-02-14T02:10:00"), 422, "occurred"
    ),
    "in the future": Bad(lambda: in_the_future(timedelta(minutes=10)), 422, "Provenance"),
    "wrong check digit": Bad(
        lambda: spoiled(*PATIENT, "identifier", 0, "value", to="13116900217"),
        422,
        "Bundle.entry[1].resource.identifier[0]",
    ),
    "organisation number": Bad(
        lambda: json.dumps(admission(Matter(), sender=Organisation("314270011", "?"))).encode(),
        422,
        "identifier[0]",
    ),
    "empty array": Bad(lambda: spoiled(*PATIENT, "name", to=[]), 422, "resource.name"),
    "code of a binding": Bad(lambda: spoiled(*PATIENT, "gender", to="mann"), 422, "gender"),
    "10 MB": Bad(lambda: b" " * (10 * 1024 * 1024), 413, "http.post"),
}


def told(answer: httpx.Response, status: int, where: str) -> None:
    """An OperationOutcome with the right status, each of its issues with its place, one of them ``where``."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == FHIR
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert all(issue["details"]["text"] for issue in outcome["issue"])
    places = [place for issue in outcome["issue"] for place in issue["expression"]]
    assert any(where in place for place in places), places
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("name", BAD)
def test_bad_input_changes_nothing(broker: Broker, name: str) -> None:
    """Its status, its place, the store as it was but for the verdict; and the next message works."""
    bad = BAD[name]
    before = broker.counts()

    told(broker.post(bad.body()), bad.status, bad.where)

    verdicts = 1 if name == "in the future" else 0  # it could be read: refused by the rules
    assert broker.counts() == before | {"inbox": before["inbox"] + verdicts}
    broker.taken(admission(Matter()))
    assert broker.http.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    "media_type", ["application/hl7-v2", "text/plain", "application/x-www-form-urlencoded", ""]
)
def test_wrong_content_type_changes_nothing(broker: Broker, media_type: str) -> None:
    """However good the message is."""
    before = broker.counts()
    body = json.dumps(admission(Matter())).encode()

    answer = broker.http.post(PROCESS, content=body, headers={"Content-Type": media_type})

    told(answer, 415, "http.post")
    assert FHIR in answer.json()["issue"][0]["details"]["text"]
    assert broker.counts() == before


def test_a_little_clock_skew_is_forgiven(broker: Broker) -> None:
    """Clocks differ."""
    broker.taken(in_the_future(timedelta(minutes=2)))


def test_who_is_named_in_what_is_refused_stays_unknown(broker: Broker) -> None:
    """Open mode enters in the directory whoever sends a message, not whoever is named in a broken one."""
    before = broker.counts()["parties"]
    message = _put(admission(Matter(), sender=STRANGER), (*PATIENT, "gender"), "mann")

    told(broker.post(message), 422, "gender")

    assert broker.counts()["parties"] == before


def test_nothing_personal_is_in_the_answer_or_the_log(broker: Broker) -> None:
    """A wrong number is pointed at, not quoted."""
    answer = broker.post(spoiled(*PATIENT, "identifier", 0, "value", to="13116900217"))

    assert "13116900217" not in answer.text
    assert "13116900217" not in broker.server.log.read_text()


def test_bad_ones_do_not_harm_their_neighbours(broker: Broker) -> None:
    """Sixteen clients at once, every other message bad: good ones are taken in, bad ones are refused."""
    wrong = [bad for bad in BAD.values() if bad.status != 413] * 2
    good = [admission(Matter()) for _ in wrong]
    work = [pair for pairs in zip(good, wrong, strict=True) for pair in pairs]
    before = broker.counts()
    together = Barrier(16)

    def client(mine: list[Resource | Bad]) -> list[int]:
        together.wait()
        bodies = [one.body() if isinstance(one, Bad) else one for one in mine]
        return [broker.post(body).status_code for body in bodies]

    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(client, [work[n::16] for n in range(16)]))

    for number, statuses in enumerate(done):
        expected = [one.status if isinstance(one, Bad) else 200 for one in work[number::16]]
        assert statuses == expected
    after = broker.counts()
    for table in ("patients", "events", "threads"):
        assert after[table] == before[table] + len(good)
    kept = "SELECT count(*) FROM events WHERE message_id = ?"
    assert [broker.select(kept, message_id(one)) for one in good] == [[(1,)]] * len(good)
    # a transaction's messages have one time: at least once a good one had a refused one beside it
    shared = """SELECT 1 FROM inbox AS good JOIN inbox AS bad ON good.received = bad.received
                WHERE good.verdict = 'accepted' AND bad.verdict = 'refused' LIMIT 1"""
    assert broker.select(shared) == [(1,)]


# authentic, but it cannot be placed


def reason(answer: httpx.Response) -> str:
    """Why a message was parked, as its sender is told."""
    assert answer.status_code == 202, answer.text
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    (issue,) = outcome["issue"]
    assert issue["severity"] == "information"
    return str(issue["details"]["text"])


def named(patient: Resource) -> str:
    """A patient's first identifier as a search token."""
    return f"{patient['identifier'][0]['system']}|{patient['identifier'][0]['value']}"


def states(broker: Broker, message: Resource) -> list[tuple[str, str]]:
    """Reason and state of a message's parked copies."""
    query = "SELECT reason, state FROM parked WHERE message_id = ?"
    return broker.select(query, message_id(message))


def test_two_people_in_one_are_parked_until_they_are_linked(broker: Broker) -> None:
    """Nobody's timeline gets it before somebody who knows has said that they are the same."""
    one, other = person(), person()
    broker.taken(admission(Matter(one)), admission(Matter(other)))
    both = one | {"identifier": [*one["identifier"], *other["identifier"]]}
    message = admission(Matter(both))
    before = broker.counts()

    assert "different patients" in reason(broker.post(message))

    assert states(broker, message) == [("identity-conflict", "open")]
    after = broker.counts()
    assert {name for name in after if after[name] != before[name]} == {"inbox", "parked"}
    assert broker.retry() == 1
    assert states(broker, message) == [("identity-conflict", "open")]

    broker.taken(identity_linked(one, other["identifier"][0]))
    assert broker.retry() == 0
    assert states(broker, message) == [("identity-conflict", "placed")]
    (patient,) = broker.patients(named(one))
    assert codes(broker.timeline(patient)).count("admission") == 3


@pytest.mark.parametrize("known", [True, False])
def test_a_request_waits_for_its_referral(broker: Broker, known: bool) -> None:
    """It is placed as soon as the referral comes, whether or not the patient was known before."""
    patient = person()
    matter = Matter(patient)
    if known:
        broker.taken(admission(Matter(patient)))
    later = datetime.now(OSLO)
    first = Envelope(written=later - timedelta(hours=1))
    accepted = referral(matter, "referral-accepted", performer=HOSPITAL, written=later)

    assert "nobody has told of yet" in reason(broker.post(accepted))
    assert states(broker, accepted) == [("unknown-matter", "open")]
    assert broker.post(accepted).status_code == 202  # again: the same answer, and one is enough
    assert states(broker, accepted) == [("unknown-matter", "open")]

    broker.taken(referral(matter, performer=HOSPITAL, **first))
    assert states(broker, accepted) == [("unknown-matter", "placed")]
    (key,) = broker.patients(named(patient))
    stay = ["admission"] if known else []
    assert codes(broker.timeline(key)) == [*stay, "referral", "referral-accepted"]
    tasks = [entry["resource"] for entry in broker.get("Task", patient=key)["entry"]]
    about = [one for one in tasks if one["focus"]["reference"].startswith("ServiceRequest/")]
    assert {one["code"]["coding"][0]["code"]: one["status"] for one in about} == {
        "referral": "accepted",
        "referral-assessment": "completed",  # promised when it came, kept by the answer that waited
    }
    assert len(about) == 2
    stays = {one["code"]["coding"][0]["code"] for one in tasks if one not in about}
    assert stays == ({"admission-report", "early-notice"} if known else set())
    assert broker.post(accepted).status_code == 200  # now it has its receipt


def test_a_request_that_the_rules_refuse_is_not_parked_for_ever(broker: Broker) -> None:
    """When its referral comes and somebody else is asked, it gets its verdict and is tried no more."""
    matter = Matter()
    later = datetime.now(OSLO)
    first = Envelope(written=later - timedelta(hours=1))
    stranger = Envelope(sender=NURSING, receivers=(LEGEVAKT,), written=later)
    accepted = referral(matter, "referral-accepted", performer=OTHER_HOSPITAL, **stranger)
    broker.taken(admission(Matter(matter.patient)))
    assert "nobody has told of yet" in reason(broker.post(accepted))

    broker.taken(referral(matter, performer=OTHER_HOSPITAL, **first))

    (patient,) = broker.patients(named(matter.patient))
    assert "referral-accepted" not in codes(broker.timeline(patient))
    verdict = "SELECT verdict FROM inbox WHERE message_id = ?"
    assert broker.select(verdict, message_id(accepted)) == [("refused",)]
    ((why, state),) = states(broker, accepted)
    assert (why, state != "open") == ("unknown-matter", True)


def test_a_receipt_for_nothing_is_parked_until_it_fits(broker: Broker) -> None:
    """It is applied to the message it quotes, and to no other."""
    message = admission(Matter(), receivers=(NURSING,))
    broker.taken(admission(Matter(), receivers=(NURSING,)))
    confirmed = "SELECT count(*) FROM outbox WHERE confirmed IS NOT NULL"
    before = broker.select(confirmed)
    receipt = acknowledgement(message_id(message), sender=NURSING)

    assert "not sent to you" in reason(broker.post(receipt))
    assert states(broker, receipt) == [("unmatched-receipt", "open")]
    assert broker.select(confirmed) == before

    broker.taken(message)
    foreign = acknowledgement(message_id(message), sender=OTHER_HOSPITAL)
    assert "not sent to you" in reason(broker.post(foreign))  # it was not sent this message
    assert broker.select(confirmed) == before
    again = acknowledgement(message_id(message), sender=NURSING)
    assert broker.post(again).status_code == 204
    assert broker.select(confirmed) == [(before[0][0] + 1,)]


def test_one_id_with_two_contents_is_kept_aside(broker: Broker) -> None:
    """The first stands, the sender hears of it, and somebody can look at the second."""
    first = admission(Matter())
    second = admission(Matter(), message_id=message_id(first))
    broker.taken(first)

    told(broker.post(second), 409, "Bundle.entry[0].resource.id")

    assert states(broker, first) == [("conflict", "open")]
    assert broker.patients(named({"identifier": [patient_identifier(second)]})) == []
    assert broker.post(first).status_code == 200
