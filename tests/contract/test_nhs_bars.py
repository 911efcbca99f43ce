"""BaRS and MNS on both stores: one referral from its request to its end, repeats, conflicts, what came too early."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from carepath.service import Answer, Service, Submission, Verdict
from carepath.service.answers import in_dialect
from carepath.store import overview
from carepath.store.database import Database
from pathways.facts import ReferralFacts
from pathways.pathway import Thread
from pathways.timeline import Mark
from pathways.transitions import Status
from tests.contract.stored import EVERYTHING, opened
from tests.contract.test_service import shown
from tests.unit import nhs_bars as bars
from tests.unit.test_mns import before, in_fhir, person

JSON = dict[str, Any]


@pytest.fixture
def service(database_url: str) -> Iterator[Service]:
    """The broker in open mode, on an empty store."""
    with opened(database_url) as database:
        yield Service(database)


def sent(service: Service, told: JSON) -> Answer:
    """What is answered to one message."""
    (answer,) = service.handle([Submission(orjson.dumps(told))])
    return answer


def said(answer: Answer) -> tuple[int, str, str]:
    """What BaRS's own rules make of it: status, error code and issue code."""
    status, body = in_dialect(answer)
    (issue,) = orjson.loads(body)["issue"]
    return status, issue["details"]["coding"][0]["code"], issue["code"]


def matter(database: Database, patient: str | None) -> Thread:
    """The one matter there is."""
    assert patient is not None
    with database.read() as conn:
        (thread,) = overview.matters(conn, EVERYTHING, (patient,), None)
    return thread


def later(minutes: int) -> JSON:
    """Another message, written so many minutes past eleven."""
    return {"id_": f"{minutes}{bars.REQUEST[1:]}", "written": f"2026-11-20T11:0{minutes}:00+00:00"}


def test_a_referral_goes_its_way(service: Service) -> None:
    """Asked, accepted, booked, the booking taken back, moved on, completed: one matter, from both sides."""
    story = [
        (bars.referral(), Status.REQUESTED),
        (bars.response(met="planned", **later(1)), Status.RECEIVED),
        (bars.response(met="in-progress", **later(2)), Status.ACCEPTED),
        (bars.booking(**later(3)), Status.IN_PROGRESS),
        (bars.booking("update", "cancelled", **later(4)), Status.ACCEPTED),
        (bars.response(met="finished", **later(5)), Status.COMPLETED),
    ]
    for told, status in story:
        answer = sent(service, told)
        assert answer.verdict is Verdict.ACCEPTED, answer
        assert matter(service.database, answer.patient).status is status


@pytest.mark.parametrize(
    ("last", "status"),
    [
        (bars.response("revoked", "triaged"), Status.REJECTED),
        (bars.referral("update", "revoked", **later(9)), Status.CANCELLED),
        (bars.referral("delete", **later(9)), Status.ENTERED_IN_ERROR),
    ],
)
def test_a_referral_ends_before_its_end(service: Service, last: JSON, status: Status) -> None:
    """Rejected by who was asked, withdrawn or erased by who asked."""
    sent(service, bars.referral())
    answer = sent(service, last)
    assert answer.verdict is Verdict.ACCEPTED, answer
    assert matter(service.database, answer.patient).status is status


def test_a_changed_referral_says_what_it_says_now(service: Service) -> None:
    """An update is a correction of what was asked."""
    sent(service, bars.referral())
    more = bars.request(priority="stat")
    told = bars.bundle(
        "servicerequest-request",
        "update",
        more,
        focus=bars.REFERRAL,
        **later(9),
    )
    answer = sent(service, told)
    facts = matter(service.database, answer.patient).facts
    assert isinstance(facts, ReferralFacts)
    assert facts.priority == "stat"


def test_the_same_message_again_is_a_duplicate_and_nothing_else(service: Service) -> None:
    """By Bundle.id, with another timestamp too; who sends it knows by 409 and duplicate that it had arrived."""
    first = sent(service, bars.referral())
    assert in_dialect(first) == (200, first.body)
    assert orjson.loads(first.body)["entry"][0]["resource"]["response"]["code"] == "ok"
    timeline = shown(service.database, first.patient or "")
    for told in (bars.referral(), bars.referral() | {"timestamp": bars.LATER}):
        again = sent(service, told)
        assert again.verdict is Verdict.DUPLICATE
        assert said(again) == (409, "REC_CONFLICT", "duplicate")
    assert shown(service.database, first.patient or "") == timeline


def test_the_same_id_with_other_content_is_a_conflict(service: Service) -> None:
    """Not a duplicate, which would tell its sender that it had arrived; the first one stands."""
    first = sent(service, bars.referral())
    timeline = shown(service.database, first.patient or "")
    other = bars.referral("update", "revoked")
    answer = sent(service, other)
    assert answer.verdict is Verdict.REFUSED
    assert said(answer) == (409, "REC_CONFLICT", "conflict")
    assert orjson.loads(answer.body)["issue"][0]["expression"] == ["Bundle.id"]
    assert shown(service.database, first.patient or "") == timeline


def test_an_answer_that_comes_first_waits_for_its_request(service: Service) -> None:
    """Kept, and placed when the request is there: its number is its own, whoever sends it."""
    early = sent(service, bars.response("revoked", "triaged"))
    assert (early.verdict, early.status) == (Verdict.PARKED, 202)
    answer = sent(service, bars.referral())
    assert matter(service.database, answer.patient).status is Status.REJECTED


def test_only_who_was_asked_may_answer(service: Service) -> None:
    """403, in BaRS's words."""
    sent(service, bars.referral())
    other = bars.response("revoked", "triaged")
    other["entry"][0]["resource"]["source"]["endpoint"] = "http://fhir.nhs.uk/Id/dos-service-id|9"
    answer = sent(service, other)
    assert said(answer) == (403, "REC_FORBIDDEN", "business-rule")


def test_a_death_that_was_none(service: Service) -> None:
    """Told by a signal, taken back by another."""
    dead = before("2")
    first = sent(service, dead)
    assert first.verdict is Verdict.ACCEPTED, first
    assert matter(service.database, first.patient).status is Status.DECEASED
    removed = in_fhir(record=person()) | {"id": "b" + dead["id"][1:]}
    answer = sent(service, removed)
    assert answer.patient == first.patient
    assert matter(service.database, answer.patient).status is Status.ENTERED_IN_ERROR
    assert Mark.CANCELLED in shown(service.database, first.patient or "")[0][5]
