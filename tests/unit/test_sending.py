"""Who may send which event, written down a second time: every event for every kind of sender."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pathways.access import CITIZENS, Role
from pathways.events import RULES, Activity, EventCode
from pathways.facts import InquiryFacts, MeetingFacts, MeetingKind
from pathways.messages import Message
from pathways.moments import Moment
from pathways.parties import Kind, PartyRef
from pathways.sending import CITIZENS_SEND, SENT_BY, may_send

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
K, C = Kind, EventCode
LETTERS = {
    "h": K.HOSPITAL,
    "m": K.MUNICIPALITY,
    "n": K.HOME,
    "g": K.GP,
    "l": K.LEGEVAKT,
    "o": K.OTHER,
    "s": K.SCHOOL,
    "v": K.NAV,
}
WHO = {
    "hmno": (
        "admission transfer leave-start leave-end departure-planned received-home discharge"
        " discharge-report transfer-report hospital-choice-confirmed redirect-proposed"
        " first-contact-booked course-started course-ended coordinator-appointed coordinator-absent"
        " coordinator-handover-offered coordinator-handover-accepted plan-created plan-updated"
    ),
    "ho": "early-notice discharge-ready discharge-ready-withdrawn",
    "mno": (
        "capacity-answer offer-ready interim-answer decision complaint-forwarded service-ending"
    ),
    "hmnglo": (
        "admission-report service-overview medication-list doctor-report death referral"
        " referral-received referral-accepted referral-rejected referral-forwarded"
        " referral-scheduled referral-completed referral-withdrawn inquiry inquiry-forwarded reply"
        " settled-by-phone relative-registered person-sheet municipality-changed identity-linked"
        " identity-unlinked coordination-need coordinator-change-requested plan-meeting follow-up"
        " carer-unavailable application complaint consent-given consent-withdrawn"
        " objection-registered objection-withdrawn"
    ),
    "lo": "emergency-contact",
    "glo": "hospital-choice",
    "hmnglosv": (
        "measure-proposed measure-promised measure-started measure-delayed measure-done"
        " measure-dropped measure-evaluated acknowledgement"
    ),
    "": "reminder deadline-missed misaddressed handover-summary glass-broken",
}
SENT = {code: {LETTERS[x] for x in who} for who, codes in WHO.items() for code in codes.split()}
AT_WORK = (Role.SYSTEM, Role.SUPPLIER, Role.CLINICIAN, Role.STAFF, Role.COORDINATOR)
OWN = {
    "inquiry": {"patient", "guardian", "relative", "child"},
    **{
        key: {"patient", "guardian", "relative"}
        for key in (
            "carer-unavailable",
            "person-sheet",
            "application",
            "complaint",
            "measure-proposed",
        )
    },
    **{
        key: {"patient", "guardian"}
        for key in (
            *("measure-evaluated", "relative-registered", "follow-up", "plan-meeting"),
            *("coordinator-change-requested", "consent-given", "consent-withdrawn"),
            *("objection-registered", "objection-withdrawn"),
        )
    },
}


def message(code: EventCode, activity: Activity = Activity.NEW) -> Message:
    """One that says nothing but what it is; a meeting begins a plan anew."""
    facts = InquiryFacts()
    if code is C.PLAN_MEETING:
        return replace(
            message(C.INQUIRY, activity),
            code=code,
            facts=MeetingFacts(meeting=MeetingKind.RESTART),
        )
    return Message(
        id="m",
        format="carepath",
        envelope=None,
        content=b"",
        code=code,
        activity=activity,
        sender=PartyRef(),
        happened=Moment(NOW),
        written=NOW,
        patient=None,
        facts=facts,
    )


def test_no_event_is_left_out() -> None:
    """A new event has to be written down here, too."""
    assert {*SENT} == {str(code) for code in EventCode}


@pytest.mark.parametrize("code", EventCode)
def test_every_event_by_every_kind_of_organisation(code: EventCode) -> None:
    """The column "sent by" of the event table."""
    for kind in Kind:
        for role in AT_WORK:
            assert may_send(role, kind, message(code)) is (kind in SENT[code]), (role, kind)


@pytest.mark.parametrize("code", EventCode)
def test_every_event_by_citizens_and_by_those_who_send_nothing(code: EventCode) -> None:
    """By what they are to the patient."""
    for role in CITIZENS:
        wanted = str(role) in OWN.get(code, ())
        assert may_send(role, K.CITIZENS, message(code)) is wanted, role
    for role in (Role.ADMINISTRATOR, Role.OPERATOR):
        assert not any(may_send(role, kind, message(code)) for kind in Kind)


@pytest.mark.parametrize("code", EventCode)
def test_who_is_no_health_service_sends_as_school_or_nav_only(code: EventCode) -> None:
    """Whatever their party is said to be."""
    for kind in Kind:
        wanted = kind in SENT[code] & {K.SCHOOL, K.NAV}
        assert may_send(Role.NON_HEALTH, kind, message(code)) is wanted, kind


@pytest.mark.parametrize("code", EventCode)
def test_in_open_mode_everything_but_what_the_broker_makes(code: EventCode) -> None:
    """They are taken at their word."""
    assert may_send(Role.OPEN, K.OTHER, message(code)) is not RULES[code].ours


def test_a_school_answers_a_summons_and_sends_none() -> None:
    """An answer, and nothing else about a meeting."""
    answer = message(C.PLAN_MEETING, Activity.REPLY)
    for kind in (K.SCHOOL, K.NAV):
        assert may_send(Role.NON_HEALTH, kind, answer)
        assert may_send(Role.SYSTEM, kind, answer)
        assert not may_send(Role.NON_HEALTH, kind, message(C.PLAN_MEETING))
        assert not may_send(Role.NON_HEALTH, kind, message(C.PLAN_MEETING, Activity.REVISE))
        assert not may_send(Role.NON_HEALTH, kind, message(C.INQUIRY, Activity.REPLY))
    assert not may_send(Role.NON_HEALTH, K.HOSPITAL, answer)
    assert not may_send(Role.SYSTEM, K.CITIZENS, answer)


@pytest.mark.parametrize("kind", [None, *MeetingKind])
def test_a_person_asks_for_a_plan_to_begin_anew_and_for_no_other_meeting(
    kind: MeetingKind | None,
) -> None:
    """But answers any summons."""
    summons = replace(message(C.PLAN_MEETING), facts=MeetingFacts(meeting=kind))
    restart = kind is MeetingKind.RESTART
    assert may_send(Role.PATIENT, K.CITIZENS, summons) is restart
    answer = replace(summons, activity=Activity.REPLY)
    assert may_send(Role.PATIENT, K.CITIZENS, answer)
    assert not may_send(Role.RELATIVE, K.CITIZENS, answer)


@pytest.mark.parametrize("activity", Activity)
def test_a_person_corrects_what_they_said_and_forwards_nothing(activity: Activity) -> None:
    """What is passed on is passed on by those who have it."""
    wanted = activity is not Activity.FORWARD
    assert may_send(Role.PATIENT, K.CITIZENS, message(C.INQUIRY, activity)) is wanted


def test_nothing_stands_in_the_tables_that_only_the_broker_makes() -> None:
    """Reminders and alarms are nobody's to send."""
    ours = {code for code, rule in RULES.items() if rule.ours}
    assert not ours & {*SENT_BY}
    assert not ours & {*CITIZENS_SEND}
