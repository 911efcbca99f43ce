"""Somebody breaks the glass: they see it all for some hours, and their organisation hears of it at once."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import orjson

from carepath.service.alerts import is_mail
from carepath.store import alerts, bars, feed, glass, queries
from carepath.store import parties as directories
from carepath.store.alerts import Alert
from carepath.store.blind import Keys
from carepath.store.database import Connection
from carepath.store.glass import Broken
from carepath.store.tables import outbox
from carepath.store.times import micros
from carepath.store.upserts import insert_new
from fhir_mappings import summary
from fhir_mappings.options import OSLO
from pathways.access import PERSON, Actor
from pathways.events import EventCode
from pathways.glass import (
    LASTS,
    GlassReason,
    Verdict,
    is_shut,
    objection,
    objection_to_check,
    shut_documents,
)
from pathways.messages import stable_id
from pathways.parties import Directory, Identifier, Party
from pathways.refusals import Cause, Refusal
from pathways.states import Consents


@dataclass(frozen=True, slots=True)
class Telling:
    """How an organisation is told: our FHIR address, and whether ``mail`` can be sent."""

    base_url: str
    mail: bool = False


def break_glass(  # noqa: PLR0913, PLR0917 -- what is asked, by whom, of what
    conn: Connection,
    keys: Keys,
    actor: Actor,
    identifier: Identifier,
    reason: GlassReason,
    words: str,
    now: datetime,
    telling: Telling,
) -> Broken | Refusal | None:
    """Open it, or say why it stays whole; ``None``: nobody bears that identifier. Under all of the patient's keys."""
    found = glass.bearers(conn, keys, identifier)
    if refused := objection(actor, reason, words, is_shut=False):
        return refused
    if not found:
        return None
    directory = directories.directory(conn)
    patients = queries.closure(conn, tuple(found))
    said = _said(conn, patients)
    shut = is_shut(said, actor, directory, now, OSLO)
    if refused := objection(actor, reason, words, is_shut=shut):
        return refused
    hidden = None if reason is GlassReason.EMERGENCY else shut_documents(said, now, OSLO)
    opened = [_open(actor, patient, reason, words, now) for patient in patients]
    for one in opened:
        glass.open_(conn, one, f"{PERSON}{actor.person}", hidden)
    first = next(one for one in opened if one.patient == found[0])
    _tell(conn, directory, first, telling)
    return first


def _said(conn: Connection, patients: Iterable[str]) -> Consents:
    headers = bars.headers(conn, [*patients])
    return Consents(provisions=tuple(p for h in headers.values() for p in h.consents.provisions))


def _open(actor: Actor, patient: str, reason: GlassReason, words: str, now: datetime) -> Broken:
    return Broken(
        id=secrets.token_hex(16),
        patient=patient,
        party=actor.party or "",
        person=actor.person or "",
        name=actor.name or "",
        reason=reason,
        words=words.strip(),
        at=now,
        until=now + LASTS,
    )


def _tell(conn: Connection, directory: Directory, broken: Broken, telling: Telling) -> None:
    """The organisation and its house: a message in their feeds, and a call; no patient is in either."""
    now = micros(broken.at)
    for party in _houses(directory, broken.party):
        message = stable_id("glass", broken.id, party.key)
        told = summary.glass_broken(
            id=message,
            name=broken.name,
            glass=broken.id,
            receiver=party,
            at=broken.at,
            base_url=telling.base_url,
        )
        row = feed.row(
            id=stable_id("outbox", broken.id, party.key, EventCode.GLASS_BROKEN),
            receiver=party.key,
            kind=EventCode.GLASS_BROKEN.value,
            message_id=message,
            created=now,
            body=orjson.dumps(told),
        )
        insert_new(conn, outbox, [row])
        if telling.mail:
            alerts.owe(conn, _alerts(broken, party, now), now)


def _houses(directory: Directory, party: str) -> Iterator[Party]:
    for key in dict.fromkeys((party, directory.house(party))):
        if known := directory.parties.get(key):
            yield known


def _alerts(broken: Broken, party: Party, now: int) -> Iterator[Alert]:
    for address in party.contacts:
        if is_mail(address):
            id_ = stable_id("alert", "glass", broken.id, party.key, address)
            yield Alert(id=id_, party=party.key, address=address, acute=True, next_try=now)


def check(
    conn: Connection, id_: str, by: str, verdict: Verdict, note: str | None, now: datetime
) -> Broken | Cause | None:
    """Keep what somebody found who looked at it afterwards, or say which rule is against it; ``None``: no such one."""
    found = glass.show(conn, id_)
    if found is None:
        return None
    if cause := objection_to_check(found.name, by, found.verdict):
        return cause
    checked = replace(found, checked=now, checked_by=by, verdict=verdict, note=note)
    glass.keep(conn, checked)
    return checked
