"""Threads, headers and records to write as FHIR, and the check that what was written is sound."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from fhir.resources.R4B import get_fhir_model_class

from fhir_mappings.structure import check
from pathways.events import Family
from pathways.facts import PersonFacts, Relative
from pathways.messages import Author, Key, KeyRank, Message, Record
from pathways.moments import Moment
from pathways.parties import Directory, Identifier, Kind, Party, PartyRef
from pathways.pathway import Header, Thread, Told
from pathways.refusals import Issue
from pathways.transitions import Status

JSON = dict[str, Any]

AT = datetime(2026, 3, 7, 1, 10, tzinfo=UTC)
ORDER = (AT, AT, "e1")
HOSPITAL = Party(
    key="slagen",
    name="Slagen sykehus",
    kind=Kind.HOSPITAL,
    identifiers=(Identifier("urn:x", "1"),),
    neutral_name="Sykehuset",
    parent="helse-slagen",
    municipality="3905",
    phone="+4733000000",
)
DOCTOR = Party(key="lege", name="Lia legekontor", parent="lia")
DIRECTORY = Directory({party.key: party for party in (HOSPITAL, DOCTOR)})
KNOWN = PartyRef((Identifier("urn:x", "1"),), "Slagen")


def faults(resource: JSON) -> list[Issue]:
    """What is wrong with a resource, as if somebody had sent it to us."""
    header = {
        "resourceType": "MessageHeader",
        "eventCoding": {"system": "urn:x", "code": "x"},
        "source": {"endpoint": "urn:x"},
    }
    bundle = {
        "resourceType": "Bundle",
        "type": "message",
        "entry": [{"resource": header}, {"resource": orjson.loads(orjson.dumps(resource))}],
    }
    return list(check(bundle))


def sound(resource: JSON) -> JSON:
    """``resource``, after it was checked."""
    assert faults(resource) == []
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    return resource


def thread(family: Family, status: Status, **changes: Any) -> Thread:
    """A thread of the family."""
    known = Thread(
        id="t1",
        patient="p1",
        family=family,
        anchor=Key(KeyRank.STAY, "s"),
        status=status,
        sender="slagen",
        owner="slagen",
        begun=Moment(AT),
        updated=Moment(AT + timedelta(hours=1)),
    )
    return replace(known, **changes)


def as_record(message: Message, number: int = 0) -> Record:
    """The record of an accepted message."""
    return Record(
        id=f"e{number}",
        patient="p1",
        message_id=message.id,
        code=message.code,
        activity=message.activity,
        target=message.target,
        sender="slagen",
        sender_name="Slagen sykehus",
        sender_root=None,
        author=message.author,
        happened=message.happened,
        written=message.written,
        received=AT,
        keys=message.keys,
        facts=message.facts,
    )


def header(**changes: Any) -> Header:
    """A header in which everything is told."""
    told: dict[str, Any] = {
        "family": "Nordmann",
        "given": ("Kari", "Lise"),
        "birth_date": "1940-02-29",
        "gender": "female",
        "municipality": "3905",
        "district": "390501",
        "gp": "lege",
    }
    person = PersonFacts(
        sheet="Liker kaffe",
        sheet_title="Om Kari",
        relatives=(Relative("Ola", "sønn", "1"), Relative("Per")),
        stay_municipality="0301",
        linked=(Identifier("urn:x", "2"),),
    )
    whole = Header(
        demographics={name: Told(ORDER, value) for name, value in told.items()},
        contacts={"slagen": (ORDER, Author("Siri", "2", "sykepleier")), "x": (ORDER, Author("Bo"))},
        deceased={"t1": Moment(AT)},
        person=person,
    )
    return replace(whole, **changes)
