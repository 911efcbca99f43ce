"""Verdicts on requests, and the small rules they stand on: given once, on arrival, with a reason."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pathways.access import Basis, Grant
from pathways.decide import Case, Parked, decide
from pathways.events import Activity, EventCode, Family
from pathways.facts import ApplicationFacts, Disclosure, Facts, InquiryFacts, ReferralFacts
from pathways.messages import Key, KeyRank, Message, Patient
from pathways.moments import Moment
from pathways.parties import Directory, Party, PartyRef
from pathways.pathway import Passing, Thread
from pathways.refusals import Cause, Reason, Refusal
from pathways.threads import place
from pathways.transitions import Status

NOW = datetime(2026, 11, 16, 12, tzinfo=UTC)
KEY = Key(KeyRank.REFERRAL, "r")
DIRECTORY = Directory(
    {
        "hospital": Party("hospital", "Hospital"),
        "ward": Party("ward", "Ward", parent="hospital"),
        "clinic": Party("clinic", "Clinic", parent="hospital"),
        "gp": Party("gp", "GP"),
        "other": Party("other", "Other"),
    }
)
REFERRED = Thread(
    id="t",
    patient="p",
    family=Family.REFERRAL,
    anchor=KEY,
    status=Status.REQUESTED,
    sender="gp",
    owner="ward",
    asked="ward",
)


def case(code: EventCode, sender: str = "ward", **changes: object) -> Case:
    """A request by the ward that the referral asks, now."""
    message = Message(
        id="m",
        format="carepath",
        envelope=None,
        content=b"",
        code=code,
        sender=PartyRef(name=sender),
        happened=Moment(NOW),
        written=NOW,
        patient=Patient(),
        facts=ReferralFacts(),
    )
    made = Case(
        message=message,
        sender=sender,
        asked=None,
        thread=REFERRED,
        directory=DIRECTORY,
        now=NOW,
        clock_skew=timedelta(minutes=5),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def reason(verdict: Refusal | Parked | None) -> str | None:
    """The verdict in one word."""
    return verdict.reason if verdict else None


@pytest.mark.parametrize(
    ("sender", "verdict"),
    [("ward", None), ("clinic", None), ("hospital", None), ("other", Reason.FORBIDDEN)],
)
def test_only_the_one_who_is_asked_may_answer(sender: str, verdict: Reason | None) -> None:
    """The asked, its parent, or a unit of the same parent."""
    assert reason(decide(case(EventCode.REFERRAL_ACCEPTED, sender))) == verdict


def test_a_matter_without_an_owner_may_be_answered_by_anyone() -> None:
    """Nobody was named, so nobody can be asked whether it was them."""
    nobodys = replace(REFERRED, owner=None, asked=None)
    assert decide(case(EventCode.REFERRAL_REJECTED, "other", thread=nobodys)) is None


@pytest.mark.parametrize(
    ("asked", "verdict"), [("other", None), (None, Reason.CONFLICT), ("ward", Reason.CONFLICT)]
)
def test_forwarding_needs_somebody_else(asked: str | None, verdict: Reason | None) -> None:
    """Not nobody, and not oneself."""
    assert reason(decide(case(EventCode.REFERRAL_FORWARDED, asked=asked))) == verdict


@pytest.mark.parametrize(
    ("asked", "why", "cause"),
    [
        ("gp", None, None),  # it never had it
        ("other", None, Cause.IN_CIRCLES),
        ("other", "full", Cause.IN_CIRCLES),  # said before
        ("other", "wrong-field", None),
        ("ward", "wrong-field", Cause.TO_ITSELF),
    ],
)
def test_passing_back_needs_a_new_reason(asked: str, why: str | None, cause: Cause | None) -> None:
    """Nothing goes round in circles; what is new may be said."""
    passed = replace(REFERRED, passed=(Passing("e1", "other", "ward", "full"),))
    told = case(EventCode.REFERRAL_FORWARDED, asked=asked, thread=passed)
    message = replace(told.message, facts=ReferralFacts(reason_code=why))
    verdict = decide(replace(told, message=message))
    said = verdict.issues[0].cause if isinstance(verdict, Refusal) else None
    assert said == cause


def test_an_answered_question_is_passed_on_no_more() -> None:
    """What is closed is closed; a call that nobody told the matter of is no matter yet."""
    answered = replace(REFERRED, family=Family.INQUIRY, status=Status.ANSWERED)
    verdict = decide(case(EventCode.INQUIRY_FORWARDED, asked="other", thread=answered))
    assert isinstance(verdict, Refusal)
    assert verdict.issues[0].cause is Cause.NOT_NOW
    later = replace(answered, updated=Moment(NOW + timedelta(hours=1)))
    crossed = decide(case(EventCode.INQUIRY_FORWARDED, asked="other", thread=later))
    assert crossed is None, "it was passed on before the answer, which only came first"
    unknown = replace(REFERRED, status=Status.UNKNOWN)
    assert decide(case(EventCode.REFERRAL_ACCEPTED, thread=unknown)) == Parked("unknown-matter")


@pytest.mark.parametrize(
    ("code", "facts", "cause"),
    [
        (
            EventCode.DECISION,
            ApplicationFacts(valid_from=Moment(NOW), valid_to=Moment(NOW - timedelta(days=1))),
            Cause.ENDS_BEFORE_IT_BEGINS,
        ),
        (
            EventCode.CARER_UNAVAILABLE,
            InquiryFacts(since=Moment(NOW), until=Moment(NOW - timedelta(days=1))),
            Cause.ENDS_BEFORE_IT_BEGINS,
        ),
        (
            EventCode.REPLY,
            InquiryFacts(disclosure=Disclosure.MAY_DISCLOSE),
            Cause.REASON_NEEDED,
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(code: EventCode, facts: Facts, cause: Cause) -> None:
    """Also in a report; to cancel one there is always a right."""
    told = case(code, thread=None)
    verdict = decide(replace(told, message=replace(told.message, facts=facts)))
    assert isinstance(verdict, Refusal)
    assert verdict.issues[0].cause is cause
    cancelled = replace(told.message, facts=facts, activity=Activity.CANCEL)
    assert decide(replace(told, message=cancelled)) is None


def test_what_is_closed_cannot_be_accepted() -> None:
    """The refusal says how the matter stands."""
    closed = replace(REFERRED, status=Status.COMPLETED)
    verdict = decide(case(EventCode.REFERRAL_ACCEPTED, thread=closed))
    assert isinstance(verdict, Refusal)
    assert "completed" in verdict.issues[0].text


def test_a_request_about_nothing_known_waits() -> None:
    """It is parked, not refused: its matter may come later."""
    assert decide(case(EventCode.REFERRAL_ACCEPTED, thread=None)) == Parked("unknown-matter")


@pytest.mark.parametrize("activity", [Activity.REVISE, Activity.CANCEL])
def test_correcting_a_request_is_no_new_request(activity: Activity) -> None:
    """Its verdict was given; a refold never judges it again."""
    asked = case(EventCode.REFERRAL_ACCEPTED, "other")
    assert decide(replace(asked, message=replace(asked.message, activity=activity))) is None


def test_the_future_is_refused_beyond_the_clock_skew() -> None:
    """A sender's clock may be a little fast."""
    soon = case(EventCode.REFERRAL)
    for minutes, verdict in ((5, None), (6, Reason.FUTURE)):
        happened = Moment(NOW + timedelta(minutes=minutes))
        told = replace(soon, message=replace(soon.message, happened=happened))
        assert reason(decide(told)) == verdict


def test_a_moment_needs_a_zone() -> None:
    """A naive time is a patient-safety fault."""
    with pytest.raises(ValueError, match="zone"):
        Moment(NOW.replace(tzinfo=None))


def test_a_grant_holds_from_its_beginning_to_its_end() -> None:
    """From included, until excluded."""
    grant = Grant(
        patient="p", thread="t", event="e", reader="ward", basis=Basis.SENT, since=NOW, until=NOW
    )
    later = NOW + timedelta(seconds=1)
    assert not grant.holds_at(NOW)
    assert replace(grant, until=later).holds_at(NOW)
    assert not replace(grant, until=None).holds_at(NOW - timedelta(seconds=1))
    assert replace(grant, until=None).holds_at(later)


def test_a_stronger_key_renames_a_thread() -> None:
    """The id comes from the strongest key, whichever came first."""
    weak = place("p", Family.REFERRAL, [Key(KeyRank.MESSAGE, "m")], [])
    known = replace(REFERRED, id=weak.id, anchor=weak.anchor)
    renamed = place("p", Family.REFERRAL, [Key(KeyRank.MESSAGE, "m"), KEY], [known])
    assert renamed.moved
    assert renamed.id == place("p", Family.REFERRAL, [KEY], []).id
    assert not place("p", Family.REFERRAL, [Key(KeyRank.MESSAGE, "m")], [known]).moved
