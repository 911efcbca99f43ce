"""The response message to a message: hl7.org/fhir/R4/messaging.html, *Response*.

It bears the event that its request's dialect says. ``response.identifier`` is the request's message id.
"""

from collections.abc import Sequence
from datetime import datetime

from fhir_mappings.bundle import JSON
from fhir_mappings.codes import BROKER_NAME, PATHWAY_EVENT, URI
from fhir_mappings.dialects.table import NAMED
from fhir_mappings.elements import as_identifier
from fhir_mappings.outcome import outcome
from fhir_mappings.times import instant_text
from pathways.events import EventCode
from pathways.messages import Message, stable_id
from pathways.parties import PartyRef
from pathways.refusals import Issue


def receipt(
    message: Message,
    *,
    id: str,  # noqa: A002 — FHIR's name
    code: str,
    issues: Sequence[Issue],
    at: datetime,
    base_url: str,
) -> JSON:
    """The receipt for ``message``: ``code`` is ok, transient-error or fatal-error.

    ``id`` is the receipt's MessageHeader.id, a UUID; all other ids follow from it. ``base_url`` is the
    broker's FHIR address.
    """
    event, about = _event(message), {"identifier": message.id, "code": code}
    return _response(id, event, about, message.sender, issues, at, base_url)


def rejection(  # noqa: PLR0913 — the parts of one message
    party: PartyRef,
    *,
    id: str,  # noqa: A002 — FHIR's name
    about: str,
    code: str,
    issues: Sequence[Issue],
    at: datetime,
    base_url: str,
) -> JSON:
    """What ``party`` is told of something it sent that is not a message we can read, or not its own to send.

    ``about`` is the message's id where it is known, else the id under which the bytes are kept.
    """
    event = {"system": PATHWAY_EVENT, "code": EventCode.ACKNOWLEDGEMENT.value}
    return _response(id, event, {"identifier": about, "code": code}, party, issues, at, base_url)


def _response(  # noqa: PLR0913, PLR0917 — the parts of one message
    id_: str,
    event: JSON,
    response: JSON,
    party: PartyRef,
    issues: Sequence[Issue],
    at: datetime,
    base_url: str,
) -> JSON:
    told: list[JSON] = []
    if issues:
        details = stable_id(id_, "outcome")
        response["details"] = _reference(details)
        told.append(_entry(outcome(issues, id=details)))
    broker, sender = stable_id(id_, "broker"), stable_id(id_, "sender")
    header: JSON = {
        "resourceType": "MessageHeader",
        "id": id_,
        "eventCoding": event,
        "destination": [_destination(party, sender, base_url)],
        "sender": _reference(broker),
        "source": {"name": BROKER_NAME, "endpoint": base_url},
        "response": response,
    }
    parties = (_organization(broker, _broker(base_url)), _organization(sender, party))
    return {
        "resourceType": "Bundle",
        "id": stable_id(id_, "bundle"),
        "type": "message",
        "timestamp": instant_text(at),
        "entry": [_entry(header), *told, *(_entry(party) for party in parties)],
    }


def _destination(party: PartyRef, sender: str, base_url: str) -> JSON:
    return {"endpoint": party.endpoint or base_url, "receiver": _reference(sender)}


def _event(message: Message) -> JSON:
    dialect = NAMED.get(message.format)
    if dialect is None:  # no dialect of FHIR
        return {"system": PATHWAY_EVENT, "code": str(message.code)}
    return {"system": dialect.system, "code": dialect.event(message)}


def _entry(resource: JSON) -> JSON:
    return {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}


def _reference(id_: str) -> JSON:
    return {"reference": f"urn:uuid:{id_}"}


def _broker(base_url: str) -> JSON:
    return {
        "identifier": [{"system": URI, "value": base_url}],
        "name": BROKER_NAME.capitalize(),
    }


def _organization(id_: str, said: JSON | PartyRef) -> JSON:
    """An Organization, which needs an identifier or a name (org-1)."""
    if isinstance(said, PartyRef):
        named = {"name": said.name} if said.name else {}
        said = {"identifier": [as_identifier(one) for one in said.known_by], **named}
    return {"resourceType": "Organization", "id": id_, **said}
