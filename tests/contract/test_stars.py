"""What nobody else has (★ in the domain reference, §a), from FHIR messages to what each party receives, over every way.

★ 30, 50 and 54 are in ``test_ways``; ★ 41's receipts, which need another clock, in ``test_receipts``. What is told
here happened weeks ago, so that alarms are due whatever day it is.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

import carepath_client as told
from carepath.settings import Settings
from carepath.wiring import agreements, watching
from carepath.wiring.store import open_store
from fhir_mappings.codes import ORGANISATION_NUMBER
from pathways.calendars import Limit, Unit
from pathways.deadlines import Agreement
from pathways.parties import Function, Identifier, Kind, Party
from pathways.promises import PromiseKind
from tests.contract.ways import Cast, Update, Way, as_bytes
from tests.integration import stories
from tests.integration.stories import Organisation, Resource
from tests.integration.talk import resource

pytestmark = pytest.mark.timeout(120)
LONG_AGO: Final = timedelta(days=25)
_MUNICIPALITIES = count(9001)


@dataclass(frozen=True)
class Town:
    """A hospital, and a municipality with its units; one patient who lives there."""

    way: Way
    cast: Cast
    number: str
    patient: Resource
    began: datetime
    sent: list[Organisation] = field(default_factory=list)

    @property
    def ke(self) -> Organisation:
        """The coordinating unit."""
        return self.cast.other

    def tell(self, kind: type[told.Message], sender: Organisation, **said: Any) -> told.Message:
        """Somebody tells of the patient, as their program writes it; it is taken in."""
        (number,) = self.patient["identifier"]
        whose = told.Patient(
            identifiers=(told.Identifier(system=number["system"], value=number["value"]),),
            municipality=self.number,
        )
        message = kind(sender=party(sender), patient=whose, **said)
        self.way.send(sender, as_bytes(told.bundle(message)))
        self.sent.append(sender)
        answers = dict(self.way.receipts(sender, self.sent.count(sender)))
        assert answers[message.id] == "ok", answers
        return message

    def watch(self) -> None:
        """Whoever looks after promises does so now (``carepath watch``)."""
        settings = Settings(database_url=self.way.database)
        with open_store(settings) as store:
            watching.once(settings, store.database)

    def heard(self, by: Organisation, *events: str) -> list[Update]:
        """The first so many things that they were told, receipts apart: these."""
        found = [u for u in self.way.updates(by, len(events)) if not u.is_receipt]
        assert [update.event for update in found] == [*events]
        return found

    def asked(self, path: str, **parameters: str) -> Any:
        """What the server on the same store answers."""
        with httpx.Client(base_url=self.way.url, timeout=20, trust_env=False) as client:
            answer = client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def town(way: Way, cast: Cast) -> Town:
    """One that only this test knows, in the directory of the installation."""
    number = str(next(_MUNICIPALITIES))
    key = f"town-{number}"
    units = {
        cast.nursing: Function.NURSING,
        cast.case_office: Function.CASE_OFFICE,
        cast.other: Function.KE,
    }
    entered = [
        Party(key, "Kommune", Kind.MUNICIPALITY, municipality=number),
        _unit(cast.hospital, kind=Kind.HOSPITAL),
        *(_unit(one, parent=key, function=function) for one, function in units.items()),
    ]
    with open_store(Settings(database_url=way.database)) as store:
        store.enter(entered)
    patient = stories.person(municipality=number)
    return Town(way, cast, number, patient, datetime.now(UTC) - LONG_AGO)


def _unit(one: Organisation, **more: Any) -> Party:
    return Party(
        one.number, one.name, identifiers=(Identifier(ORGANISATION_NUMBER, one.number),), **more
    )


def party(one: Organisation) -> told.Party:
    """As messages name it."""
    return told.Party(organisation_number=one.number, name=one.name)


def new() -> str:
    """An identifier nobody has used."""
    return f"https://own.example/ids|{uuid4()}"


def at(moment: datetime) -> dict[str, Any]:
    """It happened then, and was written down at once."""
    return {"happened": moment, "written": moment}


def alarm(update: Update) -> tuple[str, str]:
    """What is missed, and how far that has come."""
    assert update.message is not None
    task = resource(update.message, "Task")
    return task["code"]["coding"][0]["code"], task["businessStatus"]["coding"][0]["code"]


def test_star_5_the_24_hours_of_the_early_notice_are_watched(town: Town) -> None:
    """Nobody gave notice: both sides are alarmed. It was given in time and told late: the alarm is taken back."""
    cast, stay = town.cast, {"stay": new()}
    nursing, office = (party(one) for one in (cast.nursing, cast.case_office))
    admitted = {"municipal_need": "yes", "report_wanted": False, "receivers": (nursing,)}
    town.tell(told.Stay, cast.hospital, event="admission", **stay, **admitted, **at(town.began))
    town.watch()
    (missed,) = town.heard(cast.hospital, "deadline-missed")
    assert alarm(missed) == ("early-notice", "coordinator")
    town.heard(cast.case_office, "deadline-missed")
    town.heard(town.ke, "deadline-missed")
    in_time = at(town.began + timedelta(hours=23))
    notice = {"receivers": (office,), "municipal_need": "yes"}
    town.tell(told.Stay, cast.hospital, event="early-notice", **stay, **notice, **in_time)
    town.watch()
    _, taken_back = town.heard(cast.hospital, "deadline-missed", "deadline-missed")
    assert taken_back.message is not None
    assert "told late" in str(resource(taken_back.message, "Task")["note"])
    said = [update.event for update in town.way.updates(cast.case_office, 3)]
    assert "early-notice" in said


def test_star_41_what_is_not_answered_is_told_to_people_on_both_sides(town: Town) -> None:
    """Who asked, who was asked, and KE are told; the answer that comes at last closes it."""
    cast, asked = town.cast, {"conversation": new()}
    office = party(cast.case_office)
    town.tell(
        told.Inquiry,
        cast.hospital,
        event="inquiry",
        text="Who comes on Sunday?",
        receivers=(office,),
        **asked,
        **at(town.began),
    )
    town.watch()
    _, missed = town.heard(cast.case_office, "inquiry", "deadline-missed")
    assert alarm(missed) == ("inquiry-answer", "coordinator")
    town.heard(cast.hospital, "deadline-missed")
    town.heard(town.ke, "deadline-missed")
    town.tell(
        told.Inquiry,
        cast.case_office,
        event="reply",
        text="We do.",
        receivers=(party(cast.hospital),),
        **asked,
    )
    town.heard(cast.hospital, "deadline-missed", "reply")


def test_star_55_one_door_in_for_the_need_of_a_coordinator(town: Town) -> None:
    """What home nursing reports is the municipality's KE's to answer; whoever reported hears what came of it."""
    reporter = town.cast.nursing
    town.tell(
        told.CoordinationNeed,
        reporter,
        need=new(),
        reason="Several services",
    )
    town.heard(town.ke, "coordination-need")
    town.tell(
        told.Coordinator,
        town.ke,
        event="coordinator-appointed",
        role="municipal",
        name="Kari Moe",
        phone="22 33 44 55",
        party=party(town.ke),
    )
    (appointed,) = town.heard(reporter, "coordinator-appointed")
    assert appointed.message is not None
    assert "Kari Moe" in str(resource(appointed.message, "CareTeam"))


def test_star_74_days_of_payment_follow_from_the_events(town: Town) -> None:
    """Ready, not answered, then offered: each day that lies between, for both sides alike."""
    cast, stay = town.cast, {"stay": new()}
    hospital, office = party(cast.hospital), party(cast.case_office)
    said: list[tuple[Organisation, str, int, tuple[told.Party, ...]]] = [
        (cast.hospital, "admission", 0, (office,)),
        (cast.hospital, "early-notice", 0, (office,)),
        (cast.hospital, "discharge-ready", 3, (office,)),
        (cast.case_office, "offer-ready", 6, (hospital,)),
    ]
    for minute, (sender, event, days, to) in enumerate(said):
        moment = town.began + timedelta(days=days, minutes=minute)
        more = {"municipal_need": "yes"} if sender is cast.hospital else {}
        town.tell(told.Stay, sender, event=event, receivers=to, **stay, **more, **at(moment))
    ready = [u.event for u in town.way.updates(cast.case_office, 3) if not u.is_receipt]
    assert "discharge-ready" in ready
    offers = (u.event for u in town.way.updates(cast.hospital, 1) if not u.is_receipt)
    assert {*offers} <= {"offer-ready", "deadline-missed"}
    (number,) = town.patient["identifier"]
    token = {"identifier": f"{number['system']}|{number['value']}"}
    with httpx.Client(base_url=town.way.url, timeout=20, trust_env=False) as client:
        whose = client.post("/fhir/Patient/_search", data=token).json()["entry"][0]["resource"][
            "id"
        ]
    found = town.asked("/fhir/Encounter", patient=whose)
    (shown,) = [one["resource"] for one in found["entry"]]
    days = town.asked(f"/fhir/Encounter/{shown['id']}/$payment-days")["parameter"]
    assert [one["valueInteger"] for one in days if one["name"] == "owed"] == [3]


def test_star_78_deadlines_are_those_of_the_local_agreement(town: Town) -> None:
    """Five days for a decision between these two, where sixty are usual: missed after five."""
    cast = town.cast
    agreed = Agreement(
        kind=PromiseKind.DECISION,
        parties=(cast.hospital.number, f"town-{town.number}"),
        limit=Limit(5, Unit.DAYS),
        since=town.began - timedelta(days=9),
    )
    with open_store(Settings(database_url=town.way.database)) as store:
        wanted = agreements.make(store, agreed, None)
        assert not isinstance(wanted, str), wanted
    town.tell(
        told.Application,
        cast.hospital,
        event="application",
        application=new(),
        service="Home nursing",
        receivers=(party(cast.case_office),),
        **at(town.began),
    )
    town.watch()
    _, missed = town.heard(cast.case_office, "application", "deadline-missed")
    assert alarm(missed) == ("decision", "coordinator")
    assert missed.message is not None
    due = resource(missed.message, "Task")["restriction"]["period"]["end"]
    days = datetime.fromisoformat(due) - town.began
    assert timedelta(days=4) < days < timedelta(days=7)
    town.heard(cast.hospital, "deadline-missed")
