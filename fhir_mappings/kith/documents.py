"""What a message is about, as PLO 1.6 and Dialogmelding say it: the inverse of ``stays``, ``reports``, ``dialogue``.

What a format has no element for is said in its text, a line for each: nothing is dropped.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from lxml.builder import ElementMaker

from fhir_mappings import letters
from fhir_mappings.kith import names
from fhir_mappings.kith.heads import clean, maker, person, role
from fhir_mappings.kith.local_times import local_text
from fhir_mappings.kith.reading import Element
from fhir_mappings.kith.stays import ADMITTED, DISCHARGED, LOGISTICS, READY
from fhir_mappings.letters import Letter
from pathways.events import Activity
from pathways.facts import Facts, Need, ReportFacts, StayFacts, StayKind, known_as
from pathways.messages import Message
from pathways.moments import Moment

_VERSION: Final = "2012-04-01"  # PLO 1.6
_PARTS: Final = f"{names.KITH}/po/poKomponent/{_VERSION}"
_RECORD: Final = f"{names.KITH}/epj/epj2/2008-02-20"
_C: Final = maker(names.COMMON)
_P: Final = ElementMaker(namespace=_PARTS, nsmap={None: _PARTS, "fk1": names.COMMON})
_E: Final = maker(_RECORD)
_EVENTS: Final = "2.16.578.1.12.4.1.1.9121"
_EVENT_NAMES: Final[Mapping[str, str]] = {
    "1": "Pasient innlagt",
    "2": "Pasient utskrevet",
    "3": "Pasient utskrivningsklar",
    "4": "Avmelding av utskrivningsklar pasient",
    "13": "Pasient død",
}
SENT_AS: Final[Mapping[Activity, tuple[str, str]]] = {
    Activity.NEW: ("N", "Ny"),
    Activity.REVISE: ("M", "Endring"),
    Activity.CANCEL: ("C", "Kansellert"),
}
"""7309, code and name: what a message of PLO, a referral or an epicrisis can be; all else is said as dialogue."""
_NOTICE, _UPDATE = ("1", "Varsel om innlagt pasient"), ("2", "Oppdatering av varsel")  # 9140


# --- a stay


def logistics(kind: str, message: Message, letter: Letter) -> Element:
    """A Pasientlogistikk document: what has happened, and when the stay began."""
    name, event, _ = LOGISTICS[kind]
    facts = known_as(StayFacts, message.facts)
    at = facts.begins if event == ADMITTED and facts.begins else message.happened
    part = _made("Pasientlogistikk")(name)
    if event == DISCHARGED:
        part.append(_left(facts))
    if facts.begins and event != ADMITTED:
        part.append(_event(letter, ADMITTED, facts.begins))
    part.append(_event(letter, event, at, _lines(letter, facts.note, _unsaid(kind, facts, letter))))
    return _document("Pasientlogistikk", message, facts.ward, part)


def early_notice(_kind: str, message: Message, letter: Letter) -> Element:
    """Helseopplysninger: notice of a patient who will need services; the day of readiness is expected, not past."""
    facts = known_as(StayFacts, message.facts)
    code, called = _UPDATE if message.activity is Activity.REVISE else _NOTICE
    said = replace(facts, expected_ready=None, begins=None, ward=None, note=None)
    if letters.names(letter.sender, facts.provider):
        said = replace(said, provider=None)
    if facts.municipal_need is Need.YES:
        said = replace(said, municipal_need=None)
    stay = _P.OpplysningOpphold()
    if facts.begins:
        stay.append(_event(letter, ADMITTED, facts.begins))
    if facts.expected_ready:
        stay.append(_event(letter, READY, facts.expected_ready, expected=True))
    return _document(
        "HelseopplysningerVedSoknad",
        message,
        facts.ward,
        _P.TypeInnholdIMelding(_P.TypeInnhold(V=code, DN=called, S="2.16.578.1.12.4.1.1.9140")),
        stay,
        *_notes(_lines(letter, facts.note, said)),
    )


def _left(facts: StayFacts) -> Element:
    """UtskrevetTil: alive (8431), and where to, in words."""
    element = _P.UtskrevetTil(
        _P.Uttilstand(V="1", DN="Ut som i live", S="2.16.578.1.12.4.1.1.8431")
    )
    if facts.disposition:
        element.append(_P.UtTil(DN=clean(facts.disposition)))
    return element


def _unsaid(kind: str, facts: StayFacts, letter: Letter) -> StayFacts:
    """Facts that the document has no element for: what its type, its head and its events say is said."""
    left = replace(facts, begins=None, ward=None, note=None, identifiers=None)
    if letters.names(letter.sender, facts.provider):
        left = replace(left, provider=None)
    if kind == "LOG_INNLAGT" and facts.stay_kind is StayKind.HOSPITAL:
        left = replace(left, stay_kind=None)
    if kind == "LOG_INNLAGT" and facts.encounter_class == "IMP":
        left = replace(left, encounter_class=None)
    if kind in ("LOG_UTSKREVET", "LOG_DOD"):
        left = replace(left, ends=None)
    if kind == "LOG_UTSKREVET":
        left = replace(left, disposition=None)
    return replace(left, deceased=None) if kind == "LOG_DOD" else left


def _event(
    letter: Letter, code: str, at: Moment, remarks: Iterable[str] = (), *, expected: bool = False
) -> Element:
    text = "\n".join(remarks)
    element = _P.TidsfestetHendelse(
        _P.Hendelsekode(V=code, DN=_EVENT_NAMES[code], S=_EVENTS),
        _P.TidspunktForHendelse(V=when(at, letter)),
        _P.Anslag(str(expected).lower()),
    )
    if text:
        element.append(_P.Merknad(text))
    return element


def when(at: Moment, letter: Letter) -> str:
    """A moment as xsd:date or xsd:dateTime."""
    local = at.at.astimezone(letter.zone)
    return local.date().isoformat() if at.day else local_text(at.at, letter.zone)


# --- reports


def report(kind: str, message: Message, letter: Letter) -> Element:
    """A report of PLO: its text is a note for the record."""
    name, root = _REPORTS[kind]
    facts = known_as(ReportFacts, message.facts)
    lines = _lines(letter, facts.text, replace(facts, text=None, title=None, identifiers=None))
    return _document(name, message, None, *_notes(lines, facts.title), root=root)


_REPORTS: Final = {
    "INNLEGGELSESRAPPORT": ("Innleggelsesrapport", "Innleggelsesrapport"),
    "UTSKRIVNINGSRAPPORT": ("TverrfagligEpikrise", "TverrfagligEpikrise"),
    "OVERFORINGSRAPPORT": ("TverrfagligEpikrise", "TverrfagligEpikrise"),
    "MEDISINSKE_OPPLYSNINGER": ("MedisinskeOpplysninger", "OverforingMedisinskeOpplysninger"),
}


def _notes(lines: Iterable[str], title: str | None = None) -> Iterator[Element]:
    texts = [*lines]
    if not (texts or title):
        return
    heading = _E.Overskriftskode(V="1", DN=clean(title or "Pasientens status"))
    note = _E.Journaltekst(heading, *(_E.Notat(one) for one in texts))
    yield _P.MedisinskfagligeOpplysninger(_E.GenereltJournalnotat(note))


# --- all of PLO


def _document(
    name: str, message: Message, ward: str | None, *content: Element, root: str | None = None
) -> Element:
    told = SENT_AS[message.activity]
    document = _made(name)(root or name)
    document.append(_P.InformasjonOmForsendelsen(_P.Forsendelsesstatus(V=told[0], DN=told[1])))
    if ward:
        unit = _P.Kontaktenhet(_C.OrganisationName(clean(ward)))
        document.append(_P.TilknyttetEnhet(unit))
    if message.author.name:
        told_by = (*role(_C, message.author), *person(_C, message.author))
        document.append(_P.AnsvarForRapport(_P.AnsvarligRapport(*told_by)))
    document.extend(content)
    return document


def _made(name: str) -> ElementMaker:
    space = f"{names.KITH}/po/{name}/{_VERSION}"
    return ElementMaker(namespace=space, nsmap={"p1": space, None: _PARTS, "fk1": names.COMMON})


def _lines(letter: Letter, note: str | None, unsaid: Facts) -> list[str]:
    told = [*([note] if note else []), *letter.words(unsaid)]
    return [clean(one) for one in told]


# --- Dialogmelding

THEMES: Final = "2.16.578.1.12.4.1.1.7322"
STATUSES: Final = "2.16.578.1.12.4.1.1.9148"
_QUESTIONS: Final = "2.16.578.1.12.4.1.1.9152"


def question(message: Message, topic: str | None, text: str) -> Element:
    """A Foresporsel about something else than what has a code (9152: 99)."""
    made = maker(names.DIALOGUE_10)
    asked = made.Foresporsel(made.TypeForesp(V="99", DN="Annen henvendelse", S=_QUESTIONS))
    if topic:
        asked.append(made.EmneSporsmal(clean(topic)))
    asked.append(made.Sporsmal(clean(text)))
    asked.extend(_behind(made, message))
    return made.Dialogmelding(asked)


def remark(
    message: Message, theme: tuple[str, str], codes: str, topic: str | None, text: str
) -> Element:
    """A Notat. ``theme``: its code and what that is called."""
    made = maker(names.DIALOGUE_11)
    note = made.Notat(made.TemaKodet(V=theme[0], DN=theme[1], S=codes))
    if topic:
        note.append(made.Tema(clean(topic)))
    note.append(made.TekstNotatInnhold(clean(text)))
    note.extend(_behind(made, message))
    return made.Dialogmelding(note)


def _behind(made: ElementMaker, message: Message) -> Iterator[Element]:
    if message.author.name:
        who = made.HealthcareProfessional(*person(made, message.author))
        yield made.RollerRelatertNotat(*role(made, message.author), who)
