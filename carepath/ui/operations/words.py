"""What stands out on the pages of deliveries and operations, as keys of texts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from carepath import texts
from carepath.store.figures import Figures
from carepath.ui.operations.data import Subscriber

_FEED_LATE: Final = 86_400
_SENT_LATE: Final = 300
_UNNUMBERED_LATE: Final = 60
_UNSEALED_LATE: Final = 10
"""Seconds after which something waits for too long, as deploy/prometheus/alerts.yaml has it."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A mark beside a name: its text's key, and whether it is a ``danger``, a ``warning`` or neither."""

    text_key: str
    looks: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure: its name's key, how many, since how many seconds the oldest is there, whether to look into it."""

    text_key: str
    number: int
    age: float
    late: bool


def tags(one: Subscriber, now: datetime) -> list[Tag]:
    """What stands out about a subscriber. ``now`` with a zone."""
    told = {
        Tag("operations.tag.late", "danger"): _is_late(one, now),
        Tag("operations.tag.hook-error", "danger"): any(hook.one.error for hook in one.hooks),
        Tag("operations.tag.refused", "danger"): any(sent.refused for sent in one.sent),
        Tag("operations.tag.paused", "warning"): any(sent.paused for sent in one.sent),
        Tag("operations.tag.hook-paused", "warning"): any(hook.paused for hook in one.hooks),
        Tag("operations.tag.owed", "warning"): one.owed is not None,
        Tag("operations.tag.replays"): any(s.published < s.replay_upto for s in one.sent),
    }
    return [tag for tag, holds in told.items() if holds]


def _is_late(one: Subscriber, now: datetime) -> bool:
    """What is sent, where anything is, else its feed; the operator's own feeds nobody needs to read."""
    if one.party is None:
        return False
    if not one.sent:
        return one.age > _FEED_LATE
    return any(
        not sent.paused and (now - sent.waiting_since).total_seconds() > _SENT_LATE
        for sent in one.sent
        if sent.waiting_since
    )


def figures(known: Figures) -> list[Shown]:
    """What the operator watches, as Prometheus is told it; late by the same limits as its alarms."""
    in_error = sum(one.in_error for one in known.hooks)
    unnumbered, unsealed = known.unnumbered_age, known.unsealed_age
    told = (
        ("unnumbered", known.unnumbered, unnumbered, unnumbered > _UNNUMBERED_LATE),
        ("unsent", known.unsent, 0, known.unsent > 0),
        ("parked", sum(known.parked.values()), 0, known.parked["fault"] > 0),
        ("missing", known.missing, 0, known.missing > 0),
        ("in-error", in_error, 0, in_error > 0),
        ("promises", known.promises.waiting, 0, False),
        ("alerts", known.alerts, 0, known.alerts > 0),
        ("unsealed", known.unsealed, unsealed, unsealed > _UNSEALED_LATE),
    )
    return [Shown(f"operations.figure.{name}", *figure) for name, *figure in told]


def reason_of(reason: str) -> str:
    """The key of what a reason for parking is called; ``.do`` after it: of what to do."""
    key = f"operations.reason.{reason}"
    return key if key in texts.catalogue("nb") else "operations.reason.other"
