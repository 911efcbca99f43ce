"""A town where people sign in: one who has applied, been decided about and been kept waiting, and a boy of ten."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from typing_extensions import override

from carepath.cli.demo.issuer import CLIENT
from carepath.cli.demo.people import AUTHORS, REFERENCES, Somebody
from carepath.cli.demo.week import Step
from pathways.events import EventCode
from pathways.facts import (
    ApplicationFacts,
    CoordinatorFacts,
    Facts,
    MeasureFacts,
    Outcome,
    PersonFacts,
    Relative,
    RelativeRole,
    Role,
    StayFacts,
    StayKind,
)
from pathways.messages import Message, Patient, stable_id
from pathways.moments import Moment
from pathways.parties import Identifier
from tests.contract.own_town import number
from tests.e2e import programs, staging
from tests.e2e.test_sign_in import Demo
from tests.issuer import issuing
from tests.servers import free_port

C = EventCode
OFFICE, NURSING, WARD = "solvik-tildeling", "solvik-hjemmesykepleie", "bjorkelia-lunge"


def _somebody(day: int, year: int, given: str) -> Patient:
    born = date(year, 1, day)
    return Patient((number(day, year),), "Nordmann", (given,), birth_date=born, municipality="9901")


KARI: Final = _somebody(1, 1950, "Kari")
BO: Final = _somebody(2, 2016, "Bo")
MOTHER: Final = number(7, 1985)


class Citizen(Somebody):
    """Somebody of the town, of whom the issuer says what it says of the demo's patient."""

    @property
    @override
    def text(self) -> str:
        return "demo.person.patient"


def _citizen(key: str, name: str, known_by: Identifier) -> Citizen:
    return Citizen(key=key, name=name, claims={"pid": known_by.value})


PERSONS: Final = (
    _citizen("kari", "Kari Nordmann", KARI.identifiers[0]),
    _citizen("bo", "Bo Nordmann", BO.identifiers[0]),
    _citizen("mother", "Anne Nordmann", MOTHER),
)


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told about people, as of ``now``; each thing some minutes after the one before."""

    now: datetime

    def day(self, days: int) -> Moment:
        """So many days from now, at noon or so."""
        return Moment(self.now + timedelta(days=days))

    def steps(self) -> list[Step]:
        """All of it."""
        told = (*self._of_kari(), *self._of_bo())
        return [self._step(place, *one) for place, one in enumerate(told)]

    def _of_kari(self) -> Iterator[tuple[EventCode, str, Patient, Facts]]:
        stay = StayFacts(identifiers=_number("stay"), stay_kind=StayKind.SHORT_STAY)
        yield C.ADMISSION, NURSING, KARI, stay
        for outcome, service, why in (
            (Outcome.GRANTED, "Trygghetsalarm", None),
            (Outcome.PARTLY, "Støttekontakt", "Fire timer i uken, ikke åtte."),
            (Outcome.REFUSED, "Omsorgsbolig", "Hjelpen kan gis hjemme."),
        ):
            facts = ApplicationFacts(
                service=service,
                outcome=outcome,
                reason=why,
                appeal_by=self.day(21),
                identifiers=_number(service),
            )
            yield C.DECISION, OFFICE, KARI, facts
        late = MeasureFacts(
            title="Rekkverk",
            owner=REFERENCES[NURSING],
            due=self.day(-2),
            identifiers=_number("late"),
        )
        yield C.MEASURE_PROMISED, NURSING, KARI, late
        moved = MeasureFacts(
            title="Rampe", owner=REFERENCES[NURSING], due=self.day(3), identifiers=_number("moved")
        )
        yield C.MEASURE_PROMISED, NURSING, KARI, moved
        why = "Snekkeren er syk."
        delayed = MeasureFacts(due=self.day(9), reason=why, identifiers=_number("moved"))
        yield C.MEASURE_DELAYED, NURSING, KARI, delayed

    def _of_bo(self) -> Iterator[tuple[EventCode, str, Patient, Facts]]:
        stay = StayFacts(identifiers=_number("bo"), stay_kind=StayKind.HOSPITAL)
        mother = Relative("Anne Nordmann", roles=(RelativeRole.GUARDIAN,), identifiers=(MOTHER,))
        yield C.ADMISSION, WARD, BO, stay
        yield C.RELATIVE_REGISTERED, WARD, BO, PersonFacts(relatives=(mother,))
        yield (
            *(C.COORDINATOR_APPOINTED, "solvik-ke", BO),
            CoordinatorFacts(
                role=Role.CHILD, name="Marit Aas", phone="80 00 09 11", party=REFERENCES[NURSING]
            ),
        )

    def _step(self, place: int, code: EventCode, sender: str, who: Patient, facts: Facts) -> Step:
        at = self.now - timedelta(days=5) + timedelta(minutes=place)
        name = f"{place}-{code}"
        message = Message(
            id=stable_id("townsfolk", name),
            format="carepath",
            envelope=None,
            content=b"",
            code=code,
            sender=REFERENCES[sender],
            author=AUTHORS[sender],
            happened=Moment(at),
            written=at,
            patient=who,
            facts=facts,
        )
        return Step(name, sender, message)


def _number(name: str) -> tuple[Identifier, ...]:
    return (Identifier("https://town.example/numbers", name),)


@contextmanager
def town(folder: Path) -> Iterator[Demo]:
    """A server that has been told of them, and an issuer where they sign in."""
    staging.seed(folder, Telling(staging.now()).steps())
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with issuing(address, PERSONS) as issuer:
        signs_in = {
            "CAREPATH_OIDC_ISSUER": issuer.address,
            "CAREPATH_OIDC_CLIENT_ID": CLIENT,
            "CAREPATH_BASE_URL": address,
        }
        with programs.serving(folder, port, **signs_in) as running:
            yield Demo(running.url, issuer.address, running.database_url)
