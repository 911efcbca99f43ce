"""PLO, the logistics of a stay: admitted, ready, ready withdrawn, discharged, dead; and the early notice.

The type of the message says what has happened, *Anslag* (estimate) does not. PLO has no id of a stay: its messages
are brought together by patient and hospital, and by the admission that they name. So all stays of a patient at one
hospital are one matter, which each admission opens again; a discharge that names no admission is never lost.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import tzinfo
from typing import Final

from fhir_mappings import keys as of
from fhir_mappings.codes import STAY_AT
from fhir_mappings.kith.envelope import Envelope, Told, activity, with_attachments, writer
from fhir_mappings.kith.reading import Element, Reading
from fhir_mappings.kith.texts import plain
from pathways.events import EventCode
from pathways.facts import Need, StayFacts, StayKind
from pathways.messages import Author, Key
from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef

ADMITTED, DISCHARGED, READY, _WITHDRAWN, _DEAD = "1", "2", "3", "4", "13"
"""9121."""
LOGISTICS: Final[Mapping[str, tuple[str, str, EventCode]]] = {
    "LOG_INNLAGT": ("MeldingInnlagtPasient", ADMITTED, EventCode.ADMISSION),
    "LOG_UTSKRIVNINGSKLAR": ("MeldingUtskrivningsklarPasient", READY, EventCode.DISCHARGE_READY),
    "LOG_AVMELDING": (
        "AvmeldingUtskrivningsklarPasient",
        _WITHDRAWN,
        EventCode.DISCHARGE_READY_WITHDRAWN,
    ),
    "LOG_UTSKREVET": ("MeldingOmUtskrevetPasient", DISCHARGED, EventCode.DISCHARGE),
    "LOG_DOD": ("OrienteringOmDod", _DEAD, EventCode.DEATH),
}
"""By type: the element that its document has, the event in it that the message is about, and what that is."""
_DEAD_AT_DISCHARGE: Final = frozenset(("2", "3"))
"""8431: left dead, or died while waiting."""
_WRITERS: Final = ("AnsvarForRapport/AnsvarligRapport", "KontaktpersonHelsepersonell/Kontaktperson")


def logistics(reading: Reading, envelope: Envelope, document: Element) -> Told:
    """A Pasientlogistikk document."""
    name, wanted, code = LOGISTICS[envelope.kind]
    part = reading.need(document, name)
    events = _events(reading, part, envelope)
    if part is not None and wanted not in events:
        reading.lacks(part, "TidsfestetHendelse/Hendelsekode")
    state = reading.text(part, "UtskrevetTil/Uttilstand")
    if code is EventCode.DISCHARGE:
        reading.need(part, "UtskrevetTil")
        code = EventCode.DEATH if state in _DEAD_AT_DISCHARGE else code
    happened = events.get(wanted)
    facts = _facts(reading, envelope, document, part, code, happened)
    facts = replace(facts, begins=events.get(ADMITTED))
    return _told(reading, envelope, document, facts, code, happened)


def early_notice(reading: Reading, envelope: Envelope, document: Element) -> Told:
    """Helseopplysninger ved søknad: notice of a patient who will need services, and its updates."""
    events: dict[str, Moment] = {}
    for part in reading.all(document, "OpplysningOpphold"):
        events |= _events(reading, part, envelope, expected=True)
    notes = reading.all(document, "MedisinskfagligeOpplysninger")
    facts = StayFacts(
        municipal_need=Need.YES,
        expected_ready=events.get(READY),
        begins=events.get(ADMITTED),
        provider=envelope.sender,
        ward=_ward(reading, document),
        note=with_attachments(plain(notes), envelope),
    )
    return _told(reading, envelope, document, facts, EventCode.EARLY_NOTICE, None)


def of_house(house: PartyRef) -> tuple[Identifier, ...]:
    """What stands for the stay: the hospital, as no message tells more."""
    scope = of.scope(house)
    return (Identifier(STAY_AT, scope),) if scope else ()


def keys(house: PartyRef, sender: PartyRef, begins: Moment | None, zone: tzinfo) -> frozenset[Key]:
    """What brings the messages of a stay together."""
    return frozenset(of.stay(of_house(house), (), sender) | of.start(begins, sender, zone))


def author(reading: Reading, document: Element) -> Author:
    """Who answers for a document of PLO."""
    return writer(reading, document, _WRITERS)


def _told(
    reading: Reading,
    envelope: Envelope,
    document: Element,
    facts: StayFacts,
    code: EventCode,
    happened: Moment | None,
) -> Told:
    house = envelope.sender_house
    return Told(
        code=code,
        activity=activity(reading, document, "InformasjonOmForsendelsen/Forsendelsesstatus"),
        happened=happened,
        facts=replace(facts, identifiers=of_house(house) or None),
        keys=keys(house, envelope.sender, facts.begins, reading.zone),
        author=author(reading, document),
    )


def _events(
    reading: Reading, part: Element | None, envelope: Envelope, *, expected: bool = False
) -> dict[str, Moment]:
    """The times by their codes (9121). What is estimated and lies ahead did not happen then, but when it was told.

    ``expected``: where times that lie ahead are what is asked for.
    """
    found: dict[str, Moment] = {}
    for event in reading.all(part, "TidsfestetHendelse"):
        code = reading.text(event, "Hendelsekode")
        reading.needed(event, "TidspunktForHendelse")
        at = reading.one(event, "TidspunktForHendelse")
        moment = reading.moment(at, envelope.written)
        if code is None or moment is None:
            continue
        ahead = moment.at > envelope.written and reading.text(event, "Anslag") == "true"
        found.setdefault(code, envelope.issued if ahead and not expected else moment)
    return found


def _facts(
    reading: Reading,
    envelope: Envelope,
    document: Element,
    part: Element | None,
    code: EventCode,
    happened: Moment | None,
) -> StayFacts:
    admitted, left = code is EventCode.ADMISSION, code in (EventCode.DISCHARGE, EventCode.DEATH)
    remarks = [
        one
        for event in reading.all(part, "TidsfestetHendelse")
        for name in ("BeskrivelseAvHendelse", "Merknad")
        for one in reading.all(event, name)
    ]
    return StayFacts(
        encounter_class="IMP" if admitted else None,
        stay_kind=StayKind.HOSPITAL if admitted else None,
        ends=happened if left else None,
        deceased=happened if code is EventCode.DEATH else None,
        disposition=reading.name(part, "UtskrevetTil/UtTil"),
        provider=envelope.sender if code is not EventCode.DEATH else None,
        ward=_ward(reading, document),
        note=with_attachments(plain(remarks), envelope),
    )


def _ward(reading: Reading, document: Element) -> str | None:
    return reading.text(document, "TilknyttetEnhet/Kontaktenhet/OrganisationName")
