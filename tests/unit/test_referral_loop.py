"""Referrals, choices of hospital and applications: always somebody's, and what is owed moves along with them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathways.events import EventCode, Family
from pathways.facts import ApplicationFacts, Facts, Outcome, ReferralFacts
from pathways.messages import Record
from pathways.moments import Moment
from pathways.pathway import Thread
from pathways.promises import Promise, PromiseKind, PromiseState
from pathways.transitions import Status
from tests.unit.records import BEGIN, admission, records
from tests.unit.test_pathway import arrive

C, K, S = EventCode, PromiseKind, PromiseState
_FAMILIES = (Family.REFERRAL, Family.CHOICE, Family.INQUIRY, Family.APPLICATION, Family.COURSE)


def told(
    hour: int, code: EventCode, sender: str, asked: str | None = None, facts: Facts | None = None
) -> Record:
    """What ``sender`` tells at that hour, and whom it asks."""
    at = BEGIN + timedelta(hours=hour)
    named = {"sender": sender, "asked": asked, "facts": facts or ReferralFacts()}
    return admission(hour, code=code, happened=Moment(at), **named)


def promises(thread: Thread) -> list[tuple[str | None, PromiseState]]:
    """Whose each is, and what became of it."""
    return [(promise.duty.party, promise.state) for promise in thread.promises]


def one(thread: Thread, kind: PromiseKind) -> Promise:
    """The newest of a kind."""
    return [promise for promise in thread.promises if promise.kind is kind][-1]


@given(st.data())
def test_never_a_moment_without_an_owner(data: st.DataObject) -> None:
    """Whatever is told, in any order: what is open is somebody's, and what is owed in it is, too."""
    family = data.draw(st.sampled_from(_FAMILIES))
    count = data.draw(st.integers(1, 10))
    known: list[Record] = []
    for number in range(count):
        known.append(data.draw(records(family=family, number=number)))
        thread = arrive(known)
        assert thread.owner or not thread.is_open
        assert all(p.duty.party or p.duty.function for p in thread.promises if p.is_open)


CHOICE = [
    told(0, C.HOSPITAL_CHOICE, "legevakt", "first"),
    told(1, C.REDIRECT_PROPOSED, "first", "second"),
]


def test_a_choice_stands_until_another_has_accepted() -> None:
    """The one who proposes another keeps the patient until that one says yes."""
    proposed = arrive(CHOICE)
    assert (proposed.owner, proposed.asked) == ("first", "second")
    assert promises(proposed) == [("second", S.OPEN)]
    accepted = arrive([*CHOICE, told(2, C.HOSPITAL_CHOICE_CONFIRMED, "second")])
    assert (accepted.owner, accepted.asked) == ("second", None)
    assert promises(accepted) == [("second", S.KEPT)]


def test_choosing_again_begins_a_new_clock() -> None:
    """The first one owes no answer any more, and has the patient until the new one has accepted."""
    again = arrive([*CHOICE, told(2, C.HOSPITAL_CHOICE, "legevakt", "third")])
    assert (again.owner, again.asked) == ("first", "third")
    assert promises(again) == [("second", S.WITHDRAWN), ("third", S.OPEN)]
    same = arrive([*CHOICE, told(2, C.HOSPITAL_CHOICE, "legevakt", "second")])
    assert promises(same) == [("second", S.OPEN)]


REFERRED = told(0, C.REFERRAL, "gp", "clinic", ReferralFacts(priority="routine"))


def test_a_forwarded_referral_is_the_next_ones() -> None:
    """The clock goes on; the chain can be read."""
    onward = told(3, C.REFERRAL_FORWARDED, "clinic", "other", ReferralFacts(reason_code="full"))
    thread = arrive([REFERRED, onward])
    assert thread.owner == "other"
    assert [(p.by, p.to, p.reason) for p in thread.passed] == [("clinic", "other", "full")]
    assert promises(thread) == [("other", S.OPEN)]
    assert one(thread, K.REFERRAL_ASSESSMENT).opened == REFERRED.happened


@pytest.mark.parametrize("again", [C.REFERRAL, C.REFERRAL_FORWARDED])
def test_a_rejected_referral_that_is_sent_again_is_owed_anew(again: EventCode) -> None:
    """Until then it is the referrer's."""
    rejected = told(1, C.REFERRAL_REJECTED, "clinic")
    assert arrive([REFERRED, rejected]).owner == "gp"
    thread = arrive([REFERRED, rejected, told(2, again, "gp", "other")])
    assert (thread.status, thread.owner) == (Status.REQUESTED, "other")
    assert promises(thread) == [("clinic", S.KEPT), ("other", S.OPEN)]


def test_a_referral_that_becomes_urgent_has_another_limit() -> None:
    """Only the urgent one is owed."""
    urgent = told(2, C.REFERRAL, "gp", "clinic", ReferralFacts(priority="stat"))
    thread = arrive([REFERRED, urgent])
    assert one(thread, K.REFERRAL_ASSESSMENT).state is S.WITHDRAWN
    assert one(thread, K.ACUTE_ASSESSMENT).state is S.OPEN
    withdrawn = arrive([REFERRED, urgent, told(3, C.REFERRAL_WITHDRAWN, "gp")])
    assert not any(promise.is_open for promise in withdrawn.promises)


# --- applications


def applied(hour: int, code: EventCode, sender: str = "office", **facts: object) -> Record:
    """In the case of an application to the case office."""
    said = ApplicationFacts(**facts)  # type: ignore[arg-type] # what a test says is a fact's
    return told(hour, code, sender, "office" if code is C.APPLICATION else None, said)


UNTIL = Moment(BEGIN + timedelta(days=300))


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.GRANTED, Status.GRANTED),
        (Outcome.PARTLY, Status.GRANTED),
        (Outcome.REFUSED, Status.REFUSED),
        (None, Status.GRANTED),
    ],
)
def test_a_decision_says_what_becomes_of_it(outcome: Outcome | None, status: Status) -> None:
    """Also a decision on what was never applied for."""
    decision = applied(2, C.DECISION, outcome=outcome, valid_to=UNTIL)
    for records_ in ([decision], [applied(0, C.APPLICATION, "gp"), decision]):
        thread = arrive(records_)
        assert thread.status is status
        due = [p.due for p in thread.promises if p.is_open]
        assert due == ([] if status is Status.REFUSED else [UNTIL])


def test_an_interim_answer_moves_the_decision() -> None:
    """The application itself wants both; the interim answer names a new date."""
    later = Moment(BEGIN + timedelta(days=90))
    first = applied(0, C.APPLICATION, "gp", service="home care")
    thread = arrive([first, applied(1, C.INTERIM_ANSWER, expected=later)])
    assert one(thread, K.INTERIM_ANSWER).state is S.KEPT
    decision = one(thread, K.DECISION)
    assert (decision.state, decision.due, decision.duty.party) == (S.OPEN, later, "office")


def test_a_decision_stands_for_itself() -> None:
    """One without an end is not looked at again when the one before would have ended."""
    first = applied(0, C.DECISION, outcome=Outcome.GRANTED, valid_to=UNTIL, service="home care")
    second = applied(1, C.DECISION, outcome=Outcome.GRANTED)
    thread = arrive([first, second])
    assert thread.facts == ApplicationFacts(service="home care", outcome=Outcome.GRANTED)
    assert promises(thread) == [("office", S.KEPT)]


def test_a_complaint_is_sent_on_by_who_decided() -> None:
    """Or there is another decision."""
    refused = applied(0, C.DECISION, outcome=Outcome.REFUSED)
    complaint = applied(1, C.COMPLAINT, "gp")
    thread = arrive([refused, complaint])
    assert (thread.status, thread.owner) == (Status.CONTESTED, "office")
    assert promises(thread) == [("office", S.OPEN)]
    for closing in (C.COMPLAINT_FORWARDED, C.DECISION):
        assert promises(arrive([refused, complaint, applied(2, closing)])) == [("office", S.KEPT)]
