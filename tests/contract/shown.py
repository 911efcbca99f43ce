"""A patient's resources as they stand, without what is about arrival and without ids."""

import re
from typing import Any

import orjson
from sqlalchemy import select

from carepath.store import promises, tables
from carepath.store.database import Database
from carepath.store.resources import NEWEST

JSON = dict[str, Any]


def resources(database: Database, patient: str) -> list[JSON]:
    """Every resource that is not gone, in an order of their own."""
    names = _names(database, patient)
    mine = tables.resources.c.patient == patient, ~tables.resources.c.deleted
    wanted = NEWEST.add_columns(tables.resources.c.thread).where(*mine)
    with database.read() as conn:
        rows = conn.execute(wanted).mappings().all()

    def named(text: str) -> str:
        return _ID.sub(lambda id_: names.get(id_[0], id_[0]), text)

    found = [
        {
            **_nameless(orjson.loads(named(row["body"].decode()))),
            "thread": named(row["thread"] or ""),
        }
        for row in rows
    ]
    return sorted(found, key=lambda one: orjson.dumps(one, option=orjson.OPT_SORT_KEYS))


_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}")


def _names(database: Database, patient: str) -> dict[str, str]:
    """Events and messages by the number at the end of the message's id, threads by their first message.

    Promises by what opened them.
    """
    wanted = select(tables.events).where(tables.events.c.patient == patient)
    names = {patient: "patient"}
    with database.read() as conn:
        for event in conn.execute(wanted.order_by(tables.events.c.message_id)).mappings():
            number = event["message_id"][-4:]
            names |= {event["id"]: f"event-{number}", event["message_id"]: f"message-{number}"}
            names.setdefault(event["thread"], f"thread-{number}")
        owed = select(tables.promises).where(tables.promises.c.patient == patient)
        for row in conn.execute(owed).mappings():
            one = promises.watched(row)
            opener = names.get(one.course.opened_by)
            names[one.id] = f"{one.kind}-{one.responsible}-{opener}"
    return names


def _nameless(resource: JSON) -> JSON:
    tags = [tag for tag in resource.pop("meta").get("tag", ()) if tag["code"] != "late"]
    if resource["resourceType"] in ("RelatedPerson", "Patient"):
        del resource["id"]
    resource.pop("identifier", None)  # a patient's is their own
    return {**resource, "tags": tags}
