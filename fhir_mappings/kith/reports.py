"""PLO's reports, and the doctor's: documents about a stay, an overview of services, and questions to a doctor.

A report belongs to a stay at the hospital: its sender's, or its receiver's when a municipality or a doctor writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fhir_mappings.kith import dialogue, stays
from fhir_mappings.kith.envelope import Envelope, Told, activity, with_attachments, writer
from fhir_mappings.kith.reading import Element, Reading
from fhir_mappings.kith.texts import plain
from pathways.events import Activity, EventCode
from pathways.facts import InquiryFacts, PersonFacts, ReportFacts
from pathways.parties import Function


@dataclass(frozen=True, slots=True)
class Report:
    """What a type of report is. ``received``: it is about a stay at who gets it, not at who sends it."""

    code: EventCode
    title: str
    received: bool = False


REPORTS: Final[Mapping[str, Report]] = {
    "INNLEGGELSESRAPPORT": Report(EventCode.ADMISSION_REPORT, "Innleggelsesrapport", received=True),
    "MEDISINSKE_OPPLYSNINGER": Report(
        EventCode.MEDICATION_LIST, "Medisinske opplysninger", received=True
    ),
    "UTSKRIVNINGSRAPPORT": Report(EventCode.DISCHARGE_REPORT, "Utskrivningsrapport"),
    "OVERFORINGSRAPPORT": Report(EventCode.TRANSFER_REPORT, "Overføringsrapport"),
}
_STATUS: Final = "InformasjonOmForsendelsen/Forsendelsesstatus"
_ANSWERS: Final = "InformasjonOmForsendelsen/SvarPaaForesporsel"


def report(reading: Reading, envelope: Envelope, document: Element) -> Told:
    """A report of PLO, with all that it says as its text; one that was asked for is the answer."""
    rule = REPORTS[envelope.kind]
    if reading.text(document, _ANSWERS) == "true" and envelope.parent:
        return _answer(reading, envelope, document, rule.title)
    house = envelope.receiver_house if rule.received else envelope.sender_house
    return Told(
        code=rule.code,
        activity=activity(reading, document, _STATUS),
        facts=ReportFacts(title=rule.title, text=_text(envelope, document)),
        keys=stays.keys(house, envelope.sender, None, reading.zone),
        author=stays.author(reading, document),
    )


def overview(reading: Reading, envelope: Envelope, document: Element) -> Told:
    """Orientering om tjenestetilbud. Whoever has any service has home nursing told of what happens."""
    some = (Function.NURSING.value,) if reading.all(document, "EksisterendeTjeneste") else ()
    facts = PersonFacts(services=some, overview=_text(envelope, document))
    return Told(
        code=EventCode.SERVICE_OVERVIEW,
        activity=activity(reading, document, _STATUS),
        facts=facts,
        author=stays.author(reading, document),
    )


def consultation(reading: Reading, envelope: Envelope, document: Element) -> Told:
    """Helseopplysninger til lege: a doctor is asked to look at something, or gets the answer to a question."""
    title = "Helseopplysninger til lege"
    if reading.text(document, _ANSWERS) == "true" and envelope.parent:
        return _answer(reading, envelope, document, title)
    topic = reading.name(document, "InnholdKonsultasjon/TypeInnholdKonsultasjon") or title
    told = activity(reading, document, _STATUS)
    return _inquiry(reading, envelope, document, EventCode.INQUIRY, told, topic)


def epicrisis(reading: Reading, envelope: Envelope, document: Element) -> Told:
    """Epikrise, the doctor's report of a stay: ``ServRprt``."""
    own = reading.needed(document, "ServProvId")
    stay = reading.one(document, "Event/ReportedEvent/StartDateTime")
    begins = reading.moment(stay, envelope.written)
    parts = reading.all(document, "Event")
    if not parts:
        reading.lacks(document, "Event")
    text = plain(parts)
    return Told(
        code=EventCode.DOCTOR_REPORT,
        activity=activity(reading, document, "ServType"),
        facts=ReportFacts(
            title=reading.name(document, "MsgDescr") or "Epikrise",
            text=with_attachments(text, envelope),
            identifiers=(dialogue.identified(own),) if own else None,
        ),
        keys=stays.keys(envelope.sender_house, envelope.sender, begins, reading.zone),
        author=writer(reading, document, ("RelServProvider/HCP/HCProf", "ServProvider/HCP/HCProf")),
    )


def _answer(reading: Reading, envelope: Envelope, document: Element, topic: str) -> Told:
    told = activity(reading, document, _STATUS)
    told = Activity.REPLY if told is Activity.NEW else told
    return _inquiry(reading, envelope, document, EventCode.REPLY, told, topic)


def _inquiry(
    reading: Reading,
    envelope: Envelope,
    document: Element,
    code: EventCode,
    told: Activity,
    topic: str,
) -> Told:
    return Told(
        code=code,
        activity=told,
        facts=InquiryFacts(
            topic=topic, text=_text(envelope, document), owner=dialogue.asked(envelope)
        ),
        keys=dialogue.keys(envelope),
        author=stays.author(reading, document),
    )


def _text(envelope: Envelope, document: Element) -> str | None:
    return with_attachments(plain(document), envelope)
