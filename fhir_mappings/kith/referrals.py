"""Henvisning 1.0 and 1.1, which have no MsgHead: a referral, or a legevakt's choice of hospital.

What is urgent (priority 0, *øyeblikkelig hjelp*) chooses a hospital for somebody on the way there.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from fhir_mappings import keys as of
from fhir_mappings.kith.dialogue import identified
from fhir_mappings.kith.envelope import Envelope, Told, activity, with_attachments, writer
from fhir_mappings.kith.names import REFERRAL_11
from fhir_mappings.kith.reading import Element, Reading, split
from fhir_mappings.kith.texts import plain
from pathways.events import EventCode
from pathways.facts import ReferralFacts
from pathways.messages import Author, KeyRank

_PRIORITIES: Final[Mapping[str, str]] = {"0": "stat", "1": "urgent"}
"""8304, as FHIR's request priorities; what comes after the second is routine."""
_REFERRER: Final = "HHE"


def referral(reading: Reading, envelope: Envelope, document: Element) -> Told:
    """``ServReq``. Its Id stays the same when it is changed and cancelled."""
    own = reading.needed(document, "Id")
    reading.need(document, "MsgDescr")
    if split(document)[0] == REFERRAL_11:
        reading.needed(reading.need(document, "ReqServ"), "Priority")
    ids = (identified(own),) if own else ()
    priority = reading.text(document, "ReqServ/Priority")
    facts = ReferralFacts(
        title=reading.name(document, "MsgDescr") or "Henvisning",
        priority=_PRIORITIES.get(priority, "routine") if priority else None,
        reason=with_attachments(_text(reading, document), envelope),
        requester=envelope.sender,
        performer=next((one.party for one in envelope.destinations if not one.copy), None),
        identifiers=ids or None,
    )
    return Told(
        code=EventCode.HOSPITAL_CHOICE if priority == "0" else EventCode.REFERRAL,
        activity=activity(reading, document, "ServType"),
        facts=facts,
        keys=frozenset(of.keys(KeyRank.REFERRAL, ids, envelope.sender)),
        author=_author(reading, document),
    )


def _text(reading: Reading, document: Element) -> str | None:
    """Why, first; then what else is told of the patient."""
    said = (
        "ReasonAsText",
        "Comment",
        "Diagnosis",
        "ReqServ/Comment",
        "ReqServ/ReasonAsText",
        "Patient/InfItem",
    )
    return plain([one for path in said for one in reading.all(document, path)])


def _author(reading: Reading, document: Element) -> Author:
    """Who refers, with their phone number."""
    for one in reading.all(document, "Patient/PatRelHCP"):
        if reading.text(one, "Relation") == _REFERRER:
            phone = reading.text(one, "HCP/Address/TeleAddress") or ""
            found = writer(reading, one, ("HCP/HCProf", "HCP/Inst/HCPerson"))
            return replace(found, phone=phone.removeprefix("tel:") or None)
    return writer(reading, document, ("Requester/HCP/HCProf",))
