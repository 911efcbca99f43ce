"""The life of a rest-hook: what is sent next, and how it stands after each answer."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carepath.delivery.calls import Answer, Fault
from carepath.delivery.hook_life import (
    LONGEST_PAUSE,
    PAUSES,
    Done,
    Schedule,
    Step,
    after,
    step,
    text,
    timeout,
)
from carepath.store.subscriptions import Subscribed
from carepath.store.times import instant
from pathways.subscriptions import (
    Channel,
    ChannelType,
    Content,
    Subscription,
    SubscriptionStatus,
    Topic,
)

SECOND = 1_000_000
NOW = 1_000 * SECOND
OK = Answer(204)
NO_RESPONSE = Answer(None, Fault.NO_RESPONSE)
REQUESTED, ACTIVE = SubscriptionStatus.REQUESTED, SubscriptionStatus.ACTIVE
ERROR, OFF = SubscriptionStatus.ERROR, SubscriptionStatus.OFF


def hook(status: SubscriptionStatus = ACTIVE, **more: Any) -> Subscribed:
    """A rest-hook; ``heartbeat``, ``ends``, ``timeout`` and ``type`` are of the Subscription."""
    channel = Channel(
        type=more.pop("type", ChannelType.REST_HOOK),
        endpoint="https://ke.example/hook",
        headers=(),
        media_type="application/fhir+json",
        content=Content.EMPTY,
        heartbeat=more.pop("heartbeat", None),
        timeout=more.pop("timeout", None),
        max_count=None,
    )
    ends: datetime | None = more.pop("ends", None)
    wanted = Subscription(topic=Topic.STAY, filters=(), channel=channel, ends=ends)
    return Subscribed(id="s", receiver="ke", status=status, subscription=wanted, **more)


def answered(
    one: Subscribed, answer: Answer, now: int = NOW, how: Schedule = "quick"
) -> Subscribed:
    """After what is next, sent up to its newest event."""
    return after(Done(one, step(one, now), answer, upto=one.numbered), now, how)


def test_it_begins_with_a_handshake() -> None:
    """Then what has come meanwhile, then nothing until more comes."""
    one = hook(REQUESTED, numbered=2)
    assert step(one, NOW) is Step.HANDSHAKE
    active = after(Done(one, Step.HANDSHAKE, OK), NOW, "quick")
    assert (active.status, active.delivered, step(active, NOW)) == (ACTIVE, 0, Step.EVENTS)
    done = answered(active, OK)
    assert (done.delivered, done.told, done.next_try, step(done, NOW)) == (2, NOW, None, Step.REST)


def test_a_handshake_moves_no_cursor() -> None:
    """Asked anew after an error, it goes on from what was taken."""
    again = hook(REQUESTED, numbered=5, delivered=3)
    active = after(Done(again, Step.HANDSHAKE, OK), NOW, "quick")
    assert (active.status, active.numbered, active.delivered) == (ACTIVE, 5, 3)


@pytest.mark.parametrize("how", ["quick", "long"])
def test_a_failed_handshake_is_an_error_at_once(how: Schedule) -> None:
    """https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/channels.html#rest-hook ."""
    failed = answered(hook(REQUESTED), NO_RESPONSE, how=how)
    assert (failed.status, failed.error, failed.next_try) == (ERROR, "no-response", None)
    assert step(failed, NOW) is Step.REST


@pytest.mark.parametrize("how", ["quick", "long"])
def test_tries_are_as_the_schedule_says(how: Schedule) -> None:
    """One more than there are pauses; then the client has to ask."""
    one, now = hook(numbered=3), NOW
    for pause in PAUSES[how]:
        one = answered(one, Answer(500, Fault.ERROR_RESPONSE), now, how)
        assert (one.status, one.next_try) == (ACTIVE, now + pause * SECOND)
        now = one.next_try or 0
        assert step(one, now) is Step.EVENTS
    last = answered(one, Answer(500, Fault.ERROR_RESPONSE), now, how)
    assert (last.status, last.error, last.next_try) == (ERROR, "error-response", None)
    assert last.delivered == 0


def test_an_answer_in_between_begins_anew() -> None:
    """Only failures in a row count."""
    failed = answered(hook(numbered=1), NO_RESPONSE)
    taken = answered(failed, OK)
    assert (taken.status, taken.tries, taken.error, taken.delivered) == (ACTIVE, 0, None, 1)


def test_gone_is_gone() -> None:
    """410 asks not to be called again; no other status does, and nor does 410 to say when."""
    gone = answered(hook(numbered=1), Answer(410, Fault.ERROR_RESPONSE), how="long")
    assert (gone.status, gone.next_try) == (ERROR, None)
    assert answered(hook(numbered=1), Answer(404, Fault.ERROR_RESPONSE)).status is ACTIVE


@pytest.mark.parametrize(
    ("status", "asked", "waits"),
    [(429, 30, 30), (503, 0.2, 1), (429, 1e9, LONGEST_PAUSE), (500, 30, 1), (301, 30, 1)],
)
def test_who_asks_for_a_pause_gets_it(status: int, asked: float, waits: float) -> None:
    """From those statuses that mean it, within reason, and no more tries for it."""
    one = answered(hook(numbered=1), Answer(status, Fault.ERROR_RESPONSE, asked))
    assert (one.next_try, one.tries) == (NOW + waits * SECOND, 1)


def test_a_heartbeat_when_nothing_was_sent_for_its_period() -> None:
    """Only where it was asked for; events are as good."""
    one = answered(hook(heartbeat=60, numbered=1), OK)
    due = NOW + 60 * SECOND
    assert (one.next_try, step(one, due - 1), step(one, due)) == (due, Step.REST, Step.HEARTBEAT)
    beaten = answered(one, OK, due)
    assert (beaten.told, beaten.next_try, beaten.delivered) == (due, due + 60 * SECOND, 1)
    assert answered(hook(numbered=1), OK).next_try is None


def test_a_heartbeat_that_fails_is_a_failure() -> None:
    """Tried again as events are; in error none is sent."""
    one, now = hook(heartbeat=60, told=NOW), NOW + 60 * SECOND
    for _ in range(3):
        assert step(one, now) is Step.HEARTBEAT
        one = answered(one, NO_RESPONSE, now)
        now = one.next_try or now
    assert (one.status, one.next_try, step(one, now + 9**18)) == (ERROR, None, Step.REST)


@pytest.mark.parametrize("status", [REQUESTED, ACTIVE, ERROR])
@pytest.mark.parametrize("type_", ChannelType)
def test_everything_ends_in_time(status: SubscriptionStatus, type_: ChannelType) -> None:
    """Whatever its state and its channel; before that it is not forgotten."""
    one = hook(status, type=type_, ends=instant(NOW), numbered=1, tries=2)
    assert step(one, NOW - 1) is not Step.END
    ended = after(Done(one, step(one, NOW)), NOW, "quick")
    assert (ended.status, ended.next_try, ended.tries, ended.error) == (OFF, None, 0, None)


def test_a_try_does_not_outlast_the_end() -> None:
    """It is looked at when it ends, though a try would come later."""
    ends = NOW + SECOND // 2
    assert answered(hook(numbered=1, ends=instant(ends)), NO_RESPONSE).next_try == ends
    assert after(Done(hook(ends=instant(ends)), Step.REST), NOW, "quick").next_try == ends


def test_nobody_waits_for_long() -> None:
    """The channel's own time, up to a minute."""
    asked = [timeout(hook(timeout=seconds)) for seconds in (None, 3, 60, 300)]
    assert asked == [10, 3, 60, 60]


ANSWERS = st.sampled_from(
    [OK, NO_RESPONSE, Answer(None, Fault.DNS), Answer(410, Fault.ERROR_RESPONSE)]
)


@given(st.lists(st.tuples(ANSWERS, st.integers(0, 3), st.integers(0, 2**32)), max_size=30))
def test_what_was_taken_stays_taken(moves: list[tuple[Answer, int, int]]) -> None:
    """Whatever comes: the cursor never falls, never passes what was sent, and only a client ends an error."""
    one, now = hook(REQUESTED, heartbeat=30), NOW
    for answer, more, later in moves:
        one, now = replace(one, numbered=one.numbered + more), now + later
        next_ = step(one, now)
        sent = next_ not in {Step.REST, Step.END}
        stands = after(Done(one, next_, answer if sent else None, one.numbered), now, "quick")
        assert one.delivered <= stands.delivered <= one.numbered
        assert stands.delivered == one.delivered or answer is OK
        assert stands.status is not ACTIVE or one.status is not ERROR
        told = text(stands, answer)
        assert (told is None) == (stands.status is not ERROR)
        one = stands
