"""Namespaces by version, and which of them go together; the code lists (kodeverk) that are read, with their OIDs."""

from collections.abc import Mapping
from typing import Final

from fhir_mappings import codes
from pathways.events import Activity

KITH: Final = "http://www.kith.no/xmlstds"
EHELSE: Final = "http://ehelse.no/xmlstds"
MSGHEAD: Final = f"{KITH}/msghead/2006-05-24"
COMMON: Final = f"{KITH}/felleskomponent1"
BASE64: Final = f"{KITH}/base64container"
APPREC_10: Final = f"{KITH}/apprec/2004-11-21"
APPREC_11: Final = f"{KITH}/apprec/2012-02-15"
DIALOGUE_10: Final = f"{KITH}/dialog/2006-10-11"
DIALOGUE_11: Final = f"{KITH}/dialog/2013-01-23"
REFERRAL_10: Final = f"{KITH}/henvisning/2005-07-08"
REFERRAL_11: Final = f"{KITH}/henvisning/2012-02-15"
EPICRISIS_11: Final = f"{KITH}/epikrise/2006-09-23"
EPICRISIS_12: Final = f"{KITH}/epikrise/2012-02-15"
XHTML: Final = codes.XHTML

_PLO_NAMES: Final = (
    "Pasientlogistikk",
    "HelseopplysningerVedSoknad",
    "HelseopplysningerTilLege",
    "Innleggelsesrapport",
    "MedisinskeOpplysninger",
    "OrienteringOmTjenestetilbud",
    "TverrfagligEpikrise",
)
_PLO_VERSIONS: Final = ("2009-06-30", "2012-04-01")
"""1.5 and 1.6: what is read of them is the same."""
_PARTS: Final = (MSGHEAD, COMMON, BASE64)
_RECORDS: Final = tuple(
    f"{KITH}/epj/{name}/2008-02-20" for name in ("epj1", "epj2", "epj3", "meta")
)


def plo(name: str) -> frozenset[str]:
    """The namespaces of a document of PLO, in the versions that are read."""
    return frozenset(f"{KITH}/po/{name}/{version}" for version in _PLO_VERSIONS)


def _component(version: str) -> str:
    return f"{KITH}/po/poKomponent/{version}"


VERSIONS: Final[Mapping[str, frozenset[str]]] = {
    APPREC_10: frozenset((APPREC_10,)),
    APPREC_11: frozenset((APPREC_11,)),
    **{
        one: frozenset((*_PARTS, _component("2009-06-30"), one))
        for one in (REFERRAL_10, REFERRAL_11, EPICRISIS_11, EPICRISIS_12)
    },
    **{one: frozenset((*_PARTS, one)) for one in (DIALOGUE_10, DIALOGUE_11)},
    **{
        one: frozenset((*_PARTS, *_RECORDS, _component(one.rpartition("/")[2]), one))
        for name in _PLO_NAMES
        for one in plo(name)
    },
}
"""By the namespace of what a message is about, all namespaces of the field that may stand in it."""

ALONE: Final[Mapping[str, str]] = {
    **dict.fromkeys((REFERRAL_10, REFERRAL_11), "HENVISNING"),
    **dict.fromkeys((EPICRISIS_11, EPICRISIS_12), "EPIKRISE"),
}
"""The type (8279) of a message without MsgHead, which may leave it out, by its namespace."""

TYPES: Final[Mapping[str, str]] = {
    "LOG_INNLAGT": "Melding om innlagt pasient",
    "LOG_UTSKRIVNINGSKLAR": "Melding om utskrivningsklar pasient",
    "LOG_AVMELDING": "Avmelding av utskrivningsklar pasient",
    "LOG_UTSKREVET": "Melding om utskrevet pasient",
    "LOG_DOD": "Orientering om dødsfall",
    "HELSEOPPL_SOKNAD": "Helseopplysninger",
    "INNLEGGELSESRAPPORT": "Innleggelsesrapport",
    "UTSKRIVNINGSRAPPORT": "Utskrivningsrapport",
    "OVERFORINGSRAPPORT": "Overføringsrapport",
    "MEDISINSKE_OPPLYSNINGER": "Medisinske opplysninger",
    "ORIENTERING_TJENESTETILBUD": "Orientering om tjenestetilbud",
    "DIALOG_FORESPORSEL": "Forespørsel",
    "DIALOG_SVAR": "Svar på forespørsel",
    "DIALOG_HELSEFAGLIG": "Helsefaglig dialog",
    "DIALOG_STATUS_HENVISNING": "Status på henvisning",
}
"""8279, what is sent of it, by its names."""

PERSON_NUMBERS: Final = "2.16.578.1.12.4.1.1.8116"
PARTY_NUMBERS: Final = "2.16.578.1.12.4.1.1.9051"
PERSON_IDS: Final[Mapping[str, str]] = {
    "FNR": codes.FNR,
    "DNR": codes.DNR,
    "FHN": codes.FHN,
    "DUF": codes.DUF,
}
"""8116; what is not one of these is a number of the sender's own."""
PARTY_IDS: Final[Mapping[str, str]] = {
    "HER": codes.HER_ID,
    "ENH": codes.ORGANISATION_NUMBER,
    "RSH": codes.RESH,
}
"""9051; a party is known by nothing else: departments' own ids (LAV) name nobody outside."""
GENDERS: Final[Mapping[str, str]] = {"0": "unknown", "1": "male", "2": "female", "9": "other"}
"""3101."""
ACTIVITIES: Final[Mapping[str, Activity]] = {
    "N": Activity.NEW,
    "M": Activity.REVISE,
    "A": Activity.NEW,  # an addition stands beside what it adds to
    "C": Activity.CANCEL,
}
"""7309; X and O are of laboratories."""

ERRORS: Final = "2.16.578.1.12.4.1.1.8221"
ERROR_TEXTS: Final[Mapping[str, str]] = {
    "E10": "Ugyldig meldingsidentifikator",
    "E21": "Mottaker finnes ikke",
    "E30": "Pasientens fødselsnummer mangler",
    "E31": "Pasientens fødselsnummer er feil",
    "E32": "Pasientens navn mangler",
    "E36": "Pasientopplysninger er utilstrekkelige",
    "T01": "Ikke XML / ikke 'well formed' / uleselig",
    "T02": "XML validerer ikke",
    "T10": "Støtter ikke meldingsformatet",
    "T99": "Annen feil på format",
    "X99": "Annen feil",
}
"""8221, what is used of it."""
