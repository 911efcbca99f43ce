"""Receipts: each message that a receiver is sent is to be confirmed, in the way that it can (its mode).

It is a promise that nobody needs to see as long as it may still be kept. MedCom's receivers are sent the message again
first. After 96 hours it counts as refused: the sender is told, and from then on it is a promise under watch like any
other, owed by the receiver to the sender. A receipt that comes later still keeps it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pathways.corrections import standing
from pathways.events import RULES, EventCode
from pathways.messages import Record
from pathways.moments import Moment
from pathways.parties import Party
from pathways.promises import Duty, Promise, PromiseKind, Promises, PromiseState, answered, settled


class Mode(StrEnum):
    """What confirms a message: nothing is awaited, it was taken, or the receiver's own system has said so."""

    NONE = "none"
    TRANSPORT = "transport"
    APPLICATION = "application"


class Stage(StrEnum):
    """What is done about a message of which nothing was heard."""

    AGAIN = "again"
    ONCE_MORE = "once-more"
    REFUSED = "refused"


AFTER: Final[Mapping[Stage, timedelta]] = {
    Stage.AGAIN: timedelta(minutes=30),
    Stage.ONCE_MORE: timedelta(minutes=60),
    Stage.REFUSED: timedelta(hours=96),
}
"""How long after a message was sent. Sent again after 30 minutes, twice: MedCom's governance of FHIR messages, reliable
messaging. 96 hours: Referansearkitektur for meldings- og dokumentutveksling (Direktoratet for e-helse)."""

_MEDCOM: Final = "medcom"
ASKED_FOR: Final = frozenset(code.value for code, rule in RULES.items() if not rule.ours) - {
    EventCode.ACKNOWLEDGEMENT.value
}
"""Kinds of what is confirmed: never a receipt, nor what the broker says itself."""


def stages(receiver: Party) -> tuple[Stage, ...]:
    """What is done about what this receiver does not confirm, in its order."""
    mode = Mode(receiver.receipt_mode)
    if mode is Mode.NONE:
        return ()
    if mode is Mode.APPLICATION and receiver.dialect == _MEDCOM:
        return (Stage.AGAIN, Stage.ONCE_MORE, Stage.REFUSED)
    return (Stage.REFUSED,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A message that a receiver was sent, as event ``event`` of a matter; ``id`` is of its place in the feed.

    ``taken``: when it was handed over; ``confirmed``: when the receiver said what became of it, be it a refusal.
    """

    id: str
    event: str
    message_id: str
    patient: str
    thread: str
    sender: str  # directory keys
    receiver: str
    sent: datetime
    taken: datetime | None = None
    confirmed: datetime | None = None

    def heard(self, mode: Mode) -> datetime | None:
        """Since when it counts as received."""
        if mode is Mode.NONE:
            return self.sent
        return self.confirmed or (self.taken if mode is Mode.TRANSPORT else None)


def owed(one: Awaited, receiver: Party, told: Collection[Record]) -> Promise:
    """What the receiver owes for it, given what was ``told`` in the matter.

    Settled by phone, or answered by its receiver, it needs no receipt.
    """
    heard = one.heard(Mode(receiver.receipt_mode))
    promise = Promise(
        kind=PromiseKind.RECEIPT,
        opened_by=one.event,
        opened=Moment(one.sent),
        duty=Duty(one.receiver),
        first=one.receiver,
        other=one.sender,
        state=PromiseState.KEPT if heard else PromiseState.OPEN,
        proof=heard,
    )
    promises: Promises = (promise,)
    for record in sorted(standing(told).records, key=lambda one: one.order):
        if record.happened.at < one.sent:
            continue
        if record.code is EventCode.SETTLED_BY_PHONE:
            promises = settled(promises, record)
        elif record.code is EventCode.REPLY:
            promises = answered(promises, record)
    return promises[0]
