"""The demo's story as the rules see it: records, threads and entries, without a store."""

from collections.abc import Iterable

from carepath.cli.demo import people
from carepath.cli.demo.story import Step
from pathways.messages import Key, KeyRank, Record
from pathways.parties import Directory
from pathways.pathway import Thread, fold

DIRECTORY = Directory({party.key: party for party in people.parties()})
_KEYS = {ref: key for key, ref in people.REFERENCES.items()}


def records(steps: Iterable[Step]) -> dict[str, list[Record]]:
    """By matter; received when they were written."""
    threads: dict[str, list[Record]] = {}
    for step in steps:
        message = step.message
        matter = message.keys[0].value if message.keys else message.family.value
        threads.setdefault(matter, []).append(record(step))
    return threads


def record(step: Step) -> Record:
    """A step as it would be kept."""
    message = step.message
    said = message.facts
    wanted = getattr(said, "proposed", None) or getattr(said, "performer", None)
    asked = wanted or getattr(said, "owner", None)
    return Record(
        id=message.id,
        patient="p",
        message_id=message.id,
        code=message.code,
        activity=message.activity,
        target=message.target,
        sender=step.sender,
        sender_name=message.sender.name or "",
        sender_root=None,
        author=message.author,
        happened=message.happened,
        written=message.written,
        received=message.written,
        keys=message.keys,
        facts=said,
        asked=_KEYS[asked] if asked else None,
    )


def threads(told: dict[str, list[Record]]) -> list[Thread]:
    """Each matter as its records make it."""
    return [
        fold(Thread(id=id_, patient="p", family=own[0].family, anchor=Key(KeyRank.STAY, id_)), own)
        for id_, own in told.items()
    ]
