"""One stay as five languages tell it: PLO, MedCom, Da Vinci, HL7 v2 and our own profile. Nobody in it exists.

Each names the ward, the patient and the stay as its systems do: PLO has no number of a stay, MedCom has an episode,
Da Vinci and our profile an Encounter's number, HL7 v2 a visit.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from fhir_mappings import codes
from fhir_mappings import keys as of
from pathways.events import EventCode
from pathways.facts import ReportFacts, StayFacts, StayKind
from pathways.messages import Key, KeyRank, Message
from pathways.moments import Moment
from pathways.parties import Function, Identifier, Kind, Party, PartyRef
from tests import norwegian as no
from tests.contract import matters
from tests.unit import foreign, hl7v2

NPI: Final = "http://hl7.org/fhir/sid/us-npi"
_ORGANISATION, _SOR, _US = "915933149", "325431000016006", "1972642957"
PARTIES: Final = (
    Party("slagen", "Slagen sykehus", Kind.HOSPITAL, (Identifier(codes.HER_ID, "100"),)),
    Party(
        "slagen-medisin",
        "Medisinsk avdeling",
        Kind.HOSPITAL,
        (
            Identifier(codes.HER_ID, "101"),
            Identifier(codes.ORGANISATION_NUMBER, _ORGANISATION),
            Identifier(codes.SOR, _SOR),
            Identifier(NPI, _US),
        ),
        parent="slagen",
        function=Function.WARD,
    ),
    Party("solvik", "Solvik kommune", Kind.MUNICIPALITY, municipality="0301"),
    Party(
        "solvik-tildeling",
        "Solvik tildeling",
        Kind.MUNICIPALITY,
        parent="solvik",
        function=Function.CASE_OFFICE,
    ),
)
"""The ward goes by four numbers, in four registers."""

BEGUN: Final = datetime(2026, 11, 16, 8, tzinfo=UTC)
READY, BACK, AGAIN, LEFT, WRITTEN = (
    BEGUN + timedelta(hours=hours) for hours in (49, 57, 75, 100, 101)
)
WARD, HOME, TITLE, TEXT = "Sengepost 3", "Bosted", "Utskrivningsrapport", "Videre: Stell av sår"
STEPS: Final = {
    "admission": BEGUN,
    "ready": READY,
    "withdrawn": BACK,
    "ready-again": AGAIN,
    "discharge": LEFT,
    "report": WRITTEN,
}
"""What is told, and when it happened; each is written five minutes later, but the report, which is its writing."""

Teller = Callable[[str, int], bytes]
"""Writes a step of the stay of one person."""


def at(step: str) -> datetime:
    """When it was written."""
    return STEPS[step] + timedelta(minutes=0 if step == "report" else 5)


def number(person: int) -> str:
    """The person's national number."""
    return matters.patient(person).identifiers[0].value


def message_id(step: str, person: int, language: str) -> str:
    """A UUID of its own."""
    place = [*STEPS].index(step) + 10 * [*LANGUAGES].index(language)
    return str(UUID(int=0xF17E << 96 | person << 32 | place))


# --- PLO


_EVENTS: Final = {
    "admission": ("LOG_INNLAGT", ()),
    "ready": ("LOG_UTSKRIVNINGSKLAR", (("3", READY),)),
    "withdrawn": ("LOG_AVMELDING", (("4", BACK),)),
    "ready-again": ("LOG_UTSKRIVNINGSKLAR", (("3", AGAIN),)),
    "discharge": ("LOG_UTSKREVET", (("2", LEFT),)),
}


def plo(step: str, person: int) -> bytes:
    """PLO 1.6: every message but the report names the admission that it is about."""
    written = at(step).isoformat()
    if step == "report":
        content = no.note("Videre", "Stell av sår")
        source = no.plo("UTSKRIVNINGSRAPPORT", 1, content, written=written)
    else:
        kind, events = _EVENTS[step]
        told = ((code, when.isoformat()) for code, when in (("1", BEGUN), *events))
        source = no.logistics(kind, 1, *told, written=written)
    own = message_id(step, person, "plo").encode()
    return source.replace(no.message_id(1).encode(), own).replace(
        no.PERSON.encode(), number(person).encode()
    )


# --- FHIR of others


def _encounter(step: str, **more: Any) -> dict[str, Any]:
    ended = step == "discharge"
    period = {"start": BEGUN.isoformat()} | ({"end": LEFT.isoformat()} if ended else {})
    told = foreign.encounter(
        period=period,
        status="finished" if ended else "in-progress",
        serviceProvider={"reference": "Organization/ward"},
        location=[{"location": {"display": WARD}}],
        **more,
    )
    if ended:
        told["hospitalization"] = {"dischargeDisposition": {"text": HOME}}
    return told


def _patient(person: int) -> dict[str, Any]:
    known = [{"system": codes.FNR, "value": number(person)}]
    named = [{"family": "Lind", "given": ["Åse"]}]
    return foreign.patient(identifier=known, name=named)


def _sent(whole: dict[str, Any], ward: Identifier, step: str, person: int, language: str) -> bytes:
    """The Bundle from the ward, as one of its own."""
    own = message_id(step, person, language)
    whole |= {"timestamp": at(step).isoformat(), "id": f"bundle-{own}"}
    for entry in whole["entry"]:
        if entry["fullUrl"] == "Organization/ward":
            one = {"system": ward.system, "value": ward.value}
            entry["resource"] |= {"identifier": [one], "name": "Medisinsk avdeling"}
    source = orjson.dumps(whole).decode()
    return (
        source.replace('"m2"', f'"{own}"')
        .replace("MessageHeader/m2", f"MessageHeader/{own}")
        .encode()
    )


def medcom(step: str, person: int) -> bytes:
    """HospitalNotification: the stay is an episode of care."""
    activity = {"admission": "admit-inpatient", "discharge": "discharge-inpatient-home"}[step]
    written = at(step).isoformat()
    own = foreign.provenance(activity) | {"occurredDateTime": written, "recorded": written}
    episode = [
        {"identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{UUID(int=person + 1)}"}}
    ]
    about = _encounter(step, episodeOfCare=episode)
    whole = foreign.notification(own, about=about, who=_patient(person))
    return _sent(whole, Identifier(codes.SOR, _SOR), step, person, "medcom")


def davinci(step: str, person: int) -> bytes:
    """Da Vinci Alerts: the stay is an Encounter with a number."""
    event = {"admission": "notification-admit", "discharge": "notification-discharge"}[step]
    about = _encounter(step, identifier=[{"system": "urn:oid:1.2.840.1", "value": f"E{person}"}])
    del about["episodeOfCare"]
    coding = {"system": codes.DAVINCI_EVENT, "code": event}
    whole = foreign.bundle(coding, about, _patient(person))
    return _sent(whole, Identifier(NPI, _US), step, person, "davinci")


# --- HL7 v2


_TRIGGERS: Final = {
    "admission": "A01",
    "ready": "A16",
    "withdrawn": "A25",
    "ready-again": "A16",
    "discharge": "A03",
}


def _stamp(when: datetime) -> str:
    return f"{when:%Y%m%d%H%M%S}+0000"


def in_hl7v2(step: str, person: int) -> bytes:
    """ADT, and ORU for the report: the stay is a visit."""
    fields = [""] * 46
    fields[0], fields[2], fields[3] = "PV1", "I", f"{WARD}^^^{_ORGANISATION}"
    fields[19], fields[44] = f"V{person}^^^&1.2.3&ISO", _stamp(BEGUN)
    if step == "discharge":
        fields[36], fields[45] = f"01^{HOME}", _stamp(LEFT)
    stay = "|".join(fields).rstrip("|")
    who = f"PID|1||{number(person)}^^^FNR||Lind^Åse"
    written = _stamp(at(step))
    if step == "report":
        obr = f"OBR|1|||^{TITLE}|||{written}"
        segments: tuple[str, ...] = (who, stay, obr, f"OBX|1|TX|^x||{TEXT}||||||F")
        event = "ORU^R01"
    else:
        segments = (f"EVN||{written}||||{_stamp(STEPS[step])}", who, stay)
        event = f"ADT^{_TRIGGERS[step]}"
    letter = hl7v2.Letter(event=event, segments=segments, sender=_ORGANISATION, at=written)
    return replace(letter, id=f"{person}-{step}").source


# --- our own profile


def ours(step: str, person: int) -> bytes:
    """FHIR in our own profile."""
    stay = Identifier("https://ehr.example/stays", f"S{person}")
    ward = PartyRef((Identifier(codes.HER_ID, "101"),), "Medisinsk avdeling")
    told = StayFacts(
        encounter_class="IMP", begins=Moment(BEGUN), ward=WARD, provider=ward, identifiers=(stay,)
    )
    facts: StayFacts | ReportFacts = told
    keys = {Key(KeyRank.STAY, f"{stay.system}|{stay.value}")}
    if step == "admission":
        facts = replace(told, stay_kind=StayKind.HOSPITAL)
    elif step == "discharge":
        facts = replace(told, ends=Moment(LEFT), disposition=HOME)
    elif step == "report":
        facts = ReportFacts(title=TITLE, text=TEXT)
        keys |= of.start(Moment(BEGUN), ward, UTC)
    code = {"ready": "discharge-ready", "withdrawn": "discharge-ready-withdrawn"}.get(step, step)
    code = {"ready-again": "discharge-ready", "report": "discharge-report"}.get(step, code)
    return matters.source(
        Message(
            id=message_id(step, person, "carepath"),
            format="carepath",
            envelope=None,
            content=b"",
            code=EventCode(code),
            sender=ward,
            happened=Moment(STEPS[step]),
            written=at(step),
            patient=replace(matters.patient(person), municipality="0301"),
            keys=tuple(sorted(keys)),
            facts=facts,
        )
    )


LANGUAGES: Final[Mapping[str, Teller]] = {
    "carepath": ours,
    "plo": plo,
    "hl7v2": in_hl7v2,
    "medcom": medcom,
    "davinci": davinci,
}

CANNOT_SAY: Final[Mapping[str, frozenset[str]]] = {
    "medcom": frozenset(("ready", "withdrawn", "ready-again", "report")),
    "davinci": frozenset(("ready", "withdrawn", "ready-again", "report")),
}
"""Steps that a language has no message for: HospitalNotification and Alerts tell of admission and discharge alone.
A hospital that speaks these tells the rest in another language; that is what *mixed* tries."""
