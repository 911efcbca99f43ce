"""BaRS: every workflow, what connects its messages, how it is answered, and what is refused with its place."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings import codes, outbound
from fhir_mappings.dialects.bars import answer
from fhir_mappings.dialects.dialect import Told
from fhir_mappings.inbound import Options, read
from fhir_mappings.receipt import receipt
from pathways.events import Activity, EventCode
from pathways.facts import ReferralFacts
from pathways.messages import Key, KeyRank, Message
from pathways.moments import Moment
from pathways.parties import Identifier
from pathways.refusals import Issue, Reason, Refusal
from tests.unit import nhs_bars as bars
from tests.unit.foreign import JSON, OPTIONS, accepted, refused
from tests.unit.strategies import BASE_URL

NEW, REVISE, CANCEL = Activity.NEW, Activity.REVISE, Activity.CANCEL
REFERRAL_KEY = Key(KeyRank.REFERRAL, f"urn:uuid:{bars.REFERRAL}")


def said(message: Message) -> ReferralFacts:
    """What it says of the referral."""
    assert isinstance(message.facts, ReferralFacts)
    return message.facts


@pytest.mark.parametrize(
    ("told", "code", "activity"),
    [
        (bars.referral(), EventCode.REFERRAL, NEW),
        (bars.referral("update"), EventCode.REFERRAL, REVISE),
        (bars.referral("update", "on-hold"), EventCode.REFERRAL, REVISE),
        (bars.referral("update", "revoked"), EventCode.REFERRAL_WITHDRAWN, NEW),
        (bars.referral("update", "entered-in-error"), EventCode.REFERRAL, CANCEL),
        (bars.referral("delete"), EventCode.REFERRAL, CANCEL),
        (bars.response(met="planned"), EventCode.REFERRAL_RECEIVED, NEW),
        (bars.response(met="triaged"), EventCode.REFERRAL_ACCEPTED, NEW),
        (bars.response(met="in-progress"), EventCode.REFERRAL_ACCEPTED, NEW),
        (bars.response(met="cancelled"), EventCode.REFERRAL_REJECTED, NEW),
        (bars.response(met="finished"), EventCode.REFERRAL_COMPLETED, NEW),
        (bars.response("completed", "triaged", reason="update"), EventCode.REFERRAL_COMPLETED, NEW),
        (bars.response("revoked", "triaged"), EventCode.REFERRAL_REJECTED, NEW),
        (bars.booking(), EventCode.REFERRAL_SCHEDULED, NEW),
        (bars.booking("update"), EventCode.REFERRAL_SCHEDULED, REVISE),
        (bars.booking("update", "cancelled"), EventCode.REFERRAL_SCHEDULED, CANCEL),
        (bars.booking("delete"), EventCode.REFERRAL_SCHEDULED, CANCEL),
        (bars.booking(event="booking-response"), EventCode.REFERRAL_SCHEDULED, NEW),
        (bars.booking(status="noshow", event="booking-response"), EventCode.REFERRAL_REJECTED, NEW),
        (
            bars.booking(status="fulfilled", event="booking-response"),
            EventCode.REFERRAL_COMPLETED,
            NEW,
        ),
    ],
)
def test_event_reason_and_status_say_what_it_means(
    told: JSON, code: EventCode, activity: Activity
) -> None:
    """Each workflow of the guide's *Failure scenarios*; all of them are about the same referral."""
    found = accepted(told)
    assert (found.format, found.code, found.activity) == ("bars", code, activity)
    assert found.keys == (REFERRAL_KEY,)
    made = receipt(found, id="r", code="ok", issues=[], at=found.written, base_url=BASE_URL)
    header = made["entry"][0]["resource"]
    assert header["eventCoding"] == told["entry"][0]["resource"]["eventCoding"]
    assert header["response"]["identifier"] == told["id"]


PLAN: JSON = {
    "resourceType": "CarePlan",
    "url": "88888888-8888-4888-8888-888888888888",
    "status": "completed",
    "intent": "plan",
    "subject": bars.PATIENT,
    "activity": [
        {"outcomeCodeableConcept": [{"coding": [{"code": "Dx1", "display": "See soon"}]}]},
        {"outcomeCodeableConcept": [{"text": "Stairs to the second floor."}]},
    ],
}
SERVICE: JSON = {
    "resourceType": "HealthcareService",
    "url": "99999999-9999-4999-8999-999999999999",
    "identifier": [{"system": codes.DOS_SERVICE_ALIAS, "value": "1002"}],
    "providedBy": {"identifier": {"system": codes.ODS_ALIAS, "value": "RYE"}},
    "name": "Clinic",
}
PERSON: JSON = {
    "resourceType": "Practitioner",
    "url": "99999999-9999-4999-8999-99999999999a",
    "name": [{"text": "Dr Blake"}],
}


def test_a_referral_is_told_with_all_it_says() -> None:
    """It goes by its Bundle's id; addresses are services' identifiers; the requester is the author."""
    plan, service, person = ({**one} for one in (PLAN, SERVICE, PERSON))
    asked = bars.request(
        performer=[{"reference": f"urn:uuid:{service['url']}"}],
        requester={"reference": f"urn:uuid:{person['url']}"},
    )
    found = accepted(
        bars.bundle(
            "servicerequest-request", "new", asked, plan, service, person, focus=bars.REFERRAL
        )
    )
    assert (found.id, found.envelope, found.target) == (bars.REQUEST, bars.REQUEST, None)
    assert found.happened == Moment(datetime.fromisoformat("2026-11-20T09:50:00+00:00"))
    assert found.written == datetime.fromisoformat(bars.SENT)
    assert found.sender.identifiers == (Identifier(codes.DOS_SERVICE, "1001"),)
    assert [one.party.identifiers for one in found.destinations] == [
        (Identifier(codes.DOS_SERVICE, "1002"),)
    ]
    assert found.author.name == "Dr Blake"
    facts = said(found)
    assert (facts.title, facts.priority) == ("Transfer of Care", "urgent")
    assert (facts.reason, facts.reason_code) == ("Breathlessness", "SD1")
    assert facts.note == "Dx1 See soon\nStairs to the second floor."
    assert facts.performer
    assert facts.performer.identifiers == (
        Identifier(codes.DOS_SERVICE, "1002"),
        Identifier(codes.ODS, "RYE"),
    )


def test_a_response_says_why_not_and_what_was_found() -> None:
    """The answering Encounter's reason; of the CarePlans, its own."""
    why = {"reasonCode": [{"coding": [{"code": "full", "display": "No capacity"}]}]}
    rejected = accepted(bars.response("revoked", "triaged", encounter=why))
    assert (said(rejected).reason, said(rejected).reason_code) == ("No capacity", "full")
    assert rejected.target == bars.REQUEST
    theirs = {
        **PLAN,
        "url": bars.BOOKING,
        "activity": [{"outcomeCodeableConcept": [{"text": "2"}]}],
    }
    own = {**PLAN, "encounter": {"reference": f"urn:uuid:{bars.encounter('finished')['url']}"}}
    done = bars.bundle(
        "servicerequest-response",
        "new",
        theirs,
        own,
        bars.encounter("finished"),
        bars.request(),
        focus=bars.encounter("finished")["url"],
        response={"identifier": bars.REQUEST, "code": "ok"},
    )
    assert said(accepted(done)).report == "Dx1 See soon\nStairs to the second floor."
    missed = accepted(bars.booking(status="noshow", event="booking-response"))
    assert said(missed).reason_code == "noshow"


def test_what_is_in_focus_is_what_it_is_about() -> None:
    """Named twice it is one; of two that are not named, none is."""
    twice = bars.referral()
    head = twice["entry"][0]["resource"]
    head["focus"] *= 2
    assert accepted(twice).keys == (REFERRAL_KEY,)
    both = bars.bundle(
        "servicerequest-request",
        "new",
        bars.request(),
        bars.request(url=bars.BOOKING),
        focus=bars.REFERRAL,
    )
    assert accepted(both).keys == (REFERRAL_KEY,)
    both["entry"][0]["resource"]["focus"] = [{"display": "one of them"}]
    assert [issue.where for issue in refused(both).issues] == ["Bundle.entry[2].resource"]


def test_a_booking_says_when() -> None:
    """And one without a referral is a matter of its own."""
    found = accepted(bars.booking())
    assert said(found).scheduled == Moment(datetime.fromisoformat("2026-11-25T12:30:00+00:00"))
    alone = bars.bundle("booking-request", "new", bars.appointment(), focus=bars.BOOKING)
    assert accepted(alone).keys == (Key(KeyRank.REFERRAL, f"urn:uuid:{bars.BOOKING}"),)


def test_the_receivers_own_id_of_a_referral_is_the_same_referral() -> None:
    """A receiver gives the ServiceRequest an id, by which a sender may name it from then on."""
    own = "22222222-2222-4222-8222-22222222222a"
    told = bars.bundle(
        "servicerequest-request", "update", bars.request(id=own), focus=bars.REFERRAL
    )
    assert {key.value for key in accepted(told).keys} == {
        f"urn:uuid:{bars.REFERRAL}",
        f"urn:uuid:{own}",
    }


@given(
    st.sampled_from(
        [
            bars.referral(),
            bars.referral("update"),
            bars.referral("update", "revoked"),
            bars.referral("delete"),
            bars.response(),
            bars.response(met="finished"),
            bars.response("revoked"),
            bars.booking(),
            bars.booking("update", "cancelled"),
        ]
    ),
    st.sampled_from(["routine", "urgent", "asap", "stat"]),
)
def test_what_is_told_on_in_our_profile_is_the_same_message(told: JSON, priority: str) -> None:
    """BaRS in, our FHIR out, in again: nothing that the event's own resources carry is lost."""
    changed = orjson.dumps(told).replace(b'"urgent"', f'"{priority}"'.encode())
    found = accepted(orjson.loads(changed))
    written = outbound.write(found, base_url=BASE_URL)
    again = read(orjson.dumps(written), Options(received=OPTIONS.received, base_url=BASE_URL))
    assert isinstance(again, Message), again
    same = ("id", "code", "activity", "target", "happened", "written", "patient", "keys", "facts")
    assert {name: getattr(again, name) for name in same} == {
        name: getattr(found, name) for name in same
    }


# --- refused


def _without(told: JSON, kind: str) -> JSON:
    told["entry"] = [e for e in told["entry"] if e["resource"]["resourceType"] != kind]
    return told


def _header(told: JSON, **said: Any) -> JSON:
    told["entry"][0]["resource"] |= said
    return told


def _two_patients() -> JSON:
    told = bars.referral()
    told["entry"].append({"fullUrl": "urn:uuid:x", "resource": bars.patient("9434765870")})
    del told["entry"][-1]["resource"]["url"]
    return told


def _number(value: str) -> JSON:
    told = bars.referral()
    told["entry"][2]["resource"]["identifier"][0]["value"] = value
    return told


def _no_bundle_id() -> JSON:
    told = bars.referral()
    del told["id"]
    return told


HEAD = "Bundle.entry[0].resource"
WRONG: dict[str, tuple[JSON, str, str, Reason]] = {
    "event": (
        bars.bundle("servicerequest-question", "new", bars.request(), focus=bars.REFERRAL),
        f"{HEAD}.eventCoding",
        "code-invalid",
        Reason.UNKNOWN_EVENT,
    ),
    "reason": (bars.referral("renew"), f"{HEAD}.reason", "code-invalid", Reason.INVALID),
    "no reason": (
        bars.bundle("servicerequest-request", None, bars.request(), focus=bars.REFERRAL),
        f"{HEAD}.reason",
        "code-invalid",
        Reason.INVALID,
    ),
    "workflow": (
        bars.referral("new", "revoked"),
        "Bundle.entry[1].resource.status",
        "invariant",
        Reason.INVALID,
    ),
    "no request": (
        _without(bars.referral(), "ServiceRequest"),
        f"{HEAD}.focus",
        "required",
        Reason.INVALID,
    ),
    "no appointment": (
        _without(bars.booking(), "Appointment"),
        f"{HEAD}.focus",
        "required",
        Reason.INVALID,
    ),
    "answers nothing": (
        bars.response(response=None),
        f"{HEAD}.response",
        "invariant",
        Reason.INVALID,
    ),
    "no patient": (
        _without(bars.referral(), "Patient"),
        "Bundle.entry",
        "required",
        Reason.PATIENT,
    ),
    "two patients": (_two_patients(), "Bundle.entry[3].resource", "invariant", Reason.PATIENT),
    "number": (
        _number("943476591"),
        "Bundle.entry[2].resource.identifier[0].value",
        "value",
        Reason.PATIENT,
    ),
    "no id": (_no_bundle_id(), "Bundle.id", "required", Reason.INVALID),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_refused_with_its_place(what: str) -> None:
    """By what it is and where it stands; BaRS answers 400 to all of it."""
    told, where, code, reason = WRONG[what]
    head = told["entry"][0]["resource"]
    told["entry"][0]["resource"] = {k: v for k, v in head.items() if v is not None}
    refusal = refused(told)
    assert refusal.reason is reason
    assert (code, where) in {(issue.code, issue.where) for issue in refusal.issues}
    status, outcome = answer(Told(status=422, issues=refusal.issues, unread=True))
    assert status == 400
    for issue in outcome["issue"]:
        assert issue["details"]["coding"][0] == {
            "system": "https://fhir.nhs.uk/Codesystem/http-error-codes",
            "code": "REC_BAD_REQUEST",
        }
        assert issue["diagnostics"]


@pytest.mark.parametrize(("number", "fine"), [(bars.NUMBER, True), ("9434765918", False)])
def test_where_no_made_up_numbers_are_taken_the_control_digit_counts(
    number: str, fine: bool
) -> None:
    """NHS Data Dictionary: modulus 11."""
    strict = replace(OPTIONS, accept_synthetic=False)
    found = read(orjson.dumps(_number(number)), strict)
    assert isinstance(found, Message) is fine
    assert isinstance(read(orjson.dumps(_number(number)), OPTIONS), Message)


# --- answered


def test_only_a_repeat_is_called_one() -> None:
    """409 and duplicate tell a sender that all is well: the same id with other content is a conflict."""
    status, outcome = answer(Told(status=200, issues=(), repeat=bars.REQUEST))
    (issue,) = outcome["issue"]
    assert (status, issue["code"]) == (409, "duplicate")
    assert issue["details"]["coding"][0]["code"] == "REC_CONFLICT"
    assert bars.REQUEST in issue["diagnostics"]
    other = Issue("duplicate", "other content", "Bundle.id")
    status, outcome = answer(Told(status=409, issues=(other,)))
    (issue,) = outcome["issue"]
    assert (status, issue["code"], issue["expression"]) == (409, "conflict", ["Bundle.id"])


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "REC_FORBIDDEN"),
        (404, "REC_NOT_FOUND"),
        (422, "REC_UNPROCESSABLE_ENTITY"),
        (500, "REC_SERVER_ERROR"),
    ],
)
def test_every_status_has_its_code(status: int, code: str) -> None:
    """What was read but cannot be done keeps its status."""
    said_, outcome = answer(Told(status=status, issues=(Issue("processing", "no", "Bundle"),)))
    assert said_ == status
    assert outcome["issue"][0]["details"]["coding"][0]["code"] == code


def test_whose_words_to_answer_in_is_known_of_faulty_messages_too() -> None:
    """By the event's system alone."""
    faulty = _header(bars.referral(), focus=7)
    refused = read(orjson.dumps(faulty), OPTIONS)
    assert isinstance(refused, Refusal)
    assert refused.format == "bars"
    for odd in (b"{", b"[]", b'{"resourceType":"Bundle","entry":[1]}', b'{"entry":{}}'):
        unknown = read(odd, OPTIONS)
        assert isinstance(unknown, Refusal)
        assert unknown.format is None
