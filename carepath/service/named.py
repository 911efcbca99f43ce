"""Matters that a message names by the ids that they have here: their own strongest key stands in for those."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from carepath.store import naming
from carepath.store.database import Connection
from fhir_mappings.codes import MATTER_ID
from pathways.messages import Key, Message

_PREFIX = f"{MATTER_ID}|"


def named(conn: Connection, messages: Sequence[Message]) -> list[Message]:
    """The messages, with the keys of the matters that they name. An id that nothing has names nothing."""
    ids = {_id(key) for message in messages for key in message.keys if _is_ours(key)}
    known = naming.anchors(conn, ids)
    return [_with_anchors(message, known) for message in messages]


def _with_anchors(message: Message, known: dict[str, Key]) -> Message:
    if not any(map(_is_ours, message.keys)):
        return message
    found = {known.get(_id(key), key) if _is_ours(key) else key for key in message.keys}
    return replace(message, keys=tuple(sorted(found)), facts=_without(message.facts))


def _without(facts: Any) -> Any:
    """Our id is nobody's number of the matter: it takes the place of none."""
    told = getattr(facts, "identifiers", None)
    if not told:
        return facts
    kept = tuple(one for one in told if one.system != MATTER_ID)
    return replace(facts, identifiers=kept or None)


def _is_ours(key: Key) -> bool:
    return key.value.startswith(_PREFIX)


def _id(key: Key) -> str:
    return key.value.removeprefix(_PREFIX)
