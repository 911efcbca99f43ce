"""The life of a rest-hook: what is to be sent now, and how it stands after an endpoint took it or did not.

No clock and no I/O. Times are microseconds. Who asked for its Subscription anew is ``requested``: it becomes active
by an answer to the handshake, never by ourselves.
https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/channels.html#rest-hook
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, Literal

from carepath.delivery.calls import Answer, Fault
from carepath.store.subscriptions import Subscribed
from carepath.store.times import micros
from pathways.subscriptions import ChannelType, NotificationType, SubscriptionStatus

Schedule = Literal["quick", "long"]

PAUSES: Final[dict[Schedule, Sequence[float]]] = {
    "quick": (1, 3),
    "long": (5, 300, 1800, 7200, 18_000, 36_000, 36_000),
}
"""Seconds between the tries; after the last of them the client has to ask anew."""
LONGEST_PAUSE: Final = 3600.0
"""Seconds that an endpoint may ask to be left alone."""
USUAL_TIMEOUT: Final = 10.0
LONGEST_TIMEOUT: Final = 60.0
_GONE: Final = 410
_PLEASE_WAIT: Final = frozenset({429, 503})


class Step(Enum):
    """What is to be done with it now."""

    END = "end"
    HANDSHAKE = NotificationType.HANDSHAKE
    EVENTS = NotificationType.EVENT_NOTIFICATION
    HEARTBEAT = NotificationType.HEARTBEAT
    REST = "rest"


@dataclass(frozen=True, slots=True)
class Done:
    """A step and what came of it: ``answer``, none when nobody was called.

    ``upto``: the newest of its events that was sent. ``handed``: the number in the receiver's feed up to which it has
    everything once that is taken; 0 when that cannot be said.
    """

    one: Subscribed
    step: Step
    answer: Answer | None = None
    upto: int = 0
    handed: int = 0


def step(one: Subscribed, now: int) -> Step:
    """What is next."""
    if (ends := _ends(one)) is not None and ends <= now:
        return Step.END
    if one.subscription.channel.type is not ChannelType.REST_HOOK:
        return Step.REST
    if one.status is SubscriptionStatus.REQUESTED:
        return Step.HANDSHAKE
    if one.status is not SubscriptionStatus.ACTIVE:
        return Step.REST
    if one.numbered > one.delivered:
        return Step.EVENTS
    beat = _beat(one)
    return Step.HEARTBEAT if beat is not None and beat <= now else Step.REST


def timeout(one: Subscribed) -> float:
    """Seconds for one call."""
    return min(one.subscription.channel.timeout or USUAL_TIMEOUT, LONGEST_TIMEOUT)


def after(done: Done, now: int, schedule: Schedule) -> Subscribed:
    """How it stands after the step."""
    if done.step is Step.END:
        ended = replace(done.one, status=SubscriptionStatus.OFF)
        return replace(ended, tries=0, next_try=None, error=None)
    if done.answer is None:
        return _resting(replace(done.one, tries=0))
    if done.answer.fault is None:
        return _taken(done, now)
    return _failed(done.one, done.step, done.answer, now, schedule)


def _taken(done: Done, now: int) -> Subscribed:
    taken = replace(done.one, status=SubscriptionStatus.ACTIVE, error=None, tries=0, told=now)
    return _resting(replace(taken, delivered=max(done.upto, done.one.delivered)))


def _failed(
    one: Subscribed, tried: Step, answer: Answer, now: int, schedule: Schedule
) -> Subscribed:
    """Tried again in a while; but a handshake is tried once, as is who says that it is gone."""
    pauses = PAUSES[schedule]
    failed = replace(one, tries=one.tries + 1, error=answer.fault)
    final = tried is Step.HANDSHAKE or answer.status == _GONE
    if final or failed.tries > len(pauses):
        return _resting(replace(failed, status=SubscriptionStatus.ERROR))
    asked = min(answer.pause, LONGEST_PAUSE) if answer.status in _PLEASE_WAIT else 0.0
    pause = max(pauses[failed.tries - 1], asked)
    return replace(failed, next_try=_sooner(now + round(pause * 1e6), _ends(one)))


def _resting(one: Subscribed) -> Subscribed:
    """When it is to be looked at again, should nothing come: the next heartbeat, or its end."""
    beat = _beat(one) if one.status is SubscriptionStatus.ACTIVE else None
    return replace(one, next_try=_sooner(beat, _ends(one)))


def _beat(one: Subscribed) -> int | None:
    period = one.subscription.channel.heartbeat
    rest_hook = one.subscription.channel.type is ChannelType.REST_HOOK
    return (one.told or 0) + period * 1_000_000 if period and rest_hook else None


def _ends(one: Subscribed) -> int | None:
    ends = one.subscription.ends
    return None if ends is None else micros(ends)


def _sooner(*moments: int | None) -> int | None:
    return min((moment for moment in moments if moment is not None), default=None)


def text(stands: Subscribed, answer: Answer | None) -> str | None:
    """``Subscription.error``: what its client is told; ``None``: nothing is wrong."""
    if stands.status is not SubscriptionStatus.ERROR or answer is None:
        return None
    said = {
        Fault.DNS: "the endpoint's host has no address",
        Fault.NO_RESPONSE: "the endpoint could not be reached, or did not answer in time",
        Fault.ERROR_RESPONSE: f"the endpoint answered with HTTP status {answer.status}",
    }
    told = said[answer.fault] if answer.fault else "the endpoint failed"
    return f"{told}; ask for status 'requested' to have everything from event {stands.delivered + 1} on"
