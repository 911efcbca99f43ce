"""Care that lasts goes on: baton handed over, measures done and dropped, complaint, consent withdrawn, course ended.

Together with ``everything`` and ``lasting_care`` it is every event that somebody may send.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import carepath_client as told
from tests.integration.stories.care import party
from tests.integration.stories.people import (
    CASE_OFFICE,
    HOSPITAL,
    NURSING,
    OSLO,
    Resource,
    person,
)


def care_goes_on(patient: Resource | None = None) -> list[Resource]:
    """In an order that the rules accept, about somebody of whom nothing else need be known."""
    known = (patient or person())["identifier"][0]
    own = told.Identifier(system=known["system"], value=known["value"])
    said: dict[str, Any] = {
        "patient": told.Patient(identifiers=(own,)),
        "sender": party(CASE_OFFICE),
    }
    parts = (_baton, _measures, _decisions, _consents, _course)
    return [told.bundle(message) for part in parts for message in part(said)]


def _id() -> str:
    return f"https://plans.example/ids|{uuid4()}"


def _in(days: int) -> datetime:
    return datetime.now(OSLO) + timedelta(days=days)


def _baton(said: dict[str, Any]) -> list[told.Message]:
    role = {"role": "municipal"}
    new = {"name": "Per Nilsen", "party": party(NURSING)}
    return [
        told.Coordinator(
            event="coordinator-appointed", name="Kari", party=party(CASE_OFFICE), **role, **said
        ),
        told.Coordinator(
            event="coordinator-absent", substitute="Ola", since=_in(0), until=_in(9), **role, **said
        ),
        told.Coordinator(event="coordinator-handover-offered", **role, **new, **said),
        told.Coordinator(
            event="coordinator-handover-accepted",
            **role,
            **new,
            **(said | {"sender": party(NURSING)}),
        ),
        told.Coordinator(event="coordinator-change-requested", **role, **said),
        told.CarerUnavailable(
            conversation=_id(), owner=party(NURSING), fallback="The neighbour comes", **said
        ),
    ]


def _measures(said: dict[str, Any]) -> list[told.Message]:
    plan, ramp, bath = {"plan": _id()}, {"measure": _id()}, {"measure": _id()}
    owner = {"owner": party(CASE_OFFICE)}
    return [
        told.Plan(event="plan-created", title="Individual plan", **plan, **said),
        told.Plan(event="plan-updated", note="Checked", **plan, **said),
        told.Measure(event="measure-proposed", title="A ramp", **ramp, **owner, **plan, **said),
        told.Measure(event="measure-promised", due=_in(5), **ramp, **owner, **said),
        told.Measure(event="measure-started", **ramp, **said),
        told.Measure(event="measure-done", evaluate_by=_in(9), **ramp, **said),
        told.Measure(event="measure-evaluated", evaluation="It helps", **ramp, **said),
        told.Measure(event="measure-proposed", title="A bath", **bath, **owner, **said),
        told.Measure(event="measure-dropped", reason="Moves soon", **bath, **said),
    ]


def _decisions(said: dict[str, Any]) -> list[told.Message]:
    asked = {"application": _id(), "service": "Home nursing"}
    return [
        told.Application(event="application", owner=party(CASE_OFFICE), **asked, **said),
        told.Application(event="interim-answer", expected=_in(20), **asked, **said),
        told.Application(event="decision", outcome="refused", reason="Has it", **asked, **said),
        told.Application(event="complaint", reason="Does not have it", **asked, **said),
        told.Application(event="complaint-forwarded", **asked, **said),
        told.Application(event="decision", outcome="granted", valid_to=_in(90), **asked, **said),
        told.Application(
            event="service-ending", ends=_in(60), replaced_by="A home", **asked, **said
        ),
    ]


def _consents(said: dict[str, Any]) -> list[told.Message]:
    given, objected = {"record": _id()}, {"record": _id()}
    plan = {"consent": "plan", "party": party(HOSPITAL)}
    shut = {"consent": "health-personnel", "party": party(HOSPITAL)}
    return [
        told.Consent(event="consent-given", **given, **plan, **said),
        told.Consent(event="consent-withdrawn", **given, **plan, **said),
        told.Consent(event="objection-registered", **objected, **shut, **said),
        told.Consent(event="objection-withdrawn", **objected, **shut, **said),
    ]


def _course(said: dict[str, Any]) -> list[told.Message]:
    course, hospital = {"course": _id()}, said | {"sender": party(HOSPITAL)}
    return [
        told.Course(
            event="course-started", title="Rehabilitation", begins=_in(-9), **course, **hospital
        ),
        told.Course(event="course-ended", ends=_in(0), **course, **hospital),
    ]
