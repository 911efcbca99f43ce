"""A town in which people have everything that can be done anything about: a grown-up, a boy of ten, a girl of 14."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final
from uuid import uuid4

from carepath.service import Answer, Submission
from carepath.store.disclosures import Disclosures
from carepath.store.times import instant, now
from carepath.ui.acting import Acting
from carepath.ui.forms import Form
from carepath.ui.pathway.acts import ACTS, Act, offered
from carepath.ui.pathway.data import Own
from carepath.ui.pathway.draft import draft_of
from carepath.ui.pathway.fields import Ask, Field
from carepath.ui.pathway.ground import Ground
from carepath.ui.values import ME, SOMEONE, Done, Visit
from carepath.ui.words import Words
from fhir_mappings.codes import FNR
from pathways.access import Actor, Role
from pathways.events import RULES, EventCode
from pathways.facts import (
    ApplicationFacts,
    ConsentFacts,
    ConsentKind,
    CoordinatorFacts,
    Facts,
    MeasureFacts,
    Outcome,
    PersonFacts,
    PlanFacts,
    Relative,
    RelativeRole,
    StayFacts,
    StayKind,
)
from pathways.facts import Role as Baton
from pathways.messages import Patient
from pathways.parties import Identifier
from tests.contract.door import NOW, TOWN, Door, closed_door, ref
from tests.contract.stored import BASE
from tests.unit.strategies import with_control_digits

C = EventCode


def number(day: int, year: int) -> Identifier:
    """A synthetic national number of somebody born in January of that year."""
    serial = 500 if year >= 2000 else 0
    found = (with_control_digits(f"{day:02}81{year % 100:02}{serial + n}") for n in range(100, 400))
    return Identifier(FNR, next(filter(None, found)))


def _somebody(day: int, year: int, given: str) -> Patient:
    told = number(day, year)
    born = date(year, 1, day)
    return Patient((told,), "Nordmann", (given,), birth_date=born, municipality=TOWN)


GROWN_UP: Final = _somebody(1, 1950, "Kari")
BOY: Final = _somebody(2, 2016, "Bo")
GIRL: Final = _somebody(3, 2012, "Gro")
PEOPLE: Final = {
    "daughter": number(4, 1975),
    "neighbour": number(5, 1976),
    "attorney": number(6, 1977),
    "mother": number(7, 1985),
    "stranger": number(8, 1980),
    "newcomer": number(9, 1981),
    "child newcomer": number(10, 2015),
}


def citizen(name: str, identifier: Identifier) -> Actor:
    """Who signs in: the issuer knows them as nobody's relative."""
    told = (f"{identifier.system}|{identifier.value}",)
    return Actor(role=Role.PATIENT, person=f"p-{name}", name=name, identifiers=told)


@dataclass
class OwnTown:
    """The broker, and what people see and do of themselves there."""

    door: Door

    @property
    def own(self) -> Own:
        """What the pages ask."""
        return Own(self.door.service.database)

    def visit(self, name: str) -> Visit:
        """Somebody of ``PEOPLE``, or one of the three who are cared for."""
        cared = {"grown-up": GROWN_UP, "boy": BOY, "girl": GIRL}
        who = cared[name].identifiers[0] if name in cared else PEOPLE[name]
        return Visit(citizen(name, who), Disclosures())

    def key(self, name: str) -> str:
        """Of whom they see anything; one of them."""
        visit = self.visit(name)
        found = self.own.people(visit)
        if name == "stranger":
            return SOMEONE
        return found[0].sight.patient if found else ME

    def ground(self, name: str, key: str | None = None) -> Ground:
        """Their page."""
        page = self.own.page(self.visit(name), key or self.key(name))
        assert page is not None
        return Ground(page, Words("nb", page.shown.parties))

    def codes(self, name: str) -> set[EventCode]:
        """What is offered to them."""
        return {act.code for act in offered(self.ground(name))}

    def do(self, who: str, code: EventCode, **typed: str) -> Done:
        """Fill the form in, and send it."""
        ground, act = self.ground(who), ACTS[code]
        form = Form(filled(act, ground) | {name: [text] for name, text in typed.items()})
        draft = draft_of(self.visit(who).actor, ground, act, form)
        assert form.problems == {}, (code, form.problems)
        return self.send(who, draft)

    def send(self, name: str, draft: object) -> Done:
        """By the page's way in."""

        async def submit(submission: Submission) -> Answer:
            (answer,) = self.door.service.handle([submission])
            return answer

        acting = Acting(self.door.service.database, BASE, submit)
        return asyncio.run(acting.send(self.visit(name), draft))  # type: ignore[arg-type]

    def tell(self, code: EventCode, sender: str, who: Patient, facts: Facts) -> None:
        """An organisation says something."""
        answer = self.door.tell(code, sender, facts=facts, patient=who, keys=())
        assert answer.status == 200, answer.body


def filled(act: Act, ground: Ground) -> dict[str, list[str]]:
    """A form with every field filled in."""
    told = {one.name: [_answer(one)] for one in act.fields(ground)}
    if "organisation" in told:  # a place or a person, not both
        told |= {"professional": [""]}
    return {"id": [str(uuid4())]} | told


def _answer(field: Field) -> str:
    if field.options:
        return field.options[0][0]
    if field.ask is Ask.DAY:
        return (instant(now()) + timedelta(days=2)).date().isoformat()
    return number(11, 1970).value if field.name == "number" else "Det er viktig."


def anything(code: EventCode) -> Facts:
    """Facts that such an event can be read with."""
    told: dict[type[Facts], Facts] = {
        ConsentFacts: ConsentFacts(consent=ConsentKind.PLAN),
        CoordinatorFacts: CoordinatorFacts(role=Baton.MUNICIPAL),
        PersonFacts: PersonFacts(
            relatives=(Relative("Liv"),), linked=_ids("other"), unlinked=_ids("other")
        ),
    }
    facts = RULES[code].facts
    return told.get(facts) or facts()


def _ids(name: str) -> tuple[Identifier, ...]:
    return (Identifier("https://ehr.example/id", name),)


def _cared_for(town: OwnTown, who: Patient, *relatives: Relative) -> None:
    """Everything there is to do anything about."""
    name = who.given[0]
    stay = StayFacts(identifiers=_ids(f"stay-{name}"), stay_kind=StayKind.SHORT_STAY)
    plan = PlanFacts(title="Plan", identifiers=_ids(f"plan-{name}"))
    done = MeasureFacts(title="Rampe", identifiers=_ids(f"measure-{name}"))
    decided = ApplicationFacts(
        service="Støttekontakt", outcome=Outcome.REFUSED, identifiers=_ids(f"decision-{name}")
    )
    coordinates = CoordinatorFacts(
        role=Baton.MUNICIPAL, name="Marit", phone="80 00 09 11", party=ref("town-nursing")
    )
    no = ConsentFacts(consent=ConsentKind.HEALTH_PERSONNEL, professional="Ola Lege")
    yes = ConsentFacts(consent=ConsentKind.SCHOOL)
    town.tell(C.ADMISSION, "town-nursing", who, stay)
    town.tell(C.RELATIVE_REGISTERED, "ward", who, PersonFacts(relatives=relatives))
    town.tell(C.COORDINATOR_APPOINTED, "town-ke", who, coordinates)
    town.tell(C.PLAN_CREATED, "town-nursing", who, plan)
    town.tell(C.MEASURE_PROMISED, "town-nursing", who, done)
    town.tell(C.MEASURE_DONE, "town-nursing", who, done)
    town.tell(C.DECISION, "town-case-office", who, decided)
    town.tell(C.OBJECTION_REGISTERED, "ward", who, no)
    town.tell(C.CONSENT_GIVEN, "ward", who, yes)


def _relative(name: str, *roles: RelativeRole, authority: str | None = None) -> Relative:
    return Relative(name, roles=roles, authority=authority, identifiers=(PEOPLE[name],))


@contextmanager
def own_town(database_url: str) -> Iterator[OwnTown]:
    """The town; the daughter may know everything, the neighbour who the grown-up is."""
    with closed_door(database_url) as door:
        door.service.options = replace(door.service.options, now=lambda: max(NOW, instant(now())))
        town = OwnTown(door)
        attorney = _relative("attorney", RelativeRole.ATTORNEY, authority="helse")
        mother = _relative("mother", RelativeRole.GUARDIAN)
        born = {BOY: mother, GIRL: mother}
        _cared_for(town, GROWN_UP, _relative("daughter"), _relative("neighbour"), attorney)
        for child, parent in born.items():
            _cared_for(town, child, parent)
        for person, covers in (("daughter", None), ("neighbour", ("person",))):
            may = ConsentFacts(consent=ConsentKind.RELATIVES, person=person, covers=covers)
            town.tell(C.CONSENT_GIVEN, "ward", GROWN_UP, may)
        yield town
