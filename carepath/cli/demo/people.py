"""The demo's directory (``parties.csv``), its people and its patient."""

from datetime import date
from pathlib import Path
from typing import Final

from carepath.cli import directory
from fhir_mappings.codes import FNR
from pathways.messages import Author, Patient
from pathways.parties import Identifier, Party, PartyRef

PARTIES_FILE: Final = Path(__file__).parent / "parties.csv"


def parties() -> list[Party]:
    """The directory of the demo."""
    found = directory.read(PARTIES_FILE.read_bytes())
    return [party for party in found if isinstance(party, Party)]


REFERENCES: Final = {party.key: PartyRef(party.identifiers, party.name) for party in parties()}
"""How a message names each of them."""

AUTHORS: Final = {
    "solvik-legevakt": Author("Amir Haddad", "80 00 09 01", "lege"),
    "slagen-akutt": Author("Kari Lunde", "80 00 09 02", "vakthavende lege"),
    "slagen-lunge": Author("Per Myhre", "80 00 09 03", "overlege"),
    "bjorkelia-obs": Author("Nora Berg", "80 00 09 04", "sykepleier"),
    "bjorkelia-lunge": Author("Jonas Vik", "80 00 09 05", "sykepleier"),
    "solvik-vakt": Author("Ingrid Moe", "80 00 09 06", "sykepleier"),
    "solvik-hjemmesykepleie": Author("Ola Sand", "80 00 09 07", "sykepleier"),
    "solvik-tildeling": Author("Lise Holm", "80 00 09 08", "saksbehandler"),
    "solvik-ke": Author("Tove Lie", "80 00 09 10", "leder av koordinerende enhet"),
    "brygga-legesenter": Author("Eva Strand", "80 00 09 09", "fastlege"),
}
"""Who writes at each place, with a direct telephone."""

PATIENT: Final = Patient(
    identifiers=(Identifier(FNR, "12824212447"),),
    family="Bråten",
    given=("Solveig",),
    birth_date=date(1942, 2, 12),
    gender="female",
    municipality="9901",
    gp=REFERENCES["brygga-legesenter"],
)
