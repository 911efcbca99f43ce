"""The demo's story as data: what is sent, by whom, and when it is said to have happened.

Everything is made up: places, people and telephones. The numbers are synthetic (the patient's month is 82,
organisation numbers of the series 31) with check digits that hold. ``story`` is a value: the same Saturday
gives the same messages, so playing it twice changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final

from carepath.cli.demo.people import AUTHORS, PATIENT, REFERENCES
from carepath.texts import ZONE
from pathways.events import Activity, EventCode
from pathways.facts import (
    Facts,
    InquiryFacts,
    Need,
    PersonFacts,
    ReferralFacts,
    ReportFacts,
    StayFacts,
    StayKind,
)
from pathways.messages import Destination, Key, KeyRank, Message, stable_id
from pathways.moments import Moment
from pathways.parties import Identifier

C = EventCode
SPAN: Final = timedelta(days=12)  # from the Saturday to after the last message
NUMBERS: Final = "https://carepath.example/demo/numbers"

_DAYS: Final[Mapping[str, int]] = {
    "Sat": 0,
    "Sun": 1,
    "Mon": 2,
    "Tue": 3,
    "Wed": 4,
    "Thu": 5,
    "Fri": 6,
    "next Sat": 7,
    "next Sun": 8,
    "next Mon": 9,
    "next Tue": 10,
    "next Wed": 11,
}
_WRITING: Final = timedelta(minutes=3)
_CONTACT: Final = Identifier(NUMBERS, "contact-1")
_STAY: Final = Identifier(NUMBERS, "stay-1")
_CHOICE: Final = Identifier(NUMBERS, "choice-1")
_REFERRAL: Final = Identifier(NUMBERS, "referral-1")
_QUESTION: Final = Identifier(NUMBERS, "question-1")
_RANK: Final[Mapping[Identifier, KeyRank]] = {
    _CONTACT: KeyRank.STAY,
    _STAY: KeyRank.STAY,
    _CHOICE: KeyRank.REFERRAL,
    _REFERRAL: KeyRank.REFERRAL,
    _QUESTION: KeyRank.CONVERSATION,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One message of the story; ``sender`` is the directory key of who sends it."""

    name: str
    sender: str
    message: Message

    @property
    def text(self) -> str:
        """The key of the sentence that tells what happens."""
        return f"demo.{self.name}"


@dataclass(frozen=True, slots=True)
class Week:
    """Makes the messages of the week that begins on ``saturday``."""

    saturday: date

    def at(self, when: str) -> datetime:
        """``Fri 14:40`` as an instant of that week, in Europe/Oslo."""
        day, _, clock = when.rpartition(" ")
        local = self.saturday + timedelta(days=_DAYS[day])
        return datetime.combine(local, time.fromisoformat(clock), ZONE)

    def moment(self, when: str) -> Moment:
        """The same as a moment."""
        return Moment(self.at(when))

    def id(self, name: str) -> str:
        """The message id of a step; another Saturday is another message."""
        return stable_id("demo", self.saturday.isoformat(), name)

    def step(
        self,
        name: str,
        sender: str,
        when: str,
        code: EventCode,
        matter: Identifier | None,
        facts: Facts,
    ) -> Step:
        """A step whose message is new and named after it."""
        happened = self.at(when)
        message = Message(
            id=self.id(name),
            format="carepath",
            envelope=stable_id("envelope", self.id(name)),
            content=b"",
            code=code,
            sender=REFERENCES[sender],
            author=AUTHORS[sender],
            happened=Moment(happened),
            written=happened + _WRITING,
            patient=PATIENT,
            keys=self._keys(matter),
            facts=facts,
        )
        return Step(name, sender, message)

    def number(self, matter: Identifier) -> Identifier:
        """The matter's own number; another Saturday is another stay."""
        return replace(matter, value=f"{self.saturday:%Y%m%d}-{matter.value}")

    def _keys(self, matter: Identifier | None) -> tuple[Key, ...]:
        if matter is None:
            return ()
        number = self.number(matter)
        return (Key(_RANK[matter], f"{number.system}|{number.value}"),)


def latest_saturday(today: date) -> date:
    """The newest Saturday whose whole story lies in the past."""
    newest = today - SPAN
    return newest - timedelta(days=(newest.weekday() - 5) % 7)


def story(saturday: date) -> list[Step]:
    """Every message in the order it is sent, which is not always the order it happened."""
    week = Week(saturday)
    return [*_night(week), *_stay(week), *_question(week), *_discharge(week), *_referral(week)]


def _choice(week: Week) -> list[Step]:
    """Saturday 02:10: a choice of hospital that stands until another has accepted."""
    number = (week.number(_CHOICE),)
    first = ReferralFacts(
        title="Akutt forverring av kols",
        priority="stat",
        reason="nærmest, og hun er kjent der",
        requester=REFERENCES["solvik-legevakt"],
        performer=REFERENCES["slagen-akutt"],
        identifiers=number,
    )
    redirect = ReferralFacts(
        proposed=REFERENCES["bjorkelia-obs"],
        reason="ingen ledig plass med pustestøtte",
        identifiers=number,
    )
    confirmed = ReferralFacts(performer=REFERENCES["bjorkelia-obs"], identifiers=number)
    return [
        week.step("choice", "solvik-legevakt", "Sat 02:10", C.HOSPITAL_CHOICE, _CHOICE, first),
        week.step("redirect", "slagen-akutt", "Sat 02:21", C.REDIRECT_PROPOSED, _CHOICE, redirect),
        week.step(
            "confirmed",
            "bjorkelia-obs",
            "Sat 02:33",
            C.HOSPITAL_CHOICE_CONFIRMED,
            _CHOICE,
            confirmed,
        ),
    ]


def _night(week: Week) -> list[Step]:
    """The choice, the need that the nurse on duty is told of, and the person sheet that arrives first."""
    choice, *answers = _choice(week)
    contact = StayFacts(
        encounter_class="EMER",
        municipal_need=Need.YES,
        begins=week.moment("Sat 01:35"),
        provider=REFERENCES["solvik-legevakt"],
        identifiers=(week.number(_CONTACT),),
    )
    sheet = PersonFacts(
        sheet_title="Hva er viktig for Solveig",
        sheet="Hører dårlig på venstre øre. Katten Mons må ha mat. Vil vite hva som skjer, og når.",
    )
    return [
        choice,
        week.step(
            "emergency", "solvik-legevakt", "Sat 02:14", C.EMERGENCY_CONTACT, _CONTACT, contact
        ),
        *answers,
        _to(
            week.step("sheet", "solvik-vakt", "Sat 02:45", C.PERSON_SHEET, None, sheet),
            "bjorkelia-obs",
        ),
    ]


def _stay(week: Week) -> list[Step]:
    """The stay until Friday: a duplicate, a correction and a late report among it."""
    stay = (week.number(_STAY),)
    admitted = StayFacts(
        encounter_class="IMP",
        stay_kind=StayKind.HOSPITAL,
        municipal_need=Need.YES,
        report_wanted=True,
        begins=week.moment("Sat 04:05"),
        provider=REFERENCES["bjorkelia"],
        ward="Lungemedisinsk sengepost",
        identifiers=stay,
    )
    right = replace(admitted, begins=week.moment("Sat 03:50"), ward="Observasjonsposten")
    early = StayFacts(expected_ready=week.moment("Fri 12:00"), identifiers=stay)
    home = ReportFacts(
        title="Innleggelsesrapport fra hjemmesykepleien",
        text="Bor alene, hjemmesykepleie to ganger om dagen. Oksygen hjemme siden i fjor.",
    )
    medicines = ReportFacts(
        title="Legemidler i bruk", text="Prednisolon 5 mg, tiotropium, salbutamol ved behov."
    )
    moved = StayFacts(
        provider=REFERENCES["bjorkelia"], ward="Lungemedisinsk sengepost", identifiers=stay
    )
    admission = week.step("admission", "bjorkelia-obs", "Sat 04:05", C.ADMISSION, _STAY, admitted)
    correction = week.step("correction", "bjorkelia-obs", "Sat 03:50", C.ADMISSION, _STAY, right)
    return [
        admission,
        replace(admission, name="duplicate"),
        _revising(correction, admission, week.at("Sat 07:30")),
        week.step("early-notice", "bjorkelia-obs", "Sat 10:00", C.EARLY_NOTICE, _STAY, early),
        week.step(
            "home-report", "solvik-hjemmesykepleie", "Sat 11:20", C.ADMISSION_REPORT, _STAY, home
        ),
        week.step("moved", "bjorkelia-lunge", "Sun 13:15", C.TRANSFER, _STAY, moved),
        week.step("late", "brygga-legesenter", "Sat 09:10", C.MEDICATION_LIST, _STAY, medicines),
    ]


def _question(week: Week) -> list[Step]:
    """A question to the wrong unit finds the right one, and the answer finds who asked."""
    number = (week.number(_QUESTION),)
    asked = InquiryFacts(
        topic="oksygen hjemme",
        text="Hvem bestiller oksygen til hjemmet?",
        owner=REFERENCES["solvik-tildeling"],
        identifiers=number,
    )
    onward = InquiryFacts(owner=REFERENCES["solvik-hjemmesykepleie"], identifiers=number)
    answer = InquiryFacts(
        text="Det gjør vi. Ny konsentrator leveres mandag klokken ni.", identifiers=number
    )
    question = week.step("question", "bjorkelia-lunge", "Wed 10:05", C.INQUIRY, _QUESTION, asked)
    forwarded = week.step(
        "question-forwarded",
        "solvik-tildeling",
        "Wed 10:40",
        C.INQUIRY_FORWARDED,
        _QUESTION,
        onward,
    )
    reply = week.step("reply", "solvik-hjemmesykepleie", "Wed 11:15", C.REPLY, _QUESTION, answer)
    return [
        question,
        _about(forwarded, Activity.FORWARD, question),
        _about(reply, Activity.REPLY, question),
    ]


def _discharge(week: Week) -> list[Step]:
    """Friday 14:40 ready, withdrawn, ready again; home on Monday with the report."""
    stay = (week.number(_STAY),)
    ready = StayFacts(identifiers=stay)
    fever = StayFacts(note="feber, må ses an over helgen", identifiers=stay)
    can = StayFacts(can_receive=True, receive_from=week.moment("next Mon 10:00"), identifiers=stay)
    journey = StayFacts(
        departs=week.moment("next Mon 09:15"),
        transport="helseekspress",
        medicines_days=3,
        equipment="rullator",
        key="nøkkelboks ved døren",
        identifiers=stay,
    )
    left = StayFacts(
        ends=week.moment("next Mon 09:20"),
        provider=REFERENCES["bjorkelia"],
        disposition="hjem med kommunale tjenester",
        identifiers=stay,
    )
    report = ReportFacts(
        title="Sykepleiers utskrivningsrapport",
        text="Oksygen 1 liter. Inhalasjoner morgen og kveld. Trenger hjelp til stell den første uken.",
    )
    ward, office = "bjorkelia-lunge", "solvik-tildeling"
    return [
        week.step("ready", ward, "Fri 14:40", C.DISCHARGE_READY, _STAY, ready),
        week.step("answer", office, "Fri 15:05", C.CAPACITY_ANSWER, _STAY, can),
        week.step("withdrawn", ward, "Fri 19:30", C.DISCHARGE_READY_WITHDRAWN, _STAY, fever),
        week.step("ready-again", ward, "next Sun 11:00", C.DISCHARGE_READY, _STAY, ready),
        week.step("answer-again", office, "next Sun 12:10", C.CAPACITY_ANSWER, _STAY, can),
        week.step("journey", ward, "next Sun 14:00", C.DEPARTURE_PLANNED, _STAY, journey),
        week.step("discharge", ward, "next Mon 09:20", C.DISCHARGE, _STAY, left),
        week.step("report", ward, "next Mon 09:40", C.DISCHARGE_REPORT, _STAY, report),
        week.step(
            "home", "solvik-hjemmesykepleie", "next Mon 10:25", C.RECEIVED_HOME, _STAY, ready
        ),
    ]


def _referral(week: Week) -> list[Step]:
    """A referral to the wrong hospital is forwarded, and the GP is told where it went."""
    number = (week.number(_REFERRAL),)
    asked = ReferralFacts(
        title="Lungerehabilitering",
        priority="routine",
        reason="tungpust etter sykehusopphold",
        requester=REFERENCES["brygga-legesenter"],
        performer=REFERENCES["slagen-lunge"],
        identifiers=number,
    )
    onward = ReferralFacts(
        performer=REFERENCES["bjorkelia-lunge"],
        reason="behandles der hun lå inne",
        identifiers=number,
    )
    accepted = ReferralFacts(performer=REFERENCES["bjorkelia-lunge"], identifiers=number)
    booked = replace(accepted, scheduled=Moment(week.at("next Tue 09:30") + timedelta(days=21)))
    referral = week.step(
        "referral", "brygga-legesenter", "next Mon 14:10", C.REFERRAL, _REFERRAL, asked
    )
    forwarded = week.step(
        "forwarded", "slagen-lunge", "next Tue 09:05", C.REFERRAL_FORWARDED, _REFERRAL, onward
    )
    return [
        referral,
        _about(forwarded, Activity.FORWARD, referral),
        week.step(
            "accepted",
            "bjorkelia-lunge",
            "next Tue 13:20",
            C.REFERRAL_ACCEPTED,
            _REFERRAL,
            accepted,
        ),
        week.step(
            "booked", "bjorkelia-lunge", "next Wed 08:45", C.REFERRAL_SCHEDULED, _REFERRAL, booked
        ),
    ]


def _to(step: Step, receiver: str) -> Step:
    """The step's message, addressed by its sender."""
    to = (Destination(REFERENCES[receiver]),)
    return replace(step, message=replace(step.message, destinations=to))


def _about(step: Step, activity: Activity, other: Step) -> Step:
    """The step's message, naming the one it forwards or answers."""
    named = replace(step.message, activity=activity, target=other.message.id)
    return replace(step, message=named)


def _revising(step: Step, other: Step, written: datetime) -> Step:
    """The step's message as a correction of ``other``, written later than it says things happened."""
    named = _about(step, Activity.REVISE, other)
    return replace(named, message=replace(named.message, written=written))
