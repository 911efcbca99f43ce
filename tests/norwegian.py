"""Norwegian messages of our own making: PLO, Dialogmelding, Henvisning, Epikrise, AppRec. Nobody in them exists."""

import base64
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from fhir_mappings.kith import names

PERSON: Final = "15857640036"
OTHER: Final = "20089040087"
D_NUMBER: Final = "55857640100"
HOSPITAL: Final = ("100", "Slagen sykehus", "101", "Medisinsk avdeling")
OTHER_WARD: Final = ("100", "Slagen sykehus", "102", "Kirurgisk avdeling")
NURSING: Final = ("200", "Solvik kommune", "201", "Sykepleietjeneste")
DOCTOR: Final = ("300", "Bakken legesenter", "301", "Lege")
LEGEVAKT: Final = ("200", "Solvik kommune", "209", "Legevakt")

Party = tuple[str, str, str, str]
"""HER-id and name of the house, HER-id and name of the unit."""
_PLO: Final = f"{names.KITH}/po"
_PO: Final = f"{_PLO}/poKomponent/2012-04-01"
_DOCUMENTS: Final = {
    "LOG": ("Pasientlogistikk", "Pasientlogistikk"),
    "HELSEOPPL_SOKNAD": ("HelseopplysningerVedSoknad", "HelseopplysningerVedSoknad"),
    "HELSEOPPLYSNINGER_LEGE": ("HelseopplysningerTilLege", "Konsultasjon"),
    "MEDISINSKE_OPPLYSNINGER": ("MedisinskeOpplysninger", "OverforingMedisinskeOpplysninger"),
    "INNLEGGELSESRAPPORT": ("Innleggelsesrapport", "Innleggelsesrapport"),
    "UTSKRIVNINGSRAPPORT": ("TverrfagligEpikrise", "TverrfagligEpikrise"),
    "OVERFORINGSRAPPORT": ("TverrfagligEpikrise", "TverrfagligEpikrise"),
    "ORIENTERING_TJENESTETILBUD": ("OrienteringOmTjenestetilbud", "OrienteringOmTjenestetilbud"),
}
_PARTS: Final = {
    "LOG_INNLAGT": "MeldingInnlagtPasient",
    "LOG_UTSKRIVNINGSKLAR": "MeldingUtskrivningsklarPasient",
    "LOG_AVMELDING": "AvmeldingUtskrivningsklarPasient",
    "LOG_UTSKREVET": "MeldingOmUtskrevetPasient",
    "LOG_DOD": "OrienteringOmDod",
}


def message_id(number: int) -> str:
    """The id of message ``number``."""
    return f"0b6fbb1c-1111-4111-8111-{number:012d}"


def head(
    kind: str,
    content: str,
    number: int,
    written: str = "2026-03-04T12:00:00",
    *,
    sender: Party = HOSPITAL,
    receiver: Party = NURSING,
    copies: tuple[Party, ...] = (),
    parent: int | None = None,
    patient: str | None = None,
    attachments: tuple[str, ...] = (),
) -> bytes:
    """A message in MsgHead around ``content``."""
    refs = "" if parent is None else _conversation(message_id(parent))
    others = "".join(
        f'<OtherReceiver><RoleReceiver V="COP"/>{_organisation(one)}</OtherReceiver>'
        for one in copies
    )
    documents = "".join(_document(written, "A", _attachment(one)) for one in attachments)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<MsgHead xmlns="{names.MSGHEAD}"><MsgInfo><Type V="{kind}" DN="{kind}"/>
<MIGversion>v1.2 2006-05-24</MIGversion><GenDate>{written}</GenDate><MsgId>{message_id(number)}</MsgId>
{refs}<Sender>{_organisation(sender)}</Sender><Receiver>{_organisation(receiver)}</Receiver>{others}
{person() if patient is None else patient}</MsgInfo>{_document(written, "XML", content)}{documents}
</MsgHead>""".encode()


def person(number: str = PERSON, type_: str = "FNR") -> str:
    """The patient of a MsgHead."""
    return (
        "<Patient><FamilyName>Lind</FamilyName><GivenName>Åse</GivenName>"
        '<DateOfBirth>1976-05-15</DateOfBirth><Sex V="2"/>'
        f'<Ident><Id>{number}</Id><TypeId V="{type_}"/></Ident>'
        '<Address><Type V="H"/><County V="0301"/></Address></Patient>'
    )


def plo(kind: str, number: int, content: str, status: str = "N", **more: object) -> bytes:
    """A message of PLO 1.6; ``more`` as ``head``."""
    name, root = _DOCUMENTS["LOG" if kind.startswith("LOG_") else kind]
    space = f"{_PLO}/{name}/2012-04-01"
    answer = "<SvarPaaForesporsel>true</SvarPaaForesporsel>" if more.pop("answers", False) else ""
    document = f"""<p:{root} xmlns:p="{space}" xmlns="{_PO}" xmlns:fk1="{names.COMMON}">
<InformasjonOmForsendelsen><Forsendelsesstatus V="{status}"/>{answer}</InformasjonOmForsendelsen>
<TilknyttetEnhet><Kontaktenhet><fk1:OrganisationName>Sengepost 3</fk1:OrganisationName></Kontaktenhet>
</TilknyttetEnhet><AnsvarForRapport><AnsvarligRapport><fk1:RoleToPatient V="9" DN="Primærkontakt"/>
<fk1:FamilyName>Moe</fk1:FamilyName><fk1:GivenName>Ida</fk1:GivenName><fk1:TeleCom>
<fk1:TeleAddress V="tel:90000001"/></fk1:TeleCom></AnsvarligRapport></AnsvarForRapport>
{content}</p:{root}>"""
    return head(kind, document, number, **more)  # type: ignore[arg-type]


def logistics(
    kind: str,
    number: int,
    *events: tuple[str, str],
    status: str = "N",
    state: str = "1",
    **more: object,
) -> bytes:
    """A LOG message with ``events``: code (9121) and time."""
    told = "".join(event(code, at) for code, at in events)
    to = f'<UtskrevetTil><Uttilstand V="{state}"/><UtTil V="1" DN="Bosted"/></UtskrevetTil>'
    part = _PARTS[kind]
    inside = (to if kind == "LOG_UTSKREVET" else "") + told
    return plo(kind, number, f"<p:{part}>{inside}</p:{part}>", status, **more)


def event(code: str, at: str, *, estimate: bool = False) -> str:
    """A TidsfestetHendelse."""
    return (
        f'<TidsfestetHendelse><Hendelsekode V="{code}" S="2.16.578.1.12.4.1.1.9121"/>'
        f'<TidspunktForHendelse V="{at}"/><Anslag>{str(estimate).lower()}</Anslag></TidsfestetHendelse>'
    )


def early_notice(number: int, ready: str, status: str = "N", **more: object) -> bytes:
    """Notice of a patient, with the day when they are thought to be ready."""
    kind = "1" if status == "N" else "2"
    content = (
        f'<TypeInnholdIMelding><TypeInnhold V="{kind}" S="2.16.578.1.12.4.1.1.9140"/></TypeInnholdIMelding>'
        f"<OpplysningOpphold>{event('3', ready, estimate=True)}</OpplysningOpphold>"
    )
    return plo("HELSEOPPL_SOKNAD", number, content, status, **more)


def note(heading: str, text: str) -> str:
    """A piece of a report."""
    space = f"{names.KITH}/epj/epj2/2008-02-20"
    return (
        f'<MedisinskfagligeOpplysninger><e:GenereltJournalnotat xmlns:e="{space}"><e:Journaltekst>'
        f'<e:Overskriftskode V="1" DN={quoteattr(heading)}/><e:Notat>{escape(text)}</e:Notat>'
        "</e:Journaltekst></e:GenereltJournalnotat></MedisinskfagligeOpplysninger>"
    )


def dialogue(
    kind: str, number: int, content: str, space: str = names.DIALOGUE_11, **more: object
) -> bytes:
    """A Dialogmelding."""
    document = f'<Dialogmelding xmlns="{space}">{content}</Dialogmelding>'
    return head(kind, document, number, **more)  # type: ignore[arg-type]


def question(text: str) -> str:
    """A Foresporsel."""
    return f'<Foresporsel><TypeForesp V="1" DN="Legemidler"/><Sporsmal>{escape(text)}</Sporsmal></Foresporsel>'


def remark(theme: str, text: str) -> str:
    """A Notat."""
    return (
        f'<Notat><TemaKodet V="{theme}" DN="Tema {theme}"/>'
        f"<TekstNotatInnhold>{escape(text)}</TekstNotatInnhold></Notat>"
    )


def referral(
    number: int,
    status: str = "N",
    priority: str = "0",
    *,
    written: str = "2026-03-04T12:00:00",
    own: int = 900,
    test: bool = False,
) -> bytes:
    """A Henvisning 1.1 of the legevakt's to the hospital, with copy to the GP."""
    marked = '<Status V="TEST"/>' if test else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Message xmlns="{names.REFERRAL_11}"><Type V="HENVISNING" DN="Henvisning"/><MIGversion>v1.1 2012-02-15</MIGversion>
<GenDate V="{written}"/><MsgId>{message_id(number)}</MsgId>{marked}
<ServReq><ServType V="{status}"/><IssueDate V="{written}"/><MsgDescr V="10" DN="Utredning"/><Id>{message_id(own)}</Id>
<Patient><Name>Lind, Åse</Name><OffId>{PERSON}</OffId><TypeOffId V="FNR"/></Patient>
<ServProvider>{_hcp(HOSPITAL)}</ServProvider><Requester>{_hcp(LEGEVAKT)}</Requester><CopyDest>{_hcp(DOCTOR)}</CopyDest>
<ReasonAsText><Heading V="PROB" DN="Problemstilling"/><TextResultValue>Brystsmerter</TextResultValue></ReasonAsText>
<ReqServ><ServType V="N"/><Priority V="{priority}"/></ReqServ></ServReq></Message>""".encode()


def epicrisis(number: int, status: str = "N") -> bytes:
    """The doctor's report of a stay, to the GP."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Message xmlns="{names.EPICRISIS_12}"><Type V="EPIKRISE" DN="Epikrise"/><MIGversion>v1.2 2012-02-15</MIGversion>
<GenDate V="2026-03-04T12:00:00"/><MsgId>{message_id(number)}</MsgId>
<ServRprt><ServType V="{status}"/><IssueDate V="2026-03-04T11:00:00"/><MsgDescr>Sykehusepikrise</MsgDescr>
<ServProvId>{message_id(901)}</ServProvId><Event><ReportedEvent><StartDateTime V="2026-03-02T10:00:00"/></ReportedEvent>
<Comment><Heading V="VU" DN="Vurdering"/><TextResultValue><div xmlns="http://www.w3.org/1999/xhtml"><p>God form.</p>
</div></TextResultValue></Comment></Event>
<Patient><Name>Lind, Åse</Name><OffId>{PERSON}</OffId><TypeOffId V="FNR"/></Patient>
<ServProvider>{_hcp(HOSPITAL)}</ServProvider><CopyDest>{_hcp(NURSING)}</CopyDest><Requester>{_hcp(DOCTOR)}</Requester>
</ServRprt></Message>""".encode()


def apprec(
    about: str, status: str = "1", *, space: str = names.APPREC_11, number: int = 950
) -> bytes:
    """The municipality's AppRec to the hospital, about the message with id ``about``."""
    error = (
        "" if status == "1" else f'<Error S="{names.ERRORS}" V="E21" DN="Mottaker finnes ikke"/>'
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<AppRec xmlns="{space}"><MsgType V="APPREC"/><MIGversion>v1.1</MIGversion><GenDate>2026-03-04T12:01:00</GenDate>
<Id>{message_id(number)}</Id><Sender><Role V="PRIM"/>{_hcp(NURSING)}</Sender><Receiver>{_hcp(HOSPITAL)}</Receiver>
<Status V="{status}"/>{error}<OriginalMsgId><MsgType V="LOG_INNLAGT"/><IssueDate>2026-03-04T12:00:00</IssueDate>
<Id>{about}</Id></OriginalMsgId></AppRec>""".encode()


def stay() -> dict[str, bytes]:
    """A stay by what it tells: admitted, ready, ready no more, discharged, and the reports of it."""
    admitted = ("1", "2026-03-02T10:00:00")
    return {
        "admission": logistics("LOG_INNLAGT", 1, admitted, written="2026-03-02T10:30:00"),
        "early-notice": early_notice(2, "2026-03-06", written="2026-03-02T14:00:00"),
        "admission-report": plo(
            "INNLEGGELSESRAPPORT",
            3,
            note("Funksjon", "Går med stokk"),
            written="2026-03-02T15:00:00",
            sender=NURSING,
            receiver=OTHER_WARD,
        ),
        "discharge-ready": logistics(
            "LOG_UTSKRIVNINGSKLAR",
            4,
            admitted,
            ("3", "2026-03-05"),
            written="2026-03-05T09:00:00",
        ),
        "discharge-ready-withdrawn": logistics(
            "LOG_AVMELDING", 5, admitted, ("4", "2026-03-05"), written="2026-03-05T16:00:00"
        ),
        "discharge": logistics(
            "LOG_UTSKREVET", 6, ("2", "2026-03-09T13:00:00"), written="2026-03-09T13:05:00"
        ),
        "discharge-report": plo(
            "UTSKRIVNINGSRAPPORT", 7, note("Videre", "Stell av sår"), written="2026-03-09T14:00:00"
        ),
    }


def _conversation(id_: str) -> str:
    return (
        f"<ConversationRef><RefToParent>{id_}</RefToParent>"
        f"<RefToConversation>{id_}</RefToConversation></ConversationRef>"
    )


def _organisation(party: Party) -> str:
    house, house_name, unit, unit_name = party
    inside = f"<Organisation>{_named(unit_name, unit)}</Organisation>"
    return f"<Organisation>{_named(house_name, house)}{inside}</Organisation>"


def _named(name: str, id_: str) -> str:
    ident = f'<Ident><Id>{id_}</Id><TypeId V="HER" S="2.16.578.1.12.4.1.1.9051"/></Ident>'
    return f"<OrganisationName>{name}</OrganisationName>{ident}"


def _hcp(party: Party) -> str:
    house, house_name, unit, unit_name = party
    dept = f'<Dept><Name>{unit_name}</Name><Id>{unit}</Id><TypeId V="HER"/></Dept>'
    inst = f'<Inst><Name>{house_name}</Name><Id>{house}</Id><TypeId V="HER"/>{dept}</Inst>'
    return f"<HCP>{inst}</HCP>"


def _document(issued: str, type_: str, content: str) -> str:
    return (
        f'<Document><RefDoc><IssueDate V="{issued}"/><MsgType V="{type_}"/>'
        f"<Description>bilde.png</Description><Content>{content}</Content></RefDoc></Document>"
    )


def _attachment(text: str) -> str:
    encoded = base64.b64encode(text.encode()).decode()
    return f'<Base64Container xmlns="{names.BASE64}">{encoded}</Base64Container>'
