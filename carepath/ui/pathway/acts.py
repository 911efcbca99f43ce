"""What people do from their own page: for each event that they may send its questions, and what it says.

Which of them are offered is what the door takes (``senders.may_speak``), as far as there is anything to do it about.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from carepath.service.senders import may_speak
from carepath.ui.pathway.fields import Ask, Field, Filled, Options
from carepath.ui.pathway.ground import PERSON, SCOPES, Ground
from carepath.ui.values import SOMEONE
from pathways.consents import folded
from pathways.events import EventCode
from pathways.facts import (
    ApplicationFacts,
    ConsentFacts,
    ConsentKind,
    CoordinatorFacts,
    Facts,
    FollowUpFacts,
    InquiryFacts,
    MeasureFacts,
    MeetingFacts,
    MeetingKind,
    PersonFacts,
    PlanFacts,
    Relative,
    RelativeRole,
    Role,
    known_as,
)
from pathways.pathway import Thread
from pathways.recipients import UNASKED
from pathways.states import Provision

C = EventCode
AREA, DAY, SELECT, CHECKS = Ask.AREA, Ask.DAY, Ask.SELECT, Ask.CHECKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that somebody may do. ``possible``: whether there is anything to do it about."""

    code: EventCode
    fields: Callable[[Ground], Sequence[Field]]
    facts: Callable[[Filled, Ground], Facts]
    possible: Callable[[Ground], object] = lambda _: True


def offered(ground: Ground) -> list[Act]:
    """What the door takes from them about this patient, as things stand; about others it takes questions alone."""
    sight = ground.page.sight
    return [act for act in ACTS.values() if may_speak(sight, act.code) and act.possible(ground)]


def matter(form_value: str, ground: Ground, code: EventCode) -> Thread | None:
    """The matter that was chosen."""
    return next((one for one in ground.matters(code) if one.id == form_value), None)


def to(act: Act, filled: Filled, ground: Ground) -> tuple[str, ...]:
    """To whom it goes: who was chosen, else the unit that answers for it, else whose the matter is."""
    form = filled.form
    if chosen := form.one("to"):
        return (chosen,)
    if owner := ground.directory.parties.get(form.one("municipality")):
        return (ground.unit(owner, UNASKED.get(act.code, _KE)),)
    about = matter(form.one("matter"), ground, act.code)
    if about is not None:
        holder = about.owner
        return (holder,) if holder and holder in ground.directory.parties else ()
    receiver = ground.receiver(act.code) if act.code in _DIRECTED else None
    return (receiver,) if receiver else ()


# --- what is asked


def _question(ground: Ground) -> Sequence[Field]:
    number = Field(name="number", required=True, help=True)
    whom = Field(name="to", ask=SELECT, options=ground.askable(), empty="own.inquiry.to.empty")
    return (
        *((number,) if ground.page.key == SOMEONE else ()),
        *((whom,) if whom.options else ()),
        *ground.municipality(C.INQUIRY),
        Field(name="text", ask=AREA, required=True),
    )


def _about(code: EventCode, *more: Field) -> Callable[[Ground], Sequence[Field]]:
    """Which matter, and what of it."""

    def fields(ground: Ground) -> Sequence[Field]:
        options = tuple((one.id, ground.called(one)) for one in ground.matters(code))
        first = options[0][0] if len(options) == 1 else ""
        return (
            Field(name="matter", ask=SELECT, required=True, options=options, value=first),
            *more,
        )

    return fields


def _to_municipality(code: EventCode, *more: Field) -> Callable[[Ground], Sequence[Field]]:
    return lambda ground: (*more, *ground.municipality(code))


def _permission(ground: Ground) -> Sequence[Field]:
    scopes = tuple((name, ground.words.text(f"own.scope.{name}")) for name in SCOPES)
    return (
        Field(name="whom", ask=SELECT, required=True, options=ground.permitted(), help=True),
        Field(name="covers", ask=CHECKS, options=scopes, help=True),
        Field(name="until", ask=DAY, help=True),
    )


def _standing(*, permit: bool) -> Callable[[Ground], Sequence[Field]]:
    """Which consent, or objection, of those in force."""

    def fields(ground: Ground) -> Sequence[Field]:
        found = ground.provisions(permit=permit)
        options = tuple((one.record, _told(one, ground)) for one in found)
        first = options[0][0] if len(options) == 1 else ""
        return (Field(name="which", ask=SELECT, required=True, options=options, value=first),)

    return fields


def _told(one: Provision, ground: Ground) -> str:
    said = {"whom": ground.to_whom(one), "what": ground.of_what(one)}
    return ground.words.text("own.provision", **said)


def _objection(ground: Ground) -> Sequence[Field]:
    houses: Options = ground.organisations()
    organisation = Field(name="organisation", ask=SELECT, options=houses, empty="own.nobody")
    return (
        *((organisation,) if houses else ()),
        Field(name="professional", help=True),
        Field(name="note", ask=AREA),
    )


def _coordinators(ground: Ground) -> Sequence[Field]:
    batons = ground.header.team.batons
    options = tuple((one.role.value, ground.words.text(f"role.{one.role}")) for one in batons)
    return (
        Field(name="role", ask=SELECT, required=True, options=options, value=options[0][0]),
        Field(name="reason", ask=AREA),
    )


# --- what it says


def _inquiry(filled: Filled, _: Ground) -> Facts:
    filled.national("number")
    return InquiryFacts(text=filled.text("text"))


def _carer(filled: Filled, _: Ground) -> Facts:
    since, until = filled.coming("since"), filled.coming("until")
    if since and until and until.at < since.at:
        filled.wrong("until", "order")
    return InquiryFacts(text=filled.text("text"), since=since, until=until)


def _sheet(filled: Filled, _: Ground) -> Facts:
    return PersonFacts(sheet=filled.text("sheet"))


def _relative(filled: Filled, ground: Ground) -> Facts:
    """With all who are registered already: the newest list is the one that counts."""
    name = filled.form.one("name")
    number = filled.national("number")
    new = Relative(
        name=name,
        relationship=filled.text("relationship"),
        phone=filled.text("phone"),
        roles=tuple(RelativeRole(role) for role in filled.form.many("roles") if role in _ROLES),
        identifiers=(number,) if number else (),
    )
    others = (one for one in ground.relatives if folded(one.name) != folded(name))
    return PersonFacts(relatives=(*others, new))


def _contact(filled: Filled, ground: Ground) -> Facts:
    receiver = next(iter(to(ACTS[C.FOLLOW_UP], filled, ground)), None)
    days = filled.form.one("interval")
    return FollowUpFacts(
        title=filled.text("title"),
        owner=ground.ref(receiver) if receiver else None,
        interval_days=int(days) if days in _INTERVALS else None,
    )


def _meeting(filled: Filled, ground: Ground) -> Facts:
    """Whose plan it is, is who answers whether there will be one."""
    plan = matter(filled.form.one("matter"), ground, C.PLAN_MEETING)
    owner = plan.owner if plan and plan.owner in ground.directory.parties else None
    return MeetingFacts(
        meeting=MeetingKind.RESTART,
        reason=filled.text("reason"),
        summoned=(ground.ref(owner),) if owner else None,
        plan=known_as(PlanFacts, plan and plan.facts).identifiers,
    )


def _consent(filled: Filled, ground: Ground) -> Facts:
    whom = filled.form.one("whom")
    covers = {one for name in filled.form.many("covers") for one in SCOPES.get(name, ())}
    every = len(covers) == sum(map(len, SCOPES.values()))
    named = whom.removeprefix(PERSON) if whom.startswith(PERSON) else None
    general = named is None and whom in {kind.value for kind in ConsentKind}
    return ConsentFacts(
        consent=ConsentKind(whom) if general else ConsentKind.RELATIVES,
        person=named,
        covers=None if every or not covers else tuple(sorted(covers)),
        until=filled.coming("until"),
    )


def _ended(*, permit: bool) -> Callable[[Filled, Ground], Facts]:
    def facts(filled: Filled, ground: Ground) -> Facts:
        found = ground.provisions(permit=permit)
        which = next((one for one in found if one.record == filled.form.one("which")), None)
        if which is None:
            filled.wrong("which", "choose")
            return ConsentFacts()
        return ConsentFacts(
            consent=which.kind,
            party=which.party,
            person=which.person,
            professional=which.professional,
            document=which.document,
        )

    return facts


def _objected(filled: Filled, ground: Ground) -> Facts:
    key, name = filled.form.one("organisation"), filled.text("professional")
    known = key in ground.directory.parties
    if not known and name is None:
        filled.wrong("professional", "whom")
    if known and name is not None:
        filled.wrong("professional", "one")
    return ConsentFacts(
        consent=ConsentKind.HEALTH_PERSONNEL,
        party=ground.ref(key) if known else None,
        professional=name,
        note=filled.text("note"),
    )


def _change(filled: Filled, _: Ground) -> Facts:
    role = filled.form.one("role")
    known = role in {one.value for one in Role}
    return CoordinatorFacts(role=Role(role) if known else None, reason=filled.text("reason"))


# --- the table

_KE: Final = UNASKED[C.INQUIRY]
_DIRECTED: Final = frozenset((*UNASKED, C.MEASURE_PROPOSED, C.FOLLOW_UP))
_ROLES: Final = (RelativeRole.NEXT_OF_KIN.value, RelativeRole.CARER.value)
_INTERVALS: Final = ("7", "14", "28")


def _registered(ground: Ground) -> Sequence[Field]:
    roles = tuple((role, ground.words.text(f"own.relative-role.{role}")) for role in _ROLES)
    return (
        Field(name="name", required=True),
        Field(name="relationship", help=True),
        Field(name="phone"),
        Field(name="number", help=True),
        Field(name="roles", ask=CHECKS, options=roles),
    )


def _repeating(ground: Ground) -> Sequence[Field]:
    each = tuple((days, ground.words.text(f"own.interval.{days}")) for days in _INTERVALS)
    return (
        Field(name="title", required=True),
        Field(name="interval", ask=SELECT, required=True, options=each),
        *ground.municipality(C.FOLLOW_UP),
    )


def _person(ground: Ground) -> Sequence[Field]:
    known = ground.header.person.sheet or ""
    return (Field(name="sheet", ask=AREA, required=True, value=known, help=True),)


_ALL: Final = (
    Act(code=C.INQUIRY, fields=_question, facts=_inquiry),
    Act(
        code=C.MEASURE_PROPOSED,
        fields=_to_municipality(
            C.MEASURE_PROPOSED,
            Field(name="title", required=True, help=True),
            Field(name="note", ask=AREA),
        ),
        facts=lambda filled, _: MeasureFacts(title=filled.text("title"), note=filled.text("note")),
    ),
    Act(
        code=C.APPLICATION,
        fields=_to_municipality(
            C.APPLICATION,
            Field(name="service", required=True, help=True),
            Field(name="text", ask=AREA, required=True),
        ),
        facts=lambda filled, _: ApplicationFacts(
            service=filled.text("service"), text=filled.text("text")
        ),
    ),
    Act(
        code=C.COMPLAINT,
        fields=_about(C.COMPLAINT, Field(name="text", ask=AREA, required=True, help=True)),
        facts=lambda filled, _: ApplicationFacts(text=filled.text("text")),
        possible=lambda ground: ground.matters(C.COMPLAINT),
    ),
    Act(
        code=C.MEASURE_EVALUATED,
        fields=_about(C.MEASURE_EVALUATED, Field(name="evaluation", ask=AREA, required=True)),
        facts=lambda filled, _: MeasureFacts(evaluation=filled.text("evaluation")),
        possible=lambda ground: ground.matters(C.MEASURE_EVALUATED),
    ),
    Act(
        code=C.PLAN_MEETING,
        fields=_about(C.PLAN_MEETING, Field(name="reason", ask=AREA, required=True)),
        facts=_meeting,
        possible=lambda ground: ground.matters(C.PLAN_MEETING),
    ),
    Act(
        code=C.COORDINATOR_CHANGE_REQUESTED,
        fields=_coordinators,
        facts=_change,
        possible=lambda ground: ground.header.team.batons,
    ),
    Act(code=C.FOLLOW_UP, fields=_repeating, facts=_contact),
    Act(
        code=C.CARER_UNAVAILABLE,
        fields=_to_municipality(
            C.CARER_UNAVAILABLE,
            Field(name="since", ask=DAY, required=True),
            Field(name="until", ask=DAY),
            Field(name="text", ask=AREA, required=True, help=True),
        ),
        facts=_carer,
    ),
    Act(code=C.PERSON_SHEET, fields=_person, facts=_sheet),
    Act(code=C.RELATIVE_REGISTERED, fields=_registered, facts=_relative),
    Act(code=C.CONSENT_GIVEN, fields=_permission, facts=_consent),
    Act(
        code=C.CONSENT_WITHDRAWN,
        fields=_standing(permit=True),
        facts=_ended(permit=True),
        possible=lambda ground: ground.provisions(permit=True),
    ),
    Act(code=C.OBJECTION_REGISTERED, fields=_objection, facts=_objected),
    Act(
        code=C.OBJECTION_WITHDRAWN,
        fields=_standing(permit=False),
        facts=_ended(permit=False),
        possible=lambda ground: ground.provisions(permit=False),
    ),
)
ACTS: Final[Mapping[EventCode, Act]] = {act.code: act for act in _ALL}
"""In the order in which they are offered."""
