"""The broker's own words about a promise: a reminder, an alarm, or that an alarm is withdrawn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import orjson

from fhir_mappings import deadlines
from fhir_mappings.codes import BROKER_NAME, URI
from fhir_mappings.content import content_hash
from fhir_mappings.outbound import write
from pathways.escalation import Step
from pathways.events import Activity, EventCode
from pathways.facts import DeadlineFacts
from pathways.messages import Destination, Message, Patient, stable_id
from pathways.moments import Moment
from pathways.parties import Identifier, Party, PartyRef
from pathways.pathway import Header
from pathways.watched import Sent, Tell, Unjust, Watched

WHY: Final = {
    Unjust.IN_TIME: "Det var gjort i tide, men meldt sent (done in time, told late).",
    Unjust.CANCELLED: "Saken var endret før fristen (the matter had changed before).",
    Unjust.CORRECTED: "Fristen er rettet (the due time is corrected).",
}
"""Why an alarm is taken back, for readers in both languages: a message has one text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What all of the broker's messages about one patient at one moment have in common."""

    patient: Patient
    at: datetime
    base_url: str
    test: bool = False

    def told(self, one: Watched, tell: Tell, to: Iterable[Party], responsible: Party) -> Message:
        """A reminder before it is due, an alarm after. The id follows from the promise and the step."""
        code = EventCode.REMINDER if tell.step is Step.REMINDER else EventCode.DEADLINE_MISSED
        facts = DeadlineFacts(
            promise=one.id,
            kind=str(one.kind),
            step=tell.step.code,
            due=Moment(one.due),
            responsible=_ref(responsible),
            holder=one.holder,
        )
        id_ = stable_id("deadline", one.id, str(one.course.round), tell.step.code)
        receivers = tuple(Destination(_ref(party)) for party in to)
        return self._message(id_, code, facts, receivers)

    def withdrawn(self, one: Watched, alarm: Sent, why: Unjust) -> Message:
        """The alarm is taken back; everyone who had it is told."""
        facts = DeadlineFacts(
            promise=one.id,
            kind=str(one.kind),
            step=alarm.step.code,
            due=Moment(one.due),
            note=WHY[why],
        )
        id_ = stable_id("withdrawn", alarm.message)
        made = self._message(id_, EventCode.DEADLINE_MISSED, facts, ())
        return self._written(replace(made, activity=Activity.CANCEL, target=alarm.message))

    def _message(
        self, id_: str, code: EventCode, facts: DeadlineFacts, to: tuple[Destination, ...]
    ) -> Message:
        return self._written(
            Message(
                id=id_,
                format="carepath",
                envelope=id_,
                content=b"",
                code=code,
                sender=PartyRef((Identifier(URI, self.base_url),), BROKER_NAME.capitalize()),
                happened=Moment(self.at),
                written=self.at,
                destinations=to,
                patient=self.patient,
                keys=tuple(sorted(deadlines.keys(facts.promise))),
                facts=facts,
                test=self.test,
            )
        )

    def _written(self, message: Message) -> Message:
        """With its bytes, as if it had been sent to us."""
        bundle = write(message, base_url=self.base_url)
        return replace(message, content=content_hash(bundle), source=orjson.dumps(bundle))


def _ref(party: Party) -> PartyRef:
    return PartyRef(party.identifiers, party.name)


def described(header: Header, identifiers: Sequence[Identifier]) -> Patient:
    """The patient as far as a receiver needs it to know whom this is about."""
    given = header.demographics.get("given")
    return Patient(
        identifiers=tuple(identifiers),
        family=header.told("family"),
        given=tuple(given.value) if given else (),
        gender=header.told("gender"),
    )
