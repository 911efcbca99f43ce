"""BaRS and MNS at the door of a running server: headers, ids that come back, words of its own for what is wrong."""

import base64
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from tests.integration.embedded import Broker, codes, embedded
from tests.unit import nhs_bars as bars
from tests.unit.test_mns import before, cloud_event

TARGET = base64.b64encode(b'{"system":"http://fhir.nhs.uk/Id/dos-service-id","value":"1002"}')


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One server for all: each test has a referral of its own."""
    with embedded(f"sqlite:///{tmp_path_factory.mktemp('bars') / 'carepath.db'}") as broker:
        yield broker


def referral() -> dict[str, Any]:
    """A referral that nobody has sent."""
    return bars.referral(id_=str(uuid4()))


def ids() -> dict[str, str]:
    """The two ids of a request."""
    return {"X-Request-Id": str(uuid4()), "X-Correlation-Id": str(uuid4())}


def told(answer: httpx.Response) -> set[tuple[str, str, str]]:
    """Error code, issue code and place of each issue."""
    return {
        (issue["details"]["coding"][0]["code"], issue["code"], issue["expression"][0])
        for issue in answer.json()["issue"]
    }


def test_ids_of_a_request_come_back_on_every_answer(broker: Broker) -> None:
    """Whatever the answer is; without them, or with what is no UUID, nothing comes back."""
    for message in (referral(), b"{", referral() | {"id": "-"}):
        sent = ids()
        answer = broker.post(message, **sent)
        assert {name: answer.headers[name] for name in sent} == sent
    sent = ids()
    missing = broker.http.get("/fhir/Patient/nobody", headers=sent)
    assert (missing.status_code, missing.headers["X-Request-Id"]) == (404, sent["X-Request-Id"])
    for odd in ("1", "9434765919", f"{uuid4()}x"):
        answer = broker.http.get("/fhir/metadata", headers={"X-Request-Id": odd})
        assert "X-Request-Id" not in answer.headers


def test_who_names_a_target_keeps_bars_rules(broker: Broker) -> None:
    """A request with its target and both ids is taken in; each that is missing or wrong is named."""
    target = {"NHSD-Target-Identifier": TARGET.decode()}
    assert broker.post(referral(), **target, **ids()).status_code == 200
    answer = broker.post(referral(), **target)
    assert answer.status_code == 400
    assert told(answer) == {
        ("REC_BAD_REQUEST", "required", "http.X-Request-Id"),
        ("REC_BAD_REQUEST", "required", "http.X-Correlation-Id"),
    }
    for odd in ("MTIz", "no", base64.b64encode(b'{"value":"1"}').decode()):
        wrong = {"NHSD-Target-Identifier": odd, **ids(), "X-Request-Id": "1"}
        answer = broker.post(referral(), **wrong)
        assert answer.status_code == 400
        assert told(answer) == {
            ("REC_BAD_REQUEST", "invalid", "http.X-Request-Id"),
            ("REC_BAD_REQUEST", "value", "http.NHSD-Target-Identifier"),
        }
    answer = broker.post(b"{", **target, **ids())
    assert (answer.status_code, {code for code, _, _ in told(answer)}) == (400, {"REC_BAD_REQUEST"})


def test_what_is_wrong_is_said_in_bars_words(broker: Broker) -> None:
    """Statuses, codes and places; what other dialects are told stays as it was."""
    workflow = referral()
    workflow["entry"][1]["resource"]["status"] = "revoked"
    answer = broker.post(workflow)
    assert answer.status_code == 400
    assert told(answer) == {
        ("REC_BAD_REQUEST", "invariant", "Bundle.entry[1].resource.status"),
    }
    lacking = referral()
    del lacking["entry"][0]["resource"]["source"]
    answer = broker.post(lacking)
    assert (answer.status_code, {code for code, _, _ in told(answer)}) == (400, {"REC_BAD_REQUEST"})
    future = referral()
    future["entry"][1]["resource"]["authoredOn"] = "2999-01-01T00:00:00Z"
    for _ in range(2):
        answer = broker.post(future)
        assert answer.status_code == 422
        assert {code for code, _, _ in told(answer)} == {"REC_UNPROCESSABLE_ENTITY"}


def test_a_signal_comes_to_the_same_door(broker: Broker) -> None:
    """As the JSON of before, and as a CloudEvent, which says too little."""
    for name, signal, status in (
        ("application/json", before("1"), 200),
        ("application/cloudevents+json", cloud_event(), 422),
    ):
        answer = broker.http.post(
            "/fhir/$process-message",
            content=orjson.dumps(signal),
            headers={"Content-Type": name},
        )
        assert answer.status_code == status, answer.text
    number = "https://fhir.nhs.uk/Id/nhs-number|" + bars.NUMBER
    (patient,) = broker.patients(number)
    assert "death" in codes(broker.timeline(patient))
