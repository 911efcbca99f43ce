"""Receivers' own networks: how far each feed has been sent there, and what became of each message.

``transports.sent`` is a cursor as that of ``streams``: everything up to it is settled over there, and sending goes on
behind it. What a try may have sent is written down before it is sent (``begin``), and what came of it together with
the cursor (``settle``), so whoever goes on after a crash knows which message may have arrived already.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, or_, select, update

from carepath.store import feed, receipts
from carepath.store.delivery_tables import UNCONFIRMED
from carepath.store.feed import Item
from carepath.store.tables import edi_offsets, feeds, inbox, outbox, sent_on, transports
from carepath.store.upserts import insert_new, replace_rows
from pathways.events import EventCode
from pathways.parties import Party


class State(StrEnum):
    """What is known of a message that goes over a network."""

    SENDING = "sending"  # nobody knows whether it has arrived
    WAITING = "waiting"  # it has not
    SENT = "sent"  # the network has it, its receiver has said nothing yet
    CONFIRMED = "confirmed"
    REFUSED = "refused"


SETTLED: Final = frozenset({State.SENT, State.CONFIRMED, State.REFUSED})
"""Nothing more is to be sent."""
_at = transports.c
_on = sent_on.c
_edi = edi_offsets.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A message on its way; ``reference``: what the network knows it by; ``tried``: when, in microseconds."""

    item: str
    party: str
    number: int
    message_id: str
    state: State
    reference: str | None
    tried: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of a message. ``reason``, in codes, says why it was refused, or what else there is to say."""

    state: State
    reference: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """Not before ``at`` (microseconds) again, because of ``fault``, in codes; ``unsure``: it may have been sent."""

    at: int
    fault: str
    unsure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where sending goes on: behind ``sent``. ``tries`` failed in a row."""

    sent: int
    tries: int


# --- who has a network


def follow(conn: Connection, party: Party) -> None:
    """The directory says how it is reached: what its feed gets from now on goes there, or no longer."""
    if party.carrier is None:
        conn.execute(delete(transports).where(_at.party == party.key))
        return
    fresh = {
        "party": party.key,
        "carrier": party.carrier,
        "sent": feed.last(conn, party.key),
        "sent_at": None,
        "replay_upto": 0,
        "paused": False,
        "tries": 0,
        **_FREE,
    }
    insert_new(conn, transports, [fresh])
    other = update(transports).where(_at.party == party.key)
    conn.execute(other.values(carrier=party.carrier, tries=0, next_try=None, fault=None))


_FREE: Final = {"next_try": None, "fault": None, "holder": None, "leased_until": None}


# --- who sends


def claim(
    conn: Connection, carrier: str, holder: str, *, now: int, until: int, limit: int
) -> list[str]:
    """Whose feeds are ``holder``'s to send until then: they have more, and their time has come."""
    wanted = (
        _due(carrier, now)
        .order_by(func.coalesce(_at.sent_at, 0), _at.party)
        .limit(limit)
        .with_for_update(of=transports, skip_locked=True)
    )
    taken = [*conn.execute(wanted).scalars()]
    held = update(transports).where(_at.party.in_(taken))
    conn.execute(held.values(holder=holder, leased_until=until))
    return taken


def keep(conn: Connection, parties: Sequence[str], holder: str, until: int) -> None:
    """``holder`` is not done with them."""
    mine = update(transports).where(_at.party.in_(parties), _at.holder == holder)
    conn.execute(mine.values(leased_until=until))


def waiting(conn: Connection, carrier: str, now: int) -> bool:
    """Whether anybody has something to send, and nobody at it."""
    return conn.execute(_due(carrier, now).limit(1)).first() is not None


def _due(carrier: str, now: int) -> Select[tuple[str]]:
    free = or_(_at.holder.is_(None), _at.leased_until < now)
    in_time = or_(_at.next_try.is_(None), _at.next_try <= now)
    return (
        select(_at.party)
        .join(feeds, feeds.c.receiver == _at.party)
        .where(_at.carrier == carrier, _at.sent < feeds.c.last, ~_at.paused, free, in_time)
    )


def cursor(conn: Connection, party: str, holder: str) -> Cursor | None:
    """Where it stands; ``None`` when it is no longer ``holder``'s, or paused."""
    mine = select(_at.sent, _at.tries).where(_at.party == party, _at.holder == holder, ~_at.paused)
    found = conn.execute(mine).one_or_none()
    return found and Cursor(sent=found.sent, tries=found.tries)


def release(conn: Connection, party: str, holder: str) -> None:
    """It is free again."""
    mine = update(transports).where(_at.party == party, _at.holder == holder)
    conn.execute(mine.values(holder=None, leased_until=None))


# --- one message


def known(conn: Connection, item: str) -> Sending | None:
    """What is known of the message that stands there in a feed; ``None``: it was never tried."""
    found = _sending(conn, _on.item == item)
    return found[0] if found else None


def begin(
    conn: Connection, item: Item, party: str, carrier: str, message_id: str, now: int
) -> Sending:
    """From here on it may have been sent; what was known of it before is returned, or that nothing was sent yet."""
    fresh: dict[str, Any] = {
        "item": item.id,
        "party": party,
        "number": item.number,
        "carrier": carrier,
        "message_id": message_id,
        "state": State.WAITING,
        "reference": None,
        "reason": None,
        "tried": now,
        "settled": None,
    }
    insert_new(conn, sent_on, [fresh])
    [before] = _sending(conn, _on.item == item.id)
    if before.state not in SETTLED:
        try_ = update(sent_on).where(_on.item == item.id)
        conn.execute(try_.values(state=State.SENDING, tried=now))
    return before


def judge(conn: Connection, item: str, judged: Judged, now: int) -> bool:
    """What became of it; false when its receiver has said so already, or it is unknown."""
    final = judged.state in (State.CONFIRMED, State.REFUSED)
    told: dict[str, Any] = {"state": judged.state, "reason": judged.reason}
    if judged.reference:
        told["reference"] = judged.reference
    if final:
        told["settled"] = now
    open_ = update(sent_on).where(_on.item == item, _on.settled.is_(None))
    if conn.execute(open_.values(told)).rowcount == 0:
        return False
    if final:
        code = "ok" if judged.state is State.CONFIRMED else "fatal-error"
        mine = update(outbox).where(outbox.c.id == item)
        receiver = conn.execute(
            mine.values(confirmed=now, confirmed_code=code).returning(outbox.c.receiver)
        )
        receipts.heard(conn, dict.fromkeys(receiver.scalars(), outbox.c.id == item), now)
    return True


def move(conn: Connection, party: str, holder: str, since: int, upto: int, now: int) -> None:
    """All up to there is settled; a cursor that was set back meanwhile, or is another's now, stays where it is."""
    mine = update(transports).where(_at.party == party, _at.holder == holder, _at.sent == since)
    settled = {"sent": upto, "sent_at": now, "tries": 0, "next_try": None, "fault": None}
    if conn.execute(mine.values(settled)).rowcount:
        feed.delivered(conn, {party: upto}, now)


def again(conn: Connection, item: str, party: str, holder: str, later: Again) -> None:
    """A try failed, there will be another."""
    wait(conn, party, holder, later)
    mine = update(transports).where(_at.party == party, _at.holder == holder)
    conn.execute(mine.values(tries=_at.tries + 1))
    if not later.unsure:
        open_ = update(sent_on).where(_on.item == item, _on.state == State.SENDING)
        conn.execute(open_.values(state=State.WAITING))


def wait(conn: Connection, party: str, holder: str, later: Again) -> None:
    """Nothing is sent for now, which is no try that failed."""
    mine = update(transports).where(_at.party == party, _at.holder == holder)
    conn.execute(mine.values(next_try=later.at, fault=later.fault))


# --- what a network says afterwards


def known_by(conn: Connection, carrier: str, reference: str) -> Sending | None:
    """The message that a network knows by that; ``None``: none of ours."""
    found = _sending(conn, and_(_on.carrier == carrier, _on.reference == reference))
    return found[0] if found else None


def unsure(conn: Connection, carrier: str) -> list[Sending]:
    """Messages of which nobody knows whether they have arrived."""
    return _sending(conn, and_(UNCONFIRMED, _on.state == State.SENDING, _on.carrier == carrier))


def sender_of(conn: Connection, item: str) -> tuple[str, str] | None:
    """Who sent the message that stands there and its id; ``None`` for what the broker said itself."""
    wanted = (
        select(inbox.c.sender, inbox.c.message_id)
        .join(outbox, outbox.c.event == inbox.c.id)
        .where(outbox.c.id == item, outbox.c.message_id == inbox.c.message_id)
    )
    found = conn.execute(wanted).first()
    return None if found is None else (found.sender, found.message_id)


def tell(conn: Connection, sender: str, id_: str, body: bytes, now: int) -> None:
    """A receipt for the sender of a message, in its feed; ``id_`` is the receipt's own."""
    told = {"id": id_, "receiver": sender, "kind": EventCode.ACKNOWLEDGEMENT, "body": body}
    insert_new(conn, outbox, [feed.row(**told, message_id=id_, created=now)])


def _sending(conn: Connection, which: ColumnElement[bool]) -> list[Sending]:
    names = [column.name for column in sent_on.columns if column.name in Sending.__slots__]
    rows = conn.execute(select(*(_on[name] for name in names)).where(which)).mappings()
    return [Sending(**{**row, "state": State(row["state"])}) for row in rows]


# --- what an operator sees


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that its receiver did not take, by its number in the feed, and why, in codes."""

    number: int
    message_id: str
    reason: str


def refused(conn: Connection, party: str) -> list[Refused]:
    """By number."""
    wanted = select(_on.number, _on.message_id, _on.reason).order_by(_on.number)
    mine = wanted.where(UNCONFIRMED, _on.state == State.REFUSED, _on.party == party)
    return [Refused(row.number, row.message_id, row.reason or "") for row in conn.execute(mine)]


def unconfirmed_since(conn: Connection) -> dict[str, int]:
    """For each receiver that has not said what became of a message, when the oldest of those was sent."""
    sent = select(_on.party, func.min(_on.tried)).where(UNCONFIRMED, _on.state == State.SENT)
    return dict(conn.execute(sent.group_by(_on.party)).all())


# --- notifications of NHN's EDI


def edi_seen(conn: Connection, her_id: str) -> int:
    """The offset of the newest notification that was dealt with; 0 before the first."""
    return conn.execute(select(_edi.seen).where(_edi.her_id == her_id)).scalar() or 0


def edi_polled(conn: Connection, her_ids: Iterable[str]) -> int:
    """Since when all notifications of all of these have been dealt with; 0: never."""
    wanted = [*her_ids]
    found = conn.execute(select(_edi.polled).where(_edi.her_id.in_(wanted))).scalars().all()
    return min(found) if len(found) == len(wanted) else 0


def edi_keep(conn: Connection, her_id: str, seen: int, polled: int) -> None:
    """Up to there they were dealt with; all that there were at ``polled``."""
    replace_rows(conn, edi_offsets, [{"her_id": her_id, "seen": seen, "polled": polled}])
