"""The demo's directory (``parties.csv``), its people and its patient."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from carepath.cli import directory
from carepath.identity.people import HPR
from fhir_mappings.codes import FNR
from pathways.access import Role
from pathways.facts import Relative, RelativeRole
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

DAUGHTER: Final = Relative(
    name="Kristin Bråten",
    relationship="datter",
    phone="80 00 09 12",
    roles=(RelativeRole.NEXT_OF_KIN,),
    born=date(1970, 5, 14),
    identifiers=(Identifier(FNR, "14857010184"),),
)
"""Her next of kin, as registered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Somebody:
    """Who can sign in at the demo's issuer. ``claims``: what it says of them besides their name.

    ``text``: the key of the text that says who they are. ``role`` and ``party``: where they work, if they do.
    """

    key: str
    name: str
    claims: Mapping[str, str] = field(default_factory=dict)
    role: Role | None = None
    party: str | None = None

    @property
    def text(self) -> str:
        """The key of who they are, in words."""
        return f"demo.person.{self.key}"


PERSONS: Final = (
    Somebody(
        key="coordinator",
        name="Marit Aas",
        claims={HPR: "900000011"},
        role=Role.COORDINATOR,
        party="solvik-hjemmesykepleie",
    ),
    Somebody(
        key="nurse",
        name="Jonas Vik",
        claims={HPR: "900000005"},
        role=Role.CLINICIAN,
        party="bjorkelia-lunge",
    ),
    Somebody(
        key="legevakt",
        name="Amir Haddad",
        claims={HPR: "900000001"},
        role=Role.CLINICIAN,
        party="solvik-legevakt",
    ),
    Somebody(
        key="gp",
        name="Eva Strand",
        claims={HPR: "900000009"},
        role=Role.CLINICIAN,
        party="brygga-legesenter",
    ),
    Somebody(key="patient", name="Solveig Bråten", claims={"pid": PATIENT.identifiers[0].value}),
    Somebody(key="relative", name=DAUGHTER.name, claims={"pid": DAUGHTER.identifiers[0].value}),
    Somebody(key="administrator", name="Nina Dahl", role=Role.ADMINISTRATOR, party="solvik"),
)
"""The persons who are ready to sign in."""
