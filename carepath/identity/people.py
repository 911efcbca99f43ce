"""Who a person is: what an OIDC issuer says of them, and whom they may act as.

A person works somewhere (a membership), is a citizen (the issuer knows their national id), or both. Whose guardian
or relative a citizen is depends on the patient, and is for the rules to say.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from carepath.store import members, parties
from carepath.store.blind import Keys
from carepath.store.database import Connection
from carepath.store.members import Membership
from fhir_mappings import codes
from fhir_mappings.identifiers import check_patient, national
from pathways.access import Actor, Role
from pathways.parties import Identifier, Party

_HELSEID: Final = "helseid://claims"
PID: Final = ("pid", f"{_HELSEID}/identity/pid")
"""A national id, as ID-porten and HelseID call it."""
HPR: Final = f"{_HELSEID}/hpr/hpr_number"
ORGANISATIONS: Final = tuple(
    f"{_HELSEID}/client/claims/orgnr_{which}" for which in ("parent", "child")
)
CITIZEN: Final = "citizen"
"""What a session acts as where somebody is there for themselves; a membership's id otherwise."""


class NotAPerson(Exception):
    """What the issuer says does not tell who it is; the text quotes nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who signed in. ``pid``: national id; ``hpr``: number in Helsepersonellregisteret.

    ``organisations``: organisation numbers that the issuer says they act for; a membership has to agree.
    """

    issuer: str
    subject: str
    pid: str | None = None
    hpr: str | None = None
    name: str | None = None
    organisations: tuple[str, ...] = ()

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        """What they are known by, the one that lasts longest first."""
        told = (
            Identifier(codes.HPR, self.hpr) if self.hpr else None,
            Identifier(self.issuer, self.subject),
        )
        citizen = (national(self.pid),) if self.pid else ()
        return (*citizen, *(one for one in told if one))

    def key(self, keys: Keys) -> bytes:
        """What tells them from all others, and is no national id."""
        return members.blind(keys, self.identifiers[0])


def person_of(
    issuer: str, claims: Mapping[str, Any], *, accept_synthetic: bool, year: int
) -> Person:
    """The person that claims tell of. Raises ``NotAPerson``; ``year``: this one, for the control digits."""
    pid = next((said for name in PID if (said := _text(claims, name))), None)
    if pid is not None:
        named = national(pid)
        told = [{"system": named.system, "value": named.value}]
        if check_patient(told, "claims", accept_synthetic=accept_synthetic, year=year):
            raise NotAPerson("the national id is none")
    return Person(
        issuer=issuer,
        subject=_text(claims, "sub") or "",
        pid=pid,
        hpr=_text(claims, HPR),
        name=_text(claims, "name"),
        organisations=tuple(said for name in ORGANISATIONS if (said := _text(claims, name))),
    )


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    said = claims.get(name)
    if said is None or said == "":
        return None
    if not isinstance(said, str) or len(said) > 255:  # that is OIDC's own limit for sub (§2)
        raise NotAPerson(f"the claim {name} is no text of at most 255 characters")
    return said


def memberships(conn: Connection, keys: Keys, person: Person, at: datetime) -> list[Membership]:
    """Where they work at ``at``, the oldest first: at parties that are in the directory then.

    Where the issuer names organisations, only what is of all of them counts.
    """
    found = members.of_person(conn, keys, person.identifiers, at)
    claimed = [Identifier(codes.ORGANISATION_NUMBER, number) for number in person.organisations]
    return [one for one in found if _agrees(conn, one, claimed, at)]


def _agrees(
    conn: Connection, membership: Membership, claimed: Iterable[Identifier], at: datetime
) -> bool:
    if membership.party is None:  # works for the broker, whatever system they come from
        return True
    upwards = _upwards(conn, membership.party)
    if not (upwards and upwards[0].valid_at(at)):
        return False
    borne = {identifier for party in upwards for identifier in party.identifiers}
    return borne.issuperset(claimed)


def _upwards(conn: Connection, key: str | None) -> list[Party]:
    """The party and those above it."""
    found: list[Party] = []
    while key is not None and key not in {party.key for party in found}:
        party = parties.show(conn, key)
        if party is None:
            break
        found.append(party)
        key = party.parent
    return found


def member_actor(
    conn: Connection, keys: Keys, person: Person, at: datetime, party: str | None = None
) -> Actor | None:
    """Who they are at work, at ``party`` or in a unit under it; ``None``: they do not work there.

    Where they have several roles, the party's own counts more than a unit's, and an older one more than a newer.
    """
    found = memberships(conn, keys, person, at)
    if party is not None:
        found = [one for one in found if party in {p.key for p in _upwards(conn, one.party)}]
        found.sort(key=lambda one: one.party != party)
    return actor_as_member(keys, person, found[0]) if found else None


def actor_as_member(keys: Keys, person: Person, membership: Membership) -> Actor:
    """The person at work."""
    return Actor(
        role=membership.role,
        party=membership.party,
        person=person.key(keys).hex(),
        name=membership.name or person.name,
    )


def citizen(keys: Keys, person: Person) -> Actor | None:
    """The person for themselves; ``None``: the issuer does not know their national id."""
    if person.pid is None:
        return None
    own = national(person.pid)
    return Actor(
        role=Role.PATIENT,
        person=person.key(keys).hex(),
        name=person.name,
        identifiers=(f"{own.system}|{own.value}",),
    )
