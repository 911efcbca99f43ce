"""Whole stories: what the parties tell each other about one patient, message by message."""

from datetime import datetime, timedelta
from uuid import uuid4

from tests.integration.stories.documents import (
    discharge_report,
    person_sheet,
    report,
    service_overview,
)
from tests.integration.stories.envelope import message_id
from tests.integration.stories.people import (
    CASE_OFFICE,
    GP,
    HOSPITAL,
    LEGEVAKT,
    NURSING,
    OSLO,
    OTHER_HOSPITAL,
    Matter,
    Resource,
    person,
)
from tests.integration.stories.person import (
    acknowledgement,
    identity_linked,
    municipality_changed,
    relative_registered,
)
from tests.integration.stories.referrals import inquiry, referral, reply
from tests.integration.stories.stays import (
    admission,
    capacity_answer,
    departure_planned,
    discharge,
    discharge_ready,
    early_notice,
    stay,
    stay_task,
)


def hospital_stay(patient: Resource | None = None) -> list[Resource]:
    """One stay from the door to home, in order: what the hospital and the municipality tell each other."""
    matter = Matter(patient or person())
    hours = [matter.begins + timedelta(hours=h) for h in range(1, 72, 6)]
    return [
        admission(matter),
        report(
            "admission-report",
            matter,
            "Admission report",
            sender=NURSING,
            receivers=(HOSPITAL,),
            happened=hours[0],
        ),
        early_notice(matter, hours[-1].date(), happened=hours[1]),
        report(
            "medication-list",
            matter,
            "Medicines in use",
            sender=NURSING,
            receivers=(HOSPITAL,),
            happened=hours[2],
        ),
        stay("transfer", matter, happened=hours[3]),
        stay("leave-start", matter, happened=hours[4]),
        stay("leave-end", matter, happened=hours[5]),
        discharge_ready(matter, happened=hours[6]),
        stay_task("discharge-ready-withdrawn", matter, happened=hours[7]),
        discharge_ready(matter, happened=hours[8]),
        capacity_answer(matter, hours[-1], happened=hours[9]),
        stay_task(
            "offer-ready", matter, sender=CASE_OFFICE, receivers=(HOSPITAL,), happened=hours[9]
        ),
        departure_planned(matter, hours[-1], happened=hours[10]),
        discharge(matter, happened=hours[11]),
        discharge_report(matter, happened=hours[11]),
        report("doctor-report", matter, "Discharge summary", copies=(GP,), happened=hours[11]),
        report("transfer-report", matter, "Transfer report", happened=hours[11]),
        stay_task("received-home", matter, sender=NURSING, receivers=(HOSPITAL,)),
    ]


def night_at_the_legevakt(patient: Resource | None = None) -> list[Resource]:
    """A contact, a choice of hospital that proposes another, and the other's yes."""
    patient = patient or person()
    emergency, choice = Matter(patient), Matter(patient)
    return [
        stay("emergency-contact", emergency, sender=LEGEVAKT, receivers=(GP,)),
        referral(choice, "hospital-choice", copies=(GP,)),
        referral(choice, "redirect-proposed", proposed=OTHER_HOSPITAL),
        referral(choice, "hospital-choice-confirmed", performer=OTHER_HOSPITAL),
    ]


def referral_and_question(patient: Resource | None = None) -> list[Resource]:
    """A referral that is forwarded and done, one refused, one withdrawn; a question asked, sent on and answered."""
    patient = patient or person()
    return [*_referrals(patient), *_questions(patient)]


def _referrals(patient: Resource) -> list[Resource]:
    asked, refused, dropped = (Matter(patient) for _ in range(3))
    first = referral(asked, copies=(GP,))
    return [
        first,
        referral(asked, "referral-received"),
        referral(
            asked,
            "referral-forwarded",
            performer=OTHER_HOSPITAL,
            sender=HOSPITAL,
            activity="forward",
            target=message_id(first),
        ),
        referral(asked, "referral-accepted", performer=OTHER_HOSPITAL),
        referral(
            asked,
            "referral-scheduled",
            performer=OTHER_HOSPITAL,
            scheduled=datetime.now(OSLO) + timedelta(days=9),
        ),
        referral(asked, "referral-completed", performer=OTHER_HOSPITAL),
        referral(refused),
        referral(refused, "referral-rejected"),
        referral(dropped),
        referral(dropped, "referral-withdrawn"),
    ]


def _questions(patient: Resource) -> list[Resource]:
    question, call = Matter(patient), Matter(patient)
    asks = inquiry(question)
    return [
        asks,
        inquiry(
            question,
            "inquiry-forwarded",
            sender=HOSPITAL,
            receivers=(GP,),
            activity="forward",
            target=message_id(asks),
        ),
        reply(question, sender=GP, activity="reply", target=message_id(asks)),
        inquiry(call),
        inquiry(call, "settled-by-phone", settled_with="Nurse on duty"),
    ]


def the_person(patient: Resource | None = None) -> list[Resource]:
    """What follows the patient: sheet, services, relative, move, and an identity linked and unlinked."""
    patient = patient or person()
    number = {"system": "https://journal.example/patients", "value": str(uuid4())}
    return [
        person_sheet(patient),
        service_overview(patient),
        relative_registered(patient),
        municipality_changed(patient),
        identity_linked(patient, number),
        identity_linked(patient, number, "identity-unlinked"),
    ]


def everything(patient: Resource | None = None) -> list[Resource]:
    """Every event a sender may send, about one patient, in an order that the rules accept."""
    patient = patient or person()
    last = Matter(patient)
    told = [
        *the_person(patient),
        *night_at_the_legevakt(patient),
        *hospital_stay(patient),
        *referral_and_question(patient),
    ]
    ends = [admission(last), stay("death", last)]
    return [*told, acknowledgement(message_id(told[-1])), *ends]
