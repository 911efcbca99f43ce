"""Care that lasts, as programs tell it with ``carepath_client``: coordinator, consent, plan, decision, course."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import carepath_client as told
from tests.integration.stories.people import (
    CASE_OFFICE,
    HOSPITAL,
    NURSING,
    OSLO,
    Organisation,
    Resource,
    person,
)

_IDS: Final = "https://plans.example/ids"


def party(one: Organisation) -> told.Party:
    """With an endpoint: fhirclient reads no message whose endpoint is only said to be unknown."""
    endpoint = f"https://{one.number}.example/fhir"
    return told.Party(organisation_number=one.number, name=one.name, endpoint=endpoint)


def lasting_care(patient: Resource | None = None) -> list[Resource]:
    """A coordinator, a plan with meeting, measure and consent, an application and a course, in order."""
    known = (patient or person())["identifier"][0]
    own = told.Identifier(system=known["system"], value=known["value"])
    said: dict[str, Any] = {
        "patient": told.Patient(identifiers=(own,)),
        "sender": party(CASE_OFFICE),
    }
    messages = [*_coordination(said), *_plan(said), *_consents(said), *_services(said)]
    return [told.bundle(message) for message in messages]


def _id() -> str:
    return f"{_IDS}|{uuid4()}"


def _in(days: int) -> datetime:
    return datetime.now(OSLO) + timedelta(days=days)


def _coordination(said: dict[str, Any]) -> list[told.Message]:
    """Appointed, and offered to another."""
    offered = {"event": "coordinator-handover-offered", "party": party(NURSING)}
    return [
        told.CoordinationNeed(need=_id(), receivers=(party(CASE_OFFICE),), **said),
        told.Coordinator(
            event="coordinator-appointed",
            role="municipal",
            name="Kari Koordinator",
            party=party(CASE_OFFICE),
            **said,
        ),
        told.Coordinator(role="municipal", name="Per Nilsen", **offered, **said),
    ]


def _plan(said: dict[str, Any]) -> list[told.Message]:
    """With a goal, a meeting to which nobody has answered, a measure that is late and a call every week."""
    plan, measure = _id(), _id()
    return [
        told.Plan(
            event="plan-created",
            plan=plan,
            title="Individual plan",
            coordinator="Kari Koordinator",
            goals=(told.Goal(text="Up the stairs again"),),
            begins=_in(0),
            **said,
        ),
        told.Meeting(
            appointment=_id(),
            meeting="start",
            plan=plan,
            begins=_in(3),
            ends=_in(4),
            summoned=(party(HOSPITAL), party(NURSING)),
            **said,
        ),
        told.Measure(
            event="measure-promised",
            measure=measure,
            plan=plan,
            title="A ramp at the front door",
            owner=party(CASE_OFFICE),
            due=_in(5),
            **said,
        ),
        told.Measure(
            event="measure-delayed", measure=measure, due=_in(9), reason="Nobody to do it", **said
        ),
        told.FollowUp(
            follow_up=_id(), title="A call", owner=party(NURSING), interval_days=7, **said
        ),
    ]


def _consents(said: dict[str, Any]) -> list[told.Message]:
    return [
        told.Consent(
            event="consent-given",
            record=_id(),
            consent="plan",
            party=party(HOSPITAL),
            since=_in(-1),
            until=_in(300),
            **said,
        )
    ]


def _services(said: dict[str, Any]) -> list[told.Message]:
    """One that was applied for and granted; a course of treatment that the hospital has begun."""
    application, course = _id(), _id()
    at_hospital = said | {"sender": party(HOSPITAL)}
    return [
        told.Application(
            event="application",
            application=application,
            service="Home nursing",
            owner=party(CASE_OFFICE),
            **said,
        ),
        told.Application(
            event="decision",
            application=application,
            outcome="granted",
            valid_from=_in(1),
            valid_to=_in(100),
            **said,
        ),
        told.Course(
            event="first-contact-booked",
            course=course,
            contact=_in(2),
            place="Ward 2",
            **at_hospital,
        ),
        told.Course(
            event="course-started",
            course=course,
            title="Rehabilitation",
            begins=_in(0),
            provider=party(HOSPITAL),
            **at_hospital,
        ),
    ]
