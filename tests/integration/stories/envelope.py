"""A message around its focus: header, sender, receivers, author, and Provenance (who, when, what it does)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from html import escape
from typing import TypedDict
from uuid import uuid4

from tests.integration.stories import systems
from tests.integration.stories.people import OSLO, Organisation, Resource, organisation_number


class Envelope(TypedDict, total=False):
    """What any message may say about itself; what is left out gets a sensible value."""

    sender: Organisation
    receivers: tuple[Organisation, ...]
    copies: tuple[Organisation, ...]
    happened: datetime  # default: a minute before it is written
    written: datetime  # default: now
    activity: str  # new | revise | cancel | forward | reply
    target: str  # the message id it revises, cancels, forwards or answers
    message_id: str
    bundle_id: str
    test: bool


def _organisation(organisation: Organisation) -> Resource:
    return {
        "resourceType": "Organization",
        "identifier": [organisation_number(organisation)],
        "name": organisation.name,
        "telecom": [{"system": "phone", "value": "+47 55 00 00 00", "use": "work"}],
    }


def _practitioner() -> Resource:
    return {
        "resourceType": "Practitioner",
        "identifier": [{"system": systems.HPR, "value": "9999993"}],
        "name": [{"family": "Kaldestad", "given": ["Marit"]}],
        "telecom": [{"system": "phone", "value": "+47 55 00 01 13", "use": "work"}],
    }


def coding(system: str, code: str, display: str | None = None) -> Resource:
    """A Coding."""
    return {"system": system, "code": code} | ({"display": display} if display else {})


def concept(system: str, code: str) -> Resource:
    """A CodeableConcept of one code."""
    return {"coding": [coding(system, code)]}


def div(rows: str) -> str:
    """XHTML as a Narrative holds it."""
    return f'<div xmlns="{systems.XHTML}">{rows}</div>'


def _rows(value: object, path: str = "") -> str:
    if isinstance(value, dict):
        return "".join(_rows(v, f"{path}.{k}") for k, v in value.items() if k != "text")
    if isinstance(value, list):
        return "".join(_rows(v, f"{path}[{i}]") for i, v in enumerate(value))
    return f"<tr><td>{escape(path[1:])}</td><td>{escape(str(value))}</td></tr>"


def _narrated(resource: Resource) -> Resource:
    """With narrative as record systems generate it: every element in a table."""
    table = f'<table class="grid"><tbody>{_rows(resource)}</tbody></table>'
    return resource | {"text": {"status": "generated", "div": div(table)}}


class Parts:
    """The entries of one message, in order; ``add`` gives the reference to what was added."""

    def __init__(self) -> None:
        self.entries: list[Resource] = []

    def add(self, resource: Resource, own_id: str | None = None) -> Resource:
        """Add ``resource`` under a new id (or ``own_id``)."""
        key = own_id or str(uuid4())
        named = {"resourceType": resource["resourceType"], "id": key} | resource
        self.entries.append({"fullUrl": f"urn:uuid:{key}", "resource": _narrated(named)})
        return {"reference": f"urn:uuid:{key}"}


_ROLE = {"revise": "revision", "cancel": "removal", "forward": "source", "reply": "source"}


def _provenance(header: Resource, people: tuple[Resource, Resource], said: Envelope) -> Resource:
    activity = said.get("activity", "new")
    author, sender = people
    provenance: Resource = {
        "resourceType": "Provenance",
        "target": [header],
        "occurredDateTime": said["happened"].isoformat(),
        "recorded": said["written"].isoformat(),
        "activity": concept(systems.PATHWAY_ACTIVITY, activity),
        "agent": [
            {
                "type": {"coding": [coding(systems.PARTICIPANT_TYPE, "author", "Author")]},
                "who": author,
                "onBehalfOf": sender,
            }
        ],
    }
    if "target" in said:
        what = {"identifier": {"value": said["target"]}}
        provenance["entity"] = [{"role": _ROLE[activity], "what": what}]
    return provenance


def with_defaults(said: Envelope, sender: Organisation, receiver: Organisation) -> Envelope:
    """``said`` with what it leaves out: these parties, now, new ids."""
    written = said.get("written", datetime.now(OSLO))
    defaults: Envelope = {
        "sender": sender,
        "receivers": (receiver,),
        "written": written,
        "happened": said.get("happened", written - timedelta(minutes=1)),
        "message_id": str(uuid4()),
        "bundle_id": str(uuid4()),
    }
    return defaults | said


def bundle(
    event: str,
    said: Envelope,
    build: Callable[[Parts], Resource],
    response: Resource | None = None,
) -> Resource:
    """The message: header first, then what ``build`` adds (it gives the focus), then who and when."""
    parts = Parts()
    focus = build(parts)
    people = (parts.add(_practitioner()), parts.add(_organisation(said["sender"])))
    receivers = [(o, False) for o in said["receivers"]] + [
        (o, True) for o in said.get("copies", ())
    ]
    header = {
        "resourceType": "MessageHeader",
        "eventCoding": coding(systems.PATHWAY_EVENT, event),
        "destination": [_destination(o, parts.add(_organisation(o)), copy=c) for o, c in receivers],
        "sender": people[1],
        "source": {
            "name": "Journal",
            "endpoint": f"https://journal.example/{said['sender'].number}",
        },
        "focus": [focus],
    }
    message_id = said["message_id"]
    parts.add(_provenance({"reference": f"urn:uuid:{message_id}"}, people, said))
    parts.add(header | ({"response": response} if response else {}), message_id)
    tag = {"meta": {"tag": [coding(systems.ACT_REASON, "HTEST")]}} if said.get("test") else {}
    return {
        "resourceType": "Bundle",
        "id": said["bundle_id"],
        **tag,
        "type": "message",
        "timestamp": said["written"].isoformat(),
        "entry": [parts.entries[-1], *parts.entries[:-1]],
    }


def _destination(organisation: Organisation, reference: Resource, *, copy: bool) -> Resource:
    use = {"url": systems.DESTINATION_USE, "valueCode": "cc" if copy else "primary"}
    endpoint = f"https://journal.example/{organisation.number}"
    return {"extension": [use], "endpoint": endpoint, "receiver": reference}


def message_id(message: Resource) -> str:
    """The MessageHeader.id of a message built here."""
    return str(message["entry"][0]["resource"]["id"])


def patient_identifier(message: Resource) -> Resource:
    """The identifier of a message's patient."""
    found = (e["resource"] for e in message["entry"] if e["resource"]["resourceType"] == "Patient")
    identifier: Resource = next(found)["identifier"][0]
    return identifier
