"""Blobs: records, threads, headers and parties as JSON, each with the version of its format.

``EVENT_VERSION`` is written with every event; ``_UPCASTS`` brings older ones up to it on reading, so that a
stored event is never rewritten.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from pydantic import TypeAdapter
from sqlalchemy import RowMapping

from carepath.store.times import instant, micros
from pathways.access import Role
from pathways.events import RULES, STATES, Activity, EventCode, Family
from pathways.messages import Author, Key, Record
from pathways.moments import Moment
from pathways.parties import Function, Party
from pathways.pathway import Header, Thread
from pathways.states import State

EVENT_VERSION = 1
_UPCASTS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}

_FACTS: Mapping[type[State], TypeAdapter[Any]] = {
    kind: TypeAdapter(kind) for kind in {*(rule.facts for rule in RULES.values()), *STATES.values()}
}


@dataclass(frozen=True, slots=True)
class _Body:
    """What of a record is in no column."""

    sender_name: str
    author: Author
    keys: tuple[Key, ...]
    sender_root: str | None = None
    sender_function: Function | None = None
    asked: str | None = None
    named: dict[str, tuple[str, ...]] = field(default_factory=dict)
    matter: Family | None = None
    relatives: tuple[str, ...] = ()
    ke: str | None = None
    receivers: tuple[str, ...] = ()
    markings: tuple[str, ...] = ()
    citizen: Role | None = None
    person: str | None = None
    told: dict[str, str | tuple[str, ...]] = field(default_factory=dict)


_BODY = TypeAdapter(_Body)
_THREAD = TypeAdapter(Thread)
_HEADER = TypeAdapter(Header)
_PARTY = TypeAdapter(Party)


def _with_facts(adapter: TypeAdapter[Any], value: object, facts: State | None) -> bytes:
    told = b"null" if facts is None else _FACTS[type(facts)].dump_json(facts, exclude_defaults=True)
    return b'{"facts":%b,"rest":%b}' % (told, adapter.dump_json(value, exclude_defaults=True))


def record_row(record: Record, thread: str) -> dict[str, Any]:
    """A record as a row of ``events``."""
    body = _Body(
        sender_name=record.sender_name,
        sender_root=record.sender_root,
        sender_function=record.sender_function,
        author=record.author,
        keys=record.keys,
        asked=record.asked,
        named=dict(record.named),
        matter=record.matter,
        relatives=record.relatives,
        ke=record.ke,
        receivers=record.receivers,
        markings=tuple(sorted(record.markings)),
        citizen=record.citizen,
        person=record.person,
        told=dict(record.told),
    )
    return {
        "id": record.id,
        "patient": record.patient,
        "thread": thread,
        "code": record.code.value,
        "activity": record.activity.value,
        "message_id": record.message_id,
        "target": record.target,
        "sender": record.sender,
        "happened": micros(record.happened.at),
        "happened_day": record.happened.day,
        "written": micros(record.written),
        "received": micros(record.received),
        "version": EVENT_VERSION,
        "body": _with_facts(_BODY, body, record.facts),
    }


def record(row: RowMapping) -> Record:
    """A row of ``events`` as a record."""
    parts = orjson.loads(row["body"])
    for version in range(row["version"], EVENT_VERSION):
        parts = _UPCASTS[version](parts)
    body: _Body = _BODY.validate_python(parts["rest"])
    code = EventCode(row["code"])
    return Record(
        id=row["id"],
        patient=row["patient"],
        message_id=row["message_id"],
        code=code,
        activity=Activity(row["activity"]),
        target=row["target"],
        sender=row["sender"],
        sender_name=body.sender_name,
        sender_function=body.sender_function,
        sender_root=body.sender_root,
        author=body.author,
        happened=Moment(instant(row["happened"]), day=bool(row["happened_day"])),
        written=instant(row["written"]),
        received=instant(row["received"]),
        keys=body.keys,
        facts=_FACTS[RULES[code].facts].validate_python(parts["facts"]),
        told=body.told,
        asked=body.asked,
        named=body.named,
        matter=body.matter,
        relatives=body.relatives,
        ke=body.ke,
        receivers=body.receivers,
        markings=frozenset(body.markings),
        citizen=body.citizen,
        person=body.person,
    )


def thread_row(thread: Thread) -> dict[str, Any]:
    """A thread as a row of ``threads``."""
    return {
        "id": thread.id,
        "patient": thread.patient,
        "family": thread.family.value,
        "status": thread.status.value,
        "body": _with_facts(_THREAD, replace(thread, facts=None), thread.facts),
    }


def thread(body: bytes) -> Thread:
    """The body of a row of ``threads`` as a thread."""
    parts = orjson.loads(body)
    state: Thread = _THREAD.validate_python(parts["rest"])
    if parts["facts"] is None:
        return state
    return replace(state, facts=_FACTS[STATES[state.family]].validate_python(parts["facts"]))


def header_body(header: Header) -> bytes:
    """A header as the body of a row of ``patients``."""
    return _HEADER.dump_json(header, exclude_defaults=True)


def header(body: bytes) -> Header:
    """The inverse of ``header_body``."""
    return _HEADER.validate_json(body)


def party_body(party: Party) -> bytes:
    """A party as the body of a row of ``parties``."""
    return _PARTY.dump_json(party, exclude_defaults=True)


def party(body: bytes) -> Party:
    """The inverse of ``party_body``."""
    return _PARTY.validate_json(body)
