"""Which field stands where, for the messages of ``care``: rows as in ``rows``, and what needs more than a row.

People, goals and services that only the message knows of are contained in the resource that names them.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final

from carepath_client.care import (
    Application,
    Consent,
    CoordinationNeed,
    Coordinator,
    Course,
    FollowUp,
    Goal,
    Measure,
    Meeting,
    Participant,
    Plan,
)
from carepath_client.codes import (
    CALL_FIRST,
    CONSENT_KIND,
    COORDINATOR_ROLE,
    MEETING_KIND,
    ORAL_CONSENT,
    PARTICIPATION,
    TASK_DETAIL,
    TEAM_PART,
    VIDEO_LINK,
)
from carepath_client.elements import (
    JSON,
    Refer,
    Row,
    as_identifiers,
    as_moment,
    as_reference,
    as_references,
    as_section,
    at,
    concept,
    detail,
    extension,
    moment,
)
from carepath_client.messages import Message
from carepath_client.values import Party


def _of_task(code: str, kind: str = "valueString") -> Callable[[JSON, Any], None]:
    return detail(code, kind)


def _output(code: str, kind: str) -> Callable[[JSON, Any], None]:
    return detail(code, kind, among="output")


_DUE: Final = at("restriction", "period", "end")
_NEED: Final = (
    Row("role", _of_task("coordinator-role", "valueCode")),
    Row("expecting", _of_task("expecting-child", "valueBoolean")),
    Row("reason", at("reasonCode", "text")),
    Row("need", at("identifier"), as_identifiers),
)
_MEASURE: Final = (
    Row("title", at("description")),
    Row("proposer", _of_task("proposer")),
    Row("refers", _of_task("referrer", "valueReference"), as_reference),
    Row("owner", at("owner"), as_reference),
    Row("owner_name", _of_task("owner-name")),
    Row("follows_up", _of_task("follows-up", "valueReference"), as_reference),
    Row("due", _DUE, as_moment),
    Row("evaluate_by", _of_task("evaluate-by", "valueDateTime"), as_moment),
    Row("evaluation", _output("evaluation", "valueString")),
    Row("reason", at("statusReason", "text")),
    Row("note", at("note", 0, "text")),
    Row("plan", at("basedOn"), as_references),
    Row("measure", at("identifier"), as_identifiers),
)
_FOLLOW_UP: Final = (
    Row("title", at("description")),
    Row("owner", at("owner"), as_reference),
    Row("owner_name", _of_task("owner-name")),
    Row("interval_days", _of_task("interval-days", "valuePositiveInt")),
    Row("talked", _output("talked", "valueDateTime"), as_moment),
    Row("note", at("note", 0, "text")),
    Row("until", _DUE, as_moment),
    Row("follow_up", at("identifier"), as_identifiers),
)
_APPLICATION: Final = (
    Row("service", at("description")),
    Row("applicant", _of_task("applicant")),
    Row("owner", at("owner"), as_reference),
    Row("outcome", at("businessStatus"), lambda _, code: concept(TASK_DETAIL, code)),
    Row("reason", at("statusReason", "text")),
    Row("valid_from", _of_task("valid-from", "valueDateTime"), as_moment),
    Row("valid_to", _of_task("valid-to", "valueDateTime"), as_moment),
    Row("appeal_by", _of_task("appeal-by", "valueDateTime"), as_moment),
    Row("expected", _DUE, as_moment),
    Row("ends", _of_task("service-ends", "valueDateTime"), as_moment),
    Row("replaced_by", _of_task("replaced-by")),
    Row("application", at("identifier"), as_identifiers),
)
_EPISODE: Final = (
    Row("title", at("type", 0, "text")),
    Row("begins", at("period", "start"), as_moment),
    Row("ends", at("period", "end"), as_moment),
    Row("provider", at("managingOrganization"), as_reference),
    Row("course", at("identifier"), as_identifiers),
)
_CONSENT: Final = (
    Row("consent", at("category", 0), lambda _, code: concept(CONSENT_KIND, code)),
    Row("oral", extension(ORAL_CONSENT, "valueBoolean")),
    Row("record", at("identifier"), as_identifiers),
)
CARE: Final[Mapping[type[Message], Mapping[str, tuple[Row, ...]]]] = {
    CoordinationNeed: {"Task": _NEED},
    Coordinator: {"CareTeam": (Row("reason", at("reasonCode", 0, "text")),)},
    Consent: {"Consent": _CONSENT},
    Plan: {
        "CarePlan": (
            Row("title", at("title")),
            Row("coordinator", at("author", "display")),
            Row("begins", at("period", "start"), as_moment),
            Row("ends", at("period", "end"), as_moment),
            Row("note", at("note", 0, "text")),
            Row("plan", at("identifier"), as_identifiers),
        )
    },
    Meeting: {
        "Appointment": (
            Row("meeting", at("appointmentType"), lambda _, code: concept(MEETING_KIND, code)),
            Row("begins", at("requestedPeriod", 0, "start"), as_moment),
            Row("link", extension(VIDEO_LINK, "valueUrl")),
            Row("plan", at("supportingInformation"), as_references),
            Row("appointment", at("identifier"), as_identifiers),
        ),
        "AppointmentResponse": (
            Row(
                "accepts",
                at("participantStatus"),
                lambda _, accepts: "accepted" if accepts else "declined",
            ),
            Row("reason", at("comment")),
        ),
    },
    Measure: {"Task": _MEASURE},
    FollowUp: {"Task": _FOLLOW_UP},
    Application: {
        "Task": _APPLICATION,
        "Composition": (Row("text", at("section"), as_section),),
    },
    Course: {"EpisodeOfCare": _EPISODE, "Appointment": (Row("note", at("comment")),)},
}
"""By family and FHIR type, in the order in which the resources are written."""


# --- what needs more than a row


def _care_team(message: Coordinator, refer: Refer, team: JSON) -> None:
    """One participant for who has the baton or is offered it, and one for who stands in."""
    offered = "offered" if message.event == "coordinator-handover-offered" else None
    holder = _member(refer, team, offered, message.name, message.phone, message.party)
    holder.setdefault("role", []).insert(0, concept(COORDINATOR_ROLE, message.role))
    if message.first is not None:
        extension(CALL_FIRST, "valueBoolean")(holder, message.first)
    away = message.event == "coordinator-absent"
    substitute = (message.substitute, message.substitute_phone, message.substitute_party)
    stands_in = _member(refer, team, "substitute", *substitute) if away else holder
    _period(stands_in, message.since, message.until)
    team["participant"] = [holder, stands_in] if away else [holder]


def _member(
    refer: Refer,
    team: JSON,
    part: str | None,
    name: str | None,
    phone: str | None,
    party: Party | None,
) -> JSON:
    """A participant: a person who is contained, on behalf of an organisation, or that alone."""
    member: JSON = {"role": [concept(TEAM_PART, part)]} if part else {}
    workplace = refer(party) if party else None
    if name or phone:
        person: JSON = {"resourceType": "Practitioner", "id": part or "holder"}
        if name:
            person["name"] = [{"text": name}]
        if phone:
            person["telecom"] = [{"system": "phone", "value": phone}]
        team.setdefault("contained", []).append(person)
        member["member"] = {"reference": f"#{person['id']}"}
        if workplace:
            member["onBehalfOf"] = workplace
    elif workplace:
        member["member"] = {**workplace, "type": "Organization"}
    return member


def _period(resource: JSON, begins: datetime | date | None, ends: datetime | date | None) -> None:
    told = {side: moment(at) for side, at in (("start", begins), ("end", ends)) if at}
    if told:
        resource["period"] = told


def _consent(message: Consent, refer: Refer, consent: JSON) -> None:
    """For whom it is, of what document, and what else was said."""
    provision = consent["provision"]
    _period(provision, message.since, message.until)
    if whom := (message.party and refer(message.party)) or _relative(message.person):
        provision["actor"] = [{"role": concept(PARTICIPATION, "IRCP"), "reference": whom}]
    if message.note:
        text = b64encode(message.note.encode()).decode()
        consent["sourceAttachment"] = {"contentType": "text/plain; charset=utf-8", "data": text}
    if message.message:
        about = {"type": "MessageHeader", "identifier": {"value": message.message}}
        provision["data"] = [{"meaning": "instance", "reference": about}]


def _relative(name: str | None) -> JSON | None:
    return {"type": "RelatedPerson", "display": name} if name else None


def _care_plan(message: Plan, refer: Refer, plan: JSON) -> None:
    """Goals and the team are contained."""
    subject, inside = plan["subject"], []
    for number, goal in enumerate(message.goals):
        inside.append(_goal(goal) | {"id": f"goal-{number}", "subject": subject})
        plan.setdefault("goal", []).append({"reference": f"#goal-{number}"})
    if message.participants:
        people = [_participant(refer, one) for one in message.participants]
        team = {"resourceType": "CareTeam", "id": "careTeam-0", "subject": subject}
        inside.append(team | {"participant": people})
        plan["careTeam"] = [{"reference": "#careTeam-0"}]
    if inside:
        plan["contained"] = inside


def _goal(goal: Goal) -> JSON:
    due = {"target": [{"dueDate": goal.by.isoformat()}]} if goal.by else {}
    told = {"lifecycleStatus": "active", "description": {"text": goal.text}}
    return {"resourceType": "Goal", **told, **due}


def _participant(refer: Refer, one: Participant) -> JSON:
    member: JSON = {"member": {"display": one.name}}
    if one.role:
        member["role"] = [{"text": one.role}]
    if one.party:
        member["onBehalfOf"] = refer(one.party)
    _period(member, one.since, one.until)
    return member


def _meeting(message: Meeting, refer: Refer, appointment: JSON) -> None:
    """Who is summoned takes part by a service that is contained, since an Organization cannot."""
    if message.ends:
        appointment.setdefault("requestedPeriod", [{}])[0]["end"] = moment(message.ends)
    _at_place(appointment, message.place)
    for number, party in enumerate(message.summoned):
        service = {"resourceType": "HealthcareService", "id": f"participant-{number}"}
        appointment.setdefault("contained", []).append(service | {"providedBy": refer(party)})
        actor = {"reference": f"#participant-{number}"}
        appointment["participant"].append({"actor": actor, "status": "needs-action"})
    if isinstance(message.begins, datetime) and isinstance(message.ends, datetime):
        times = {"start": moment(message.begins), "end": moment(message.ends)}
        appointment |= {"status": "booked", **times}


def _at_place(appointment: JSON, place: str | None) -> None:
    if place:
        actor = {"type": "Location", "display": place}
        appointment["participant"].append({"actor": actor, "status": "accepted"})


def _first_contact(message: Course, _: Refer, appointment: JSON) -> None:
    """A time is both ends of it; a day is what is asked for."""
    _at_place(appointment, message.place)
    if message.contact is None:
        return
    at_ = moment(message.contact)
    if isinstance(message.contact, datetime):
        appointment |= {"status": "booked", "start": at_, "end": at_}
    else:
        appointment["requestedPeriod"] = [{"start": at_, "end": at_}]


def says(message: Message, kind: str) -> bool:
    """Whether what needs more than a row says anything in a resource of this type."""
    if isinstance(message, Course) and kind == "Appointment":
        return bool(message.contact or message.place)
    return (type(message), kind) in WHOLE


WHOLE: Final[Mapping[tuple[type[Message], str], Callable[[Any, Refer, JSON], None]]] = {
    (Coordinator, "CareTeam"): _care_team,
    (Consent, "Consent"): _consent,
    (Plan, "CarePlan"): _care_plan,
    (Meeting, "Appointment"): _meeting,
    (Course, "Appointment"): _first_contact,
}
