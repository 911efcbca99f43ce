"""The numbers of Subscriptions: each has its own for what it wants of its receiver's feed.

``assign`` gives them in the transaction that numbers the feed (``numbering``), so they are as lasting and as free of
gaps as the feed's own, whoever sends them and however often.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, bindparam, select, update

from carepath.store import codec, feed
from carepath.store.queries import closure
from carepath.store.subscriptions import FREE, Subscribed, subscribed, there
from carepath.store.tables import (
    events,
    patient_identifiers,
    patients,
    subscription_events,
    subscriptions,
)
from carepath.store.upserts import insert_new
from pathways.events import EventCode
from pathways.subscriptions import FilterName, SubscriptionStatus, Update, wants


def assign(conn: Connection, numbered: Sequence[RowMapping]) -> None:
    """Give every Subscription its numbers for what it wants of these rows of the outbox, which just got theirs.

    The caller has the receivers' feeds locked, so nobody else gives numbers to the same Subscriptions.
    """
    found = _counting(conn, {row["receiver"] for row in numbered})
    if not found:
        return
    in_order = sorted(numbered, key=lambda row: (row["receiver"], row["number"]))
    updates = _updates(conn, in_order, found)
    given: list[dict[str, Any]] = []
    for one in found:
        wanted = [
            row["id"]
            for row in in_order
            if row["receiver"] == one.receiver
            and not one.ended_by(row["created"])
            and (seen := updates.get(row["id"]))
            and wants(one.subscription, seen)
        ]
        given += [
            {"subscription": one.id, "number": one.numbered + place, "item": item}
            for place, item in enumerate(wanted, start=1)
        ]
    if given:
        insert_new(conn, subscription_events, given)
        newest = {row["subscription"]: row["number"] for row in given}  # in order: the last is it
        conn.execute(_COUNT, [{"_id": id_, "_number": number} for id_, number in newest.items()])


def receivers(conn: Connection) -> list[str]:
    """Whose feeds are subscribed to."""
    found = select(subscriptions.c.receiver).where(there).distinct()
    return [*conn.execute(found.order_by(subscriptions.c.receiver)).scalars()]


def begin_anew(conn: Connection, begins: int) -> None:
    """The store was restored: each goes on from a number that it cannot have given, as its feed does.

    That number names the feed's notice of it. Numbers up to what the backup knows name the same events as before.
    """
    found = select(subscriptions.c.id, subscriptions.c.receiver).where(there)
    told = [
        {"subscription": id_, "number": begins, "item": feed.notice_id(receiver, begins)}
        for id_, receiver in conn.execute(found)
    ]
    insert_new(conn, subscription_events, told)
    conn.execute(update(subscriptions).where(there).values(numbered=begins, **FREE))


def _counting(conn: Connection, whose: Collection[str]) -> list[Subscribed]:
    on = and_(there, subscriptions.c.status != SubscriptionStatus.OFF.value)
    wanted = select(subscriptions).where(subscriptions.c.receiver.in_(whose), on)
    wanted = wanted.order_by(subscriptions.c.id)  # in which all lock them
    return [subscribed(row) for row in conn.execute(wanted).mappings()]


def _updates(
    conn: Connection, rows: Iterable[RowMapping], found: Iterable[Subscribed]
) -> dict[str, Update]:
    """The rows as filters see them; what is about the feed itself is nothing to subscribe to."""
    asked = {one.name for each in found for one in each.subscription.filters}
    told = [row for row in rows if row["kind"] in _CODES]
    about = {row["patient"] for row in told if row["patient"]} if asked - {FilterName.EVENT} else ()
    persons = {key: _person(conn, key, asked) for key in about}
    senders = _senders(conn, told) if FilterName.ORGANIZATION in asked else {}
    return {
        row["id"]: Update(
            EventCode(row["kind"]),
            {
                **persons.get(row["patient"], _NOBODY),
                FilterName.EVENT: frozenset({row["kind"]}),
                FilterName.ORGANIZATION: frozenset({senders.get(row["event"], "")}),
            },
        )
        for row in told
    }


_CODES = frozenset(EventCode)
_NOBODY: Mapping[FilterName, frozenset[str]] = {
    name: frozenset()
    for name in (FilterName.PATIENT, FilterName.IDENTIFIER, FilterName.MUNICIPALITY)
}


def _person(
    conn: Connection, key: str, asked: Collection[FilterName]
) -> Mapping[FilterName, frozenset[str]]:
    linked = closure(conn, (key,))
    told = {**_NOBODY, FilterName.PATIENT: frozenset(linked)}
    if FilterName.IDENTIFIER in asked:
        of = select(patient_identifiers.c.blind, patient_identifiers.c.blind_value)
        rows = conn.execute(of.where(patient_identifiers.c.patient.in_(linked)))
        told[FilterName.IDENTIFIER] = frozenset(bytes(blind).hex() for row in rows for blind in row)
    if FilterName.MUNICIPALITY in asked:
        body = conn.execute(select(patients.c.body).where(patients.c.key == key)).scalar()
        municipality = codec.header(body).municipality if body else None
        told[FilterName.MUNICIPALITY] = frozenset({municipality} if municipality else ())
    return told


def _senders(conn: Connection, rows: Iterable[RowMapping]) -> dict[str, str]:
    ids = {row["event"] for row in rows if row["event"]}
    wanted = select(events.c.id, events.c.sender).where(events.c.id.in_(ids))
    return dict(conn.execute(wanted).all())


_COUNT = (
    update(subscriptions)
    .where(subscriptions.c.id == bindparam("_id"))
    .values(numbered=bindparam("_number"))
)
