"""A town where everybody has a role, and the broker's real HTTP door in signed-in mode, asked as each of them.

The guard, the interactions, the store and the rules are the broker's own. Only the reading of tokens is replaced (it
has tests of its own): who asks is named in the ``Authorization`` header.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final, cast

import httpx
from sqlalchemy import select

from carepath.api.app import application
from carepath.api.context import Context
from carepath.identity.callers import Caller, Callers, Shown
from carepath.identity.entrance import Entrance
from carepath.identity.refusals import Fault, NotBelieved
from carepath.service import directory
from carepath.store import numbering
from carepath.store.tables import events, outbox, patients
from fhir_mappings.codes import FNR
from pathways.access import Actor, Role
from pathways.events import EventCode
from pathways.facts import (
    ConsentFacts,
    ConsentKind,
    InquiryFacts,
    Need,
    PersonFacts,
    Relative,
    RelativeRole,
    ReportFacts,
    StayFacts,
)
from pathways.messages import Patient
from pathways.parties import Identifier, Kind, Party
from tests.contract import front, matters
from tests.contract.door import NOW, STAY, Door, closed_door, ref

ADDRESS: Final = front.ADDRESS
GROWN_UP: Final = replace(
    matters.patient(0), municipality="0301", birth_date=date(1950, 9, 1), gender="female"
)
CHILD: Final = replace(
    matters.patient(1), municipality="0301", birth_date=date(2016, 9, 2), family="Barn"
)
DAUGHTER: Final = matters.patient(2).identifiers[0]
MOTHER: Final = matters.patient(3).identifiers[0]
STRANGER: Final = matters.patient(4).identifiers[0]

SCOPES: Final = frozenset({"system/*.cruds"})


def _at_work(role: Role, party: str) -> Actor:
    person = None if role in {Role.SYSTEM, Role.SUPPLIER} else f"{role}-{party}"
    client = None if person else f"client-of-{party}"
    scopes = SCOPES if client else frozenset()
    return Actor(role=role, party=party, person=person, client=client, scopes=scopes, name="Ansatt")


def _citizen(role: Role, name: str, identifier: Identifier) -> Actor:
    told = f"{identifier.system}|{identifier.value}"
    return Actor(role=role, person=f"c-{name}", name=name, identifiers=(told,))


AT_WORK: Final = (
    *(Role.SYSTEM, Role.SUPPLIER, Role.CLINICIAN, Role.STAFF),
    *(Role.COORDINATOR, Role.NON_HEALTH, Role.ADMINISTRATOR),
)
PARTIES: Final = ("ward", "town-nursing", "village-case-office")
"""The sender, who it is addressed to, and an organisation that has no part in anything."""

ACTORS: Final[Mapping[str, Actor]] = {
    **{f"{role} of {party}": _at_work(role, party) for role in AT_WORK for party in PARTIES},
    "system of trust": _at_work(Role.SYSTEM, "trust"),
    "non-health of school": _at_work(Role.NON_HEALTH, "school"),
    "patient": _citizen(Role.PATIENT, "Kari Nordmann", GROWN_UP.identifiers[0]),
    "patient, another": _citizen(Role.PATIENT, "Per Fremmed", STRANGER),
    "relative": _citizen(Role.RELATIVE, "Dina Datter", DAUGHTER),
    "relative, another": _citizen(Role.RELATIVE, "Per Fremmed", STRANGER),
    "guardian": _citizen(Role.GUARDIAN, "Mona Mor", MOTHER),
    "guardian, another": _citizen(Role.GUARDIAN, "Per Fremmed", STRANGER),
    "child": _citizen(Role.CHILD, "Barn Nordmann", CHILD.identifiers[0]),
    "child, another": _citizen(Role.CHILD, "Per Fremmed", STRANGER),
    "operator": Actor(role=Role.OPERATOR, person="drift", name="Drift"),
}


class _Named:
    """Signs in whoever is named; whoever is not is nobody."""

    def __init__(self) -> None:
        self.revoked: set[str] = set()

    async def caller(self, shown: Shown) -> Caller:
        """The actor of that name."""
        name = shown.authorization[0].removeprefix("Test ")
        if name not in ACTORS or name in self.revoked:
            raise NotBelieved(Fault.TOKEN_MALFORMED, "this is no access token")
        return Caller(ACTORS[name], lambda _conn, _at: name not in self.revoked)


Ask = Callable[..., Awaitable[httpx.Response]]


@dataclass
class Town:
    """The broker, and what was told: ``ids`` of the grown-up's and the child's patient, threads and entries."""

    door: Door
    ids: dict[str, str] = field(default_factory=dict)
    callers: _Named = field(default_factory=_Named)

    @property
    def context(self) -> Context:
        """The server's, in signed-in mode."""
        entrance = Entrance(assertions=cast(Any, None), callers=cast(Callers, self.callers))
        made = front.context(self.door.service)
        return replace(made, open_mode=False, entrance=entrance, max_bytes=1_000_000)

    def asked(self, asking: Callable[[Ask], Awaitable[None]], *, alone: bool = False) -> None:
        """Ask over HTTP: ``ask(actor, method, path, …)``. ``alone``: nothing else of the server is at work."""

        async def run() -> None:
            app = application(self.context)
            transport = httpx.ASGITransport(app)
            async with (
                nullcontext() if alone else app.router.lifespan_context(app),
                httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client,
            ):

                async def ask(actor: str, method: str, path: str, **more: Any) -> httpx.Response:
                    headers = {**more.pop("headers", {})}
                    if actor:
                        headers["Authorization"] = f"Test {actor}"
                    return await client.request(method, path, headers=headers, **more)

                await asking(ask)

        asyncio.run(run())

    def one(self, actor: str, method: str, path: str, **more: Any) -> httpx.Response:
        """The answer to one request."""
        answers: list[httpx.Response] = []

        async def asking(ask: Ask) -> None:
            answers.append(await ask(actor, method, path, **more))

        self.asked(asking)
        return answers[0]

    def tell(self, code: EventCode, sender: str, *to: str, **more: Any) -> str:
        """A message is taken in; the event's id."""
        answer = self.door.tell(code, sender, *to, **more)
        assert answer.status == 200, answer.body
        return str(answer.event_id)

    def numbered(self) -> None:
        """The relay has run."""
        with self.door.service.database.write() as conn:
            numbering.number(conn)

    def item(self, event: str, receiver: str) -> str:
        """The place of an event in a receiver's feed."""
        at = outbox.c
        wanted = select(at.id).where(at.event == event, at.receiver == receiver)
        with self.door.service.database.read() as conn:
            return str(conn.execute(wanted).scalars().first())

    def thread(self, event: str) -> str:
        """The matter of an event."""
        with self.door.service.database.read() as conn:
            return str(
                conn.execute(select(events.c.thread).where(events.c.id == event)).scalar_one()
            )

    def patient(self, event: str) -> str:
        """The patient of an event."""
        with self.door.service.database.read() as conn:
            return str(
                conn.execute(select(events.c.patient).where(events.c.id == event)).scalar_one()
            )


def _relative(name: str, identifier: Identifier, *roles: RelativeRole) -> PersonFacts:
    return PersonFacts(relatives=(Relative(name=name, roles=roles, identifiers=(identifier,)),))


def _told_of(town: Town, who: Patient, prefix: str, relative: PersonFacts) -> None:
    """A stay with a document and a question: from the ward to nursing, whose coordinating unit is asked."""
    stay = StayFacts(identifiers=STAY, municipal_need=Need.YES)
    admitted = town.tell(EventCode.ADMISSION, "ward", "town-nursing", facts=stay, patient=who)
    town.tell(
        EventCode.RELATIVE_REGISTERED, "ward", "town-nursing", facts=relative, patient=who, keys=()
    )
    report = town.tell(
        EventCode.DISCHARGE_REPORT,
        "ward",
        "town-nursing",
        facts=ReportFacts(title="Epikrise", text="Slag.", identifiers=STAY),
        patient=who,
    )
    asks = InquiryFacts(
        text="Når?", identifiers=(Identifier("https://ehr.example/id", f"q-{prefix}"),)
    )
    town.tell(EventCode.INQUIRY, "ward", "town-nursing", facts=asks, patient=who, keys=())
    town.ids |= {
        f"{prefix} patient": town.patient(admitted),
        f"{prefix} stay": town.thread(admitted),
        f"{prefix} admission": admitted,
        f"{prefix} report": report,
    }


@contextmanager
def town_of(database_url: str) -> Iterator[Town]:
    """A town in which two people were in hospital: a woman whose daughter may know, and a boy of ten."""
    with closed_door(database_url) as door:
        with door.service.database.write() as conn:
            school = Party("school", "school", Kind.SCHOOL, ref("school").identifiers)
            directory.enter(conn, door.service.database.keys, school, NOW)
        town = Town(door)
        _told_of(town, GROWN_UP, "her", _relative("Dina Datter", DAUGHTER))
        _told_of(town, CHILD, "his", _relative("Mona Mor", MOTHER, RelativeRole.GUARDIAN))
        consent = ConsentFacts(consent=ConsentKind.RELATIVES, person="Dina Datter")
        town.tell(EventCode.CONSENT_GIVEN, "ward", facts=consent, patient=GROWN_UP, keys=())
        town.numbered()
        yield town


def fnr(who: Patient) -> str:
    """The identifier as a search parameter has it."""
    return f"{FNR}|{who.identifiers[0].value}"


def known(town: Town) -> int:
    """How many patients there are."""
    with town.door.service.database.read() as conn:
        return len(conn.execute(select(patients.c.key)).all())
