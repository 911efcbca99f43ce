"""The few words that the broker's own FHIR documents need, in Norwegian and English."""

from collections.abc import Mapping
from typing import Final

DATES: Final[Mapping[str, str]] = {"nb": "%d.%m.%Y", "en": "%d/%m/%Y"}
"""How a day is written (``strftime``)."""

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "nb": {
        "title": "Overleveringssammendrag",
        "contacts": "Kontakter",
        "open": "Åpne saker",
        "sheet": "Dette er viktig for meg",
        "reports": "Rapporter",
        "untitled": "Rapport",
        "gp": "Fastlege",
        "responsible": "ansvarlig",
        "misaddressed": "En melding fra {sender} har ingen kjent mottaker.",
        "family.stay": "Opphold",
        "family.referral": "Henvisning",
        "family.choice": "Valg av sykehus",
        "family.inquiry": "Spørsmål",
        "family.emergency": "Legevaktkontakt",
        "family.person": "Om personen",
        "status.in-progress": "pågår",
        "status.ready": "utskrivningsklar",
        "status.on-leave": "på permisjon",
        "status.requested": "sendt",
        "status.received": "mottatt",
        "status.accepted": "godtatt",
        "status.open": "ubesvart",
        "status.active": "gjelder",
    },
    "en": {
        "title": "Handover summary",
        "contacts": "Contacts",
        "open": "Open matters",
        "sheet": "What matters to me",
        "reports": "Reports",
        "untitled": "Report",
        "gp": "General practitioner",
        "responsible": "responsible",
        "misaddressed": "A message from {sender} has no known receiver.",
        "family.stay": "Stay",
        "family.referral": "Referral",
        "family.choice": "Choice of hospital",
        "family.inquiry": "Question",
        "family.emergency": "Emergency contact",
        "family.person": "About the person",
        "status.in-progress": "in progress",
        "status.ready": "ready for discharge",
        "status.on-leave": "on leave",
        "status.requested": "sent",
        "status.received": "received",
        "status.accepted": "accepted",
        "status.open": "unanswered",
        "status.active": "in force",
    },
}
"""The statuses are those of open matters."""
