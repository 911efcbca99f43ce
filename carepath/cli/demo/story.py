"""The demo's story as data: what is sent, by whom, and when it is said to have happened.

Everything is made up: places, people and telephones. The numbers are synthetic (the patient's month is 82,
organisation numbers of the series 31) with check digits that hold. ``story`` is a value: the same Saturday
gives the same messages, so playing it twice changes nothing.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta

from carepath.cli.demo.people import DAUGHTER, REFERENCES
from carepath.cli.demo.week import (
    CHOICE,
    CONTACT,
    QUESTION,
    REFERRAL,
    SPAN,
    STAY,
    TRAINING,
    VISIT,
    Step,
    Week,
)
from pathways.events import Activity, EventCode
from pathways.facts import (
    ConsentFacts,
    ConsentKind,
    CoordinatorFacts,
    InquiryFacts,
    MeasureFacts,
    Need,
    PersonFacts,
    ReferralFacts,
    ReportFacts,
    Role,
    StayFacts,
    StayKind,
)
from pathways.messages import Destination
from pathways.moments import Moment

__all__ = ["Step", "latest_saturday", "story"]

C = EventCode


def latest_saturday(today: date) -> date:
    """The newest Saturday whose whole story lies in the past."""
    newest = today - SPAN
    return newest - timedelta(days=(newest.weekday() - 5) % 7)


def story(saturday: date) -> list[Step]:
    """Every message in the order it is sent, which is not always the order it happened."""
    week = Week(saturday)
    appointed, absent = _coordinator(week)
    promised, delayed, done = _measure(week)
    kin = _relative(week)
    stays = [*_night(week), *_stay(week), appointed, *kin, *_question(week), promised, absent]
    stays.append(delayed)
    *referral, booked = _referral(week)
    return [*stays, *_discharge(week, done), *referral, *_visit(week), booked]


def _choice(week: Week) -> list[Step]:
    """Saturday 02:10: a choice of hospital that stands until another has accepted."""
    number = (week.number(CHOICE),)
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
        week.step("choice", "solvik-legevakt", "Sat 02:10", C.HOSPITAL_CHOICE, CHOICE, first),
        week.step("redirect", "slagen-akutt", "Sat 02:16", C.REDIRECT_PROPOSED, CHOICE, redirect),
        week.step(
            "confirmed",
            "bjorkelia-obs",
            "Sat 02:21",
            C.HOSPITAL_CHOICE_CONFIRMED,
            CHOICE,
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
        identifiers=(week.number(CONTACT),),
    )
    sheet = PersonFacts(
        sheet_title="Hva er viktig for Solveig",
        sheet="Hører dårlig på venstre øre. Katten Mons må ha mat. Vil vite hva som skjer, og når.",
    )
    return [
        choice,
        week.step(
            "emergency", "solvik-legevakt", "Sat 02:14", C.EMERGENCY_CONTACT, CONTACT, contact
        ),
        *answers,
        _to(
            week.step("sheet", "solvik-vakt", "Sat 02:45", C.PERSON_SHEET, None, sheet),
            "bjorkelia-obs",
        ),
    ]


def _stay(week: Week) -> list[Step]:
    """The stay until Friday: a duplicate, a correction and a late report among it."""
    stay = (week.number(STAY),)
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
        begins=right.begins, provider=admitted.provider, ward=admitted.ward, identifiers=stay
    )
    ward, nursing = "bjorkelia-obs", "solvik-hjemmesykepleie"
    admission = _to(week.step("admission", ward, "Sat 04:05", C.ADMISSION, STAY, admitted), nursing)
    correction = _to(week.step("correction", ward, "Sat 03:50", C.ADMISSION, STAY, right), nursing)
    notice = week.step("early-notice", ward, "Sat 10:00", C.EARLY_NOTICE, STAY, early)
    return [
        admission,
        replace(admission, name="duplicate"),
        _revising(correction, admission, week.at("Sat 07:30")),
        _to(notice, "solvik-tildeling"),
        _to(week.step("home-report", nursing, "Sat 11:20", C.ADMISSION_REPORT, STAY, home), ward),
        week.step("moved", "bjorkelia-lunge", "Sun 13:15", C.TRANSFER, STAY, moved),
        week.step("late", "brygga-legesenter", "Sat 09:10", C.MEDICATION_LIST, STAY, medicines),
    ]


def _question(week: Week) -> list[Step]:
    """A question to the wrong unit finds the right one, and the answer finds who asked."""
    number = (week.number(QUESTION),)
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
    question = week.step("question", "bjorkelia-lunge", "Wed 10:05", C.INQUIRY, QUESTION, asked)
    forwarded = week.step(
        "question-forwarded",
        "solvik-tildeling",
        "Wed 10:40",
        C.INQUIRY_FORWARDED,
        QUESTION,
        onward,
    )
    reply = week.step("reply", "solvik-hjemmesykepleie", "Wed 11:15", C.REPLY, QUESTION, answer)
    return [
        question,
        _about(forwarded, Activity.FORWARD, question),
        _about(reply, Activity.REPLY, question),
    ]


def _coordinator(week: Week) -> tuple[Step, Step]:
    """A named coordinator, who is on leave when she is needed: somebody stands in."""
    held = CoordinatorFacts(
        role=Role.MUNICIPAL,
        name="Marit Aas",
        phone="80 00 09 11",
        party=REFERENCES["solvik-hjemmesykepleie"],
        first=True,
    )
    away = CoordinatorFacts(
        role=Role.MUNICIPAL,
        since=week.moment("Thu 08:00"),
        until=week.moment("next Fri 15:30"),
        substitute="Ola Sand",
        substitute_phone="80 00 09 07",
        substitute_party=REFERENCES["solvik-hjemmesykepleie"],
        reason="permisjon",
    )
    return (
        week.step("coordinator", "solvik-ke", "Mon 09:10", C.COORDINATOR_APPOINTED, None, held),
        week.step(
            "absent", "solvik-hjemmesykepleie", "Thu 07:50", C.COORDINATOR_ABSENT, None, away
        ),
    )


def _relative(week: Week) -> tuple[Step, Step]:
    """The daughter is registered, and may know what the patient has said she may."""
    nursing = "solvik-hjemmesykepleie"
    known = PersonFacts(relatives=(DAUGHTER,))
    consent = ConsentFacts(
        consent=ConsentKind.RELATIVES,
        person=DAUGHTER.name,
        since=week.moment("Mon 09:40"),
        oral=True,
    )
    return (
        week.step("relative", nursing, "Mon 09:30", C.RELATIVE_REGISTERED, None, known),
        week.step("consent", nursing, "Mon 09:40", C.CONSENT_GIVEN, None, consent),
    )


def _measure(week: Week) -> tuple[Step, Step, Step]:
    """A measure that is promised for Thursday at noon, missed, and done at last."""
    nursing, number = "solvik-hjemmesykepleie", (week.number(TRAINING),)
    promised = MeasureFacts(
        title="Opplæring i oksygen for hjemmesykepleien",
        owner=REFERENCES[nursing],
        due=week.moment("Thu 12:00"),
        identifiers=number,
    )
    delayed = MeasureFacts(
        due=week.moment("next Mon 08:00"),
        reason="den som skulle lære bort, er syk",
        identifiers=number,
    )
    done = MeasureFacts(identifiers=number)
    return (
        week.step("promised", nursing, "Wed 11:40", C.MEASURE_PROMISED, TRAINING, promised),
        week.step("delayed", nursing, "Fri 12:40", C.MEASURE_DELAYED, TRAINING, delayed),
        week.step("done", nursing, "next Sun 18:15", C.MEASURE_DONE, TRAINING, done),
    )


def _discharge(week: Week, trained: Step) -> list[Step]:
    """Friday 14:40 ready, withdrawn, ready again; home on Monday with the report."""
    ready = StayFacts(identifiers=(week.number(STAY),))
    fever = replace(ready, note="feber, må ses an over helgen")
    can = replace(ready, can_receive=True, receive_from=week.moment("next Mon 10:00"))
    journey = replace(
        ready,
        departs=week.moment("next Mon 09:15"),
        transport="helseekspress",
        medicines_days=3,
        equipment="rullator",
        key="nøkkelboks ved døren",
    )
    left = replace(
        ready,
        ends=week.moment("next Mon 09:20"),
        provider=REFERENCES["bjorkelia"],
        disposition="hjem med kommunale tjenester",
    )
    report = ReportFacts(
        title="Sykepleiers utskrivningsrapport",
        text="Oksygen 1 liter. Inhalasjoner morgen og kveld. Trenger hjelp til stell den første uken.",
    )
    ward, office, nursing = "bjorkelia-lunge", "solvik-tildeling", "solvik-hjemmesykepleie"
    first = week.step("ready", ward, "Fri 14:40", C.DISCHARGE_READY, STAY, ready)
    withdrawn = week.step("withdrawn", ward, "Fri 19:30", C.DISCHARGE_READY_WITHDRAWN, STAY, fever)
    again = week.step("ready-again", ward, "next Sun 11:00", C.DISCHARGE_READY, STAY, ready)
    return [
        _to(first, office),
        week.step("answer", office, "Fri 15:05", C.CAPACITY_ANSWER, STAY, can),
        _to(withdrawn, office),
        _to(again, office),
        week.step("answer-again", office, "next Sun 12:10", C.CAPACITY_ANSWER, STAY, can),
        week.step("journey", ward, "next Sun 14:00", C.DEPARTURE_PLANNED, STAY, journey),
        trained,
        week.step("offer", office, "next Mon 07:45", C.OFFER_READY, STAY, ready),
        _to(week.step("discharge", ward, "next Mon 09:20", C.DISCHARGE, STAY, left), nursing),
        _to(week.step("report", ward, "next Mon 09:40", C.DISCHARGE_REPORT, STAY, report), nursing),
        week.step("home", nursing, "next Mon 10:25", C.RECEIVED_HOME, STAY, ready),
    ]


def _referral(week: Week) -> list[Step]:
    """A referral to the wrong hospital is forwarded, and the GP is told where it went."""
    number = (week.number(REFERRAL),)
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
        "referral", "brygga-legesenter", "next Mon 14:10", C.REFERRAL, REFERRAL, asked
    )
    forwarded = week.step(
        "forwarded", "slagen-lunge", "next Tue 09:05", C.REFERRAL_FORWARDED, REFERRAL, onward
    )
    return [
        referral,
        _about(forwarded, Activity.FORWARD, referral),
        week.step(
            "accepted",
            "bjorkelia-lunge",
            "next Tue 13:20",
            C.REFERRAL_ACCEPTED,
            REFERRAL,
            accepted,
        ),
        week.step(
            "booked", "bjorkelia-lunge", "next Wed 08:45", C.REFERRAL_SCHEDULED, REFERRAL, booked
        ),
    ]


def _visit(week: Week) -> list[Step]:
    """An evening at the emergency ward of the other hospital, whose system tells home nursing of it."""
    nursing = "solvik-hjemmesykepleie"
    arrived = StayFacts(
        encounter_class="EMER",
        stay_kind=StayKind.EMERGENCY_WARD,
        begins=week.moment("next Tue 18:40"),
        ward="Akuttmottaket",
        identifiers=(week.number(VISIT),),
    )
    left = replace(arrived, stay_kind=None, ends=week.moment("next Tue 21:30"), disposition="hjem")
    visit = week.step("visit", "slagen-akutt", "next Tue 18:40", C.ADMISSION, VISIT, arrived)
    over = week.step("visit-over", "slagen-akutt", "next Tue 21:30", C.DISCHARGE, VISIT, left)
    return [_to(visit, nursing), _to(over, nursing)]


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
