"""Bytes of a Norwegian message to a message. One table says what each type is (8279), and what its content is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fhir_mappings.kith import dialogue, names, receipts, referrals, reports, stays
from fhir_mappings.kith.envelope import (
    Envelope,
    Reader,
    attachments,
    checked,
    generated,
    issued,
    message,
    message_id,
    of_head,
)
from fhir_mappings.kith.parties import Level, house, levels, party
from fhir_mappings.kith.patients import the_patient
from fhir_mappings.kith.reading import Element, Reading, content_hash, split
from fhir_mappings.options import Options
from fhir_mappings.xml_parsing import root_of
from pathways.messages import Destination, Message
from pathways.parties import PartyRef
from pathways.refusals import Reason, Refusal, refuse

ENCODINGS: Final[Mapping[bytes, str]] = {
    b"iso-8859-1": "iso-8859-1",
    b"windows-1252": "windows-1252",
}
"""Older systems still write so; all others write UTF-8."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a type of message has inside: the content's name, its namespaces, and who reads it."""

    name: str
    namespaces: frozenset[str]
    read: Reader


def _of_plo(name: str, read: Reader, root: str | None = None) -> Kind:
    return Kind(root or name, names.plo(name), read)


_DIALOGUE: Final = Kind(
    "Dialogmelding", frozenset((names.DIALOGUE_10, names.DIALOGUE_11)), dialogue.dialogue
)
_CARE: Final = _of_plo("TverrfagligEpikrise", reports.report)
IN_HEAD: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(stays.LOGISTICS, _of_plo("Pasientlogistikk", stays.logistics)),
    "HELSEOPPL_SOKNAD": _of_plo("HelseopplysningerVedSoknad", stays.early_notice),
    "HELSEOPPLYSNINGER_LEGE": _of_plo(
        "HelseopplysningerTilLege", reports.consultation, "Konsultasjon"
    ),
    "MEDISINSKE_OPPLYSNINGER": _of_plo(
        "MedisinskeOpplysninger", reports.report, "OverforingMedisinskeOpplysninger"
    ),
    "INNLEGGELSESRAPPORT": _of_plo("Innleggelsesrapport", reports.report),
    "UTSKRIVNINGSRAPPORT": _CARE,
    "OVERFORINGSRAPPORT": _CARE,
    "ORIENTERING_TJENESTETILBUD": _of_plo("OrienteringOmTjenestetilbud", reports.overview),
    **dict.fromkeys(dialogue.TYPES, _DIALOGUE),
}
"""Messages in MsgHead, by ``MsgInfo/Type`` (8279)."""
ALONE: Final[Mapping[str, Kind]] = {
    "HENVISNING": Kind(
        "ServReq", frozenset((names.REFERRAL_10, names.REFERRAL_11)), referrals.referral
    ),
    "EPIKRISE": Kind(
        "ServRprt", frozenset((names.EPICRISIS_11, names.EPICRISIS_12)), reports.epicrisis
    ),
}
"""Messages that have no MsgHead, by ``Message/Type``."""


def read(source: bytes, options: Options) -> Message | Refusal:
    """The message in ``source``, or everything that is wrong with it. Never raises for what was sent."""
    root = root_of(source, "MsgHead", encodings=ENCODINGS)
    if isinstance(root, Refusal):
        return root
    namespace, name = split(root)
    if name == "MsgHead" and namespace == names.MSGHEAD:
        return _with_head(root, options, source)
    if name == "AppRec" and namespace in (names.APPREC_10, names.APPREC_11):
        return _receipt(root, options, source)
    if name == "Message" and namespace in names.ALONE:
        return _alone(root, options, source)
    text = "Only MsgHead, AppRec and Message in the namespaces of their standards are read."
    return refuse(Reason.MALFORMED, "not-supported", text, "/")


def _with_head(root: Element, options: Options, source: bytes) -> Message | Refusal:
    inside = Reading(root, frozenset((names.MSGHEAD, names.COMMON)), options.zone)
    document = _main(inside)
    content = inside.content(inside.one(document, "RefDoc/Content"))
    about = names.VERSIONS.get(split(content)[0]) if content is not None else None
    reading = Reading(root, about or frozenset((names.MSGHEAD, names.COMMON)), options.zone)
    envelope = of_head(reading, document, options)
    if content is None:
        empty = reading.need(document, "RefDoc/Content")
        if empty is not None:
            reading.fault("required", "It is empty.", empty)
        return reading.refused()
    return _whole(reading, envelope, IN_HEAD.get(envelope.kind), content, source)


def _main(reading: Reading) -> Element | None:
    """The first document that is no attachment, wherever it stands among them."""
    documents = reading.all(reading.root, "Document")
    contents = ((one, reading.content(reading.one(one, "RefDoc/Content"))) for one in documents)
    said = (
        one for one, content in contents if content is None or split(content)[0] != names.BASE64
    )
    return next(said, next(iter(documents), None))


def _alone(root: Element, options: Options, source: bytes) -> Message | Refusal:
    reading = Reading(root, names.VERSIONS[split(root)[0]], options.zone)
    document = reading.need(root, ALONE[names.ALONE[split(root)[0]]].name)
    envelope = _of_top(reading, document, options)
    if document is None:
        return reading.refused()
    return _whole(reading, envelope, ALONE.get(envelope.kind), document, source)


def _of_top(reading: Reading, document: Element | None, options: Options) -> Envelope:
    """The top of a message without MsgHead: who asks, and who is asked, stand in what it is about."""
    root = reading.root
    written = generated(reading, root, options)
    kind = reading.text(root, "Type") or names.ALONE[split(root)[0]]
    reading.need(root, "MIGversion")
    reading.needed(document, "IssueDate")
    roles = ("ServProvider", "Requester") if kind == "EPIKRISE" else ("Requester", "ServProvider")
    sender, receiver = (
        _role(reading, document, name) if document is not None else () for name in roles
    )
    copies = [
        checked(reading, levels(reading, one), one) for one in reading.all(document, "CopyDest")
    ]
    destinations = [
        Destination(party(receiver)),
        *(Destination(party(c), copy=True) for c in copies),
    ]
    return Envelope(
        id=message_id(reading, root, "MsgId"),
        kind=kind,
        written=written,
        issued=issued(reading, reading.one(document, "IssueDate"), written),
        sender=party(sender),
        sender_house=house(sender),
        destinations=tuple(dict.fromkeys(destinations)),
        receiver_house=house(receiver),
        patient=the_patient(reading, document, options) if document is not None else None,
        test=reading.text(root, "Status") == "TEST",
        attachments=attachments(reading, reading.all(document, "RefDoc")),
    )


def _role(reading: Reading, document: Element, name: str) -> tuple[Level, ...]:
    found = reading.need(document, name)
    if found is None:
        return ()
    reading.need(found, "HCP")
    return checked(reading, levels(reading, found), found)


def _receipt(root: Element, options: Options, source: bytes) -> Message | Refusal:
    reading = Reading(root, names.VERSIONS[split(root)[0]], options.zone)
    written = generated(reading, root, options)
    sender = _role(reading, root, "Sender")
    for path in ("MsgType", "MIGversion", "Receiver/HCP"):
        reading.need(root, path)
    envelope = Envelope(
        id=message_id(reading, root, "Id"),
        kind="APPREC",
        written=written,
        issued=issued(reading, None, written),
        sender=party(sender),
        sender_house=house(sender),
        destinations=(),
        receiver_house=PartyRef(),
        patient=None,
    )
    told = receipts.receipt(reading, envelope, root)
    return reading.refusal() or message(envelope, told, content_hash(root), source)


def _whole(
    reading: Reading, envelope: Envelope, kind: Kind | None, document: Element, source: bytes
) -> Message | Refusal:
    if kind is None:
        text = "Messages of this type (8279) are not read here."
        types = reading.all(reading.root, "MsgInfo/Type") + reading.all(reading.root, "Type")
        reading.fault(
            "not-supported", text, (types or [reading.root])[0], reason=Reason.UNKNOWN_EVENT
        )
        return reading.refused()
    namespace, name = split(document)
    if name != kind.name or namespace not in kind.namespaces:
        at = document.getparent()
        text = "The content is not what the type of the message says."
        reading.fault("structure", text, reading.root if at is None else at)
        return reading.refused()
    if _is_mixed(document, names.VERSIONS[namespace]):
        reading.fault("structure", "The parts are of versions that do not go together.", document)
    told = kind.read(reading, envelope, document)
    return reading.refusal() or message(envelope, told, content_hash(reading.root), source)


def _is_mixed(document: Element, together: frozenset[str]) -> bool:
    """Whether a namespace of the field stands in it that is of another version."""
    field = (names.KITH, names.EHELSE)
    found = {split(one)[0] for one in document.iter()}
    return any(one.startswith(field) and one not in together for one in found)
