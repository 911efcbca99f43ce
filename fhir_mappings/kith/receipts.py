"""AppRec 1.0 and 1.1 in: an answer to a message that was sent out."""

from collections.abc import Mapping
from typing import Final

from fhir_mappings.kith.envelope import Envelope, Told
from fhir_mappings.kith.names import APPREC_10, APPREC_11
from fhir_mappings.kith.reading import Element, Reading, called
from fhir_mappings.options import OSLO
from fhir_mappings.xml_parsing import root_of
from pathways.events import Activity, EventCode
from pathways.facts import ReceiptFacts
from pathways.refusals import Refusal

_RESPONSES: Final[Mapping[str, str]] = {"1": "ok", "2": "fatal-error", "3": "ok"}
"""8258. Any other status is a fault of what was sent: it never counts as OK."""


def errors(source: bytes) -> tuple[str, ...]:
    """The errors in an AppRec as people read them: code, name, and the sender's own words."""
    root = root_of(source, "AppRec")
    if isinstance(root, Refusal):
        return ()
    found = Reading(root, frozenset((APPREC_10, APPREC_11)), OSLO).all(root, "Error")
    return tuple(
        ": ".join(told)
        for one in found
        if (told := [text for name in ("V", "DN", "OT") if (text := one.get(name))])
    )


def receipt(reading: Reading, envelope: Envelope, document: Element) -> Told:
    """What became of a message at its receiver; an error in part of it is told in the note."""
    status = reading.needed(document, "Status")
    errors = [called(one) for one in reading.all(document, "Error")]
    facts = ReceiptFacts(
        about=reading.needed(document, "OriginalMsgId/Id"),
        response=_RESPONSES.get(status or "", "fatal-error"),
        note="; ".join(one for one in errors if one) or None,
    )
    reading.needed(document, "OriginalMsgId/MsgType")
    reading.needed(document, "OriginalMsgId/IssueDate")
    return Told(code=EventCode.ACKNOWLEDGEMENT, activity=Activity.NEW, facts=facts)
