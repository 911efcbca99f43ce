"""One message: who it is about, where it goes, what the rules say, and all that follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from carepath.service import answers
from carepath.service.addressing import Addressing
from carepath.service.answers import Answer, Verdict
from carepath.service.directory import keys_named
from carepath.service.effects import Effects
from carepath.service.pointed import pointed
from carepath.service.repeats import Conflict, Repeat, repeated
from carepath.service.senders import newcomer, out_of_sight, role_in
from carepath.store.arrivals import Arrival, PatientState, Seen
from carepath.store.sights import sights
from carepath.store.times import instant, micros
from carepath.store.unit import Unit
from fhir_mappings.options import OSLO
from pathways.consents import relatives_told
from pathways.corrections import CORRECTIONS, Mark, standing
from pathways.decide import Case, Parked, decide
from pathways.events import EventCode
from pathways.facts import PersonFacts, ReceiptFacts, known_as
from pathways.messages import Message, Patient, Record, stable_id
from pathways.parties import Directory, Party
from pathways.pathway import Header, Thread, evolve, fits_last, fold, header_told, header_with
from pathways.recipients import (
    ENDS_AT_KE,
    NAMES_RELATIVES,
    Recipient,
    Setting,
    recipients,
)
from pathways.refusals import Cause, Issue, Reason, Refusal, no, refuse
from pathways.sight import Sight
from pathways.threads import Place, begin, place

_MISADDRESSED: Final = Issue(
    "not-found",
    "a receiver is not in the directory: the coordinating unit of the patient's municipality was told instead",
    "Bundle.entry[0].resource.destination",
    "warning",
)
_OVERTAKEN: Final = no(
    Cause.CHANGED_MEANWHILE, "somebody else has changed the matter since it was read"
)
_UNREACHABLE: Final = refuse(
    Reason.UNKNOWN_RECEIVER,
    "not-found",
    "a receiver is not in the directory, and the patient's municipality is not known either",
    "Bundle.entry[0].resource.destination",
)
_WITHOUT_EFFECT: Final = Issue(
    "business-rule",
    "the correction is kept, but has no effect now: its target is not known, or is somebody else's",
    "Bundle.entry[0].resource",
    "warning",
)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a message goes: its place, the threads as they were, and whom it asks to act."""

    place: Place
    before: Thread | None
    asked: str | None
    ke: Party | None = None  # gets the envelope of what is addressed to nobody known


@dataclass(slots=True)
class Intake:
    """Takes the messages of a batch in, one after the other, within one unit of work."""

    unit: Unit
    directory: Directory
    effects: Effects
    base_url: str
    clock_skew: timedelta
    open_mode: bool

    def take(self, arrival: Arrival, *, again: bool = False) -> Answer:
        """The definitive answer to one message; everything it causes is in the unit of work."""
        match repeated(self.unit, arrival, again=again):
            case Repeat(seen):
                return self._answer(Verdict.DUPLICATE, seen, self._receipt(arrival, seen), None)
            case Conflict(refusal):
                self._keep_aside(arrival, "conflict", None)
                return answers.refused(refusal, arrival.message.id)
            case Refusal() as refusal:
                return answers.refused(refusal, arrival.message.id)
            case None:
                return self._process(arrival)

    def _receipt(self, arrival: Arrival, seen: Seen) -> bytes:
        """As it was given then; made again, with the same ids, when it is no longer kept."""
        given = self.unit.receipt(seen)
        gone = not given and seen.status == 200
        return (
            answers.accepted(arrival, base_url=self.base_url, at=self.unit.now) if gone else given
        )

    def _process(self, arrival: Arrival) -> Answer:
        message = arrival.message
        if isinstance(message.facts, ReceiptFacts) or message.patient is None:
            return self._acknowledge(arrival)
        found = self.unit.find_patients(arrival)
        if len(found) > 1 and not self.unit.linked(found):
            return self._park(arrival, "identity-conflict", None)
        patient = found[0] if found else None
        if patient:
            arrival = pointed(self.unit, arrival, patient, self.directory.root(arrival.sender))
        sight = self._sight(arrival, patient)
        if arrival.citizen and (refused := out_of_sight(arrival, sight)):
            return self._refuse(arrival, refused)
        arrival = replace(arrival, role=role_in(sight) if arrival.citizen else None)
        spot = self._judge(arrival, patient)
        if isinstance(spot, Refusal):
            return self._refuse(arrival, spot)
        if isinstance(spot, Parked):
            return self._park(arrival, spot.reason, self._known(arrival, patient))
        whose = patient or self.unit.create_patient()
        told = Patient() if arrival.patient else message.patient  # what we say is nothing new
        return self._keep(arrival, told, whose, spot)

    def _sight(self, arrival: Arrival, patient: PatientState | None) -> Sight | None:
        """What a citizen sees of the patient they speak of."""
        if arrival.citizen is None:
            return None
        if patient is None:
            told = arrival.message.patient
            return newcomer(arrival.citizen, told.identifiers if told else (), self.unit.now)
        seen = sights(self.unit.connection, self.unit.keys, arrival.citizen, self.unit.now)
        return next((one for one in seen if one.patient == patient.key), None)

    def _acknowledge(self, arrival: Arrival) -> Answer:
        """A receipt is never answered; one for a message that was never sent is kept as unmatched."""
        facts = arrival.message.facts
        if arrival.message.code is not EventCode.ACKNOWLEDGEMENT or not isinstance(
            facts, ReceiptFacts
        ):
            return self._refuse(
                arrival, refuse(Reason.FORBIDDEN, "forbidden", "only the broker sends this")
            )
        read = facts.read_by_person is True
        if facts.about and self.unit.confirm(
            arrival, facts.about, facts.response or "ok", read=read
        ):
            return self._settle(arrival, Verdict.ACCEPTED, 204, b"", None)
        return self._park(arrival, "unmatched-receipt", None)

    def _known(self, arrival: Arrival, patient: PatientState | None) -> PatientState:
        """Whom a waiting message is about, so that it is found again when there is news of them."""
        whose = patient or self.unit.create_patient()
        told = arrival.message.patient
        self.unit.add_identifiers(whose, arrival, told.identifiers if told else ())
        return whose

    # the rules

    def _judge(self, arrival: Arrival, patient: PatientState | None) -> Spot | Refusal | Parked:
        message = arrival.message
        joins = self._joins(arrival, patient) if patient else []
        where = place(patient.key if patient else "", message.family, arrival.keys, joins)
        before = next((t for t in joins if t.id == where.id), joins[0] if joins else None)
        addressing, header = self._addressing, patient.header if patient else Header()
        asked = addressing.asked(message)
        lost = not arrival.to and not addressing.reaches_all(message, asked)
        if asked is None and before is None and not lost:
            asked = addressing.unasked(message, header)
        asked = asked or addressing.coordinating(message, arrival.sender, header)
        spot = Spot(where, before, asked, addressing.ke(message, header) if lost else None)
        case = Case(
            message=message,
            sender=arrival.sender,
            asked=spot.asked,
            thread=before,
            directory=self.directory,
            now=self.unit.now,
            clock_skew=self.clock_skew,
            header=header,
        )
        if _overtaken(arrival, before):
            return _OVERTAKEN
        return decide(case) or (_UNREACHABLE if lost and spot.ke is None else spot)

    @property
    def _addressing(self) -> Addressing:
        return Addressing(self.directory, self.unit.now, self.open_mode)

    def _joins(self, arrival: Arrival, patient: PatientState) -> list[Thread]:
        family = arrival.message.family
        ids = {patient.keys.get(self.unit.blind_key(family, key)) for key in arrival.keys}
        return [patient.threads[id_] for id_ in sorted(filter(None, ids))]

    # keeping it

    def _keep(self, arrival: Arrival, told: Patient, patient: PatientState, spot: Spot) -> Answer:
        """The event, the thread's and the header's new state, grants, deliveries, the receipt."""
        unit, before = self.unit, patient.header
        where = (
            spot.place
            if spot.before
            else place(patient.key, arrival.message.family, arrival.keys, ())
        )
        draft = self._record(arrival, patient, spot, told)
        history = self._history(draft, where, spot.before)
        header = header_told(before, draft)
        told_of_it = self._recipients(arrival, spot, header, history or ())
        record = replace(draft, receivers=tuple(recipient.party for recipient in told_of_it))
        thread = self._thread(record, where, spot.before, history)
        joined = [t for t in where.joins if t.id != where.id]
        patient.header = header_with(header, thread, [t.id for t in joined])
        unit.add_identifiers(patient, arrival, told.identifiers)
        unit.keep_thread(thread, arrival.keys, joined)
        unit.keep_record(record, thread.id)
        self.effects.show(
            thread,
            [*(history or ()), record],
            whole=spot.before is None or history is not None,
            instead_of=[t.id for t in joined],
        )
        self._link(arrival, patient, thread)
        self.effects.deliver(record, thread, patient, before, told_of_it, arrival.message)
        warnings = self._warnings(record, history)
        if spot.ke is not None:
            self.effects.misaddressed(record, spot.ke.key)
            warnings.append(_MISADDRESSED)
        receipt = answers.accepted(arrival, base_url=self.base_url, at=unit.now, warnings=warnings)
        return self._settle(arrival, Verdict.ACCEPTED, 200, receipt, patient)

    def _record(self, arrival: Arrival, patient: PatientState, spot: Spot, told: Patient) -> Record:
        message = arrival.message
        sender = self.directory.parties[arrival.sender]
        ends_at_ke = message.code in ENDS_AT_KE
        ke = self._addressing.ke(message, patient.header) if ends_at_ke else None
        return Record(
            id=arrival.id,
            patient=patient.key,
            message_id=message.id,
            code=message.code,
            activity=message.activity,
            target=message.target,
            sender=sender.key,
            sender_name=sender.name,
            sender_function=sender.function,
            sender_root=self.directory.root(sender.key),
            author=message.author,
            happened=message.happened,
            written=message.written,
            received=patient.next_received(self.unit.now),
            keys=message.keys,
            facts=message.facts,
            told=told.told(self._gp(told)),
            asked=spot.asked,
            relatives=self._relatives(message, patient.header),
            matter=message.matter,
            ke=ke.key if ke else None,
            named=keys_named(self.directory, message, self.unit.now),
            markings=message.markings,
            citizen=arrival.role,
            person=arrival.citizen.person if arrival.citizen else None,
        )

    def _history(self, record: Record, where: Place, before: Thread | None) -> list[Record] | None:
        """All earlier records of the thread, read only when the new one does not simply come last."""
        if before is None or (not where.moved and fits_last(before, record)):
            return None
        return self.unit.history([thread.id for thread in where.joins])

    def _thread(
        self, record: Record, where: Place, before: Thread | None, history: list[Record] | None
    ) -> Thread:
        if before is not None and history is None:
            return evolve(before, record)
        blank = begin(where, record.patient, record.family)
        return fold(blank, [*(history or ()), record])

    def _recipients(
        self, arrival: Arrival, spot: Spot, header: Header, history: Sequence[Record]
    ) -> tuple[Recipient, ...]:
        message = arrival.message
        found = ((self._addressing.find(d.party), d.copy) for d in message.destinations)
        named = tuple((party.key, copy) for party, copy in found if party)
        setting = Setting(
            message=message,
            sender=arrival.sender,
            asked=spot.asked,
            addressed=tuple((key, False) for key in arrival.to) or named,
            before=spot.before,
            header=header,
            directory=self.directory,
            at=self.unit.now,
            zone=OSLO,
            corrected=_corrected(message, history),
        )
        return recipients(setting)

    def _relatives(self, message: Message, header: Header) -> tuple[str, ...]:
        """Whom the patient lets know of it, by name."""
        if message.code not in NAMES_RELATIVES:
            return ()
        told = relatives_told(header.person.relatives, header.consents, self.unit.now, OSLO)
        return tuple(relative.name for relative in told)

    def _gp(self, patient: Patient) -> str | None:
        party = self._addressing.find(patient.gp) if patient.gp else None
        return party.key if party else None

    def _link(self, arrival: Arrival, patient: PatientState, thread: Thread) -> None:
        """Let the patient be known as others, too; keys are never changed."""
        if arrival.message.code not in (EventCode.IDENTITY_LINKED, EventCode.IDENTITY_UNLINKED):
            return
        linked = known_as(PersonFacts, thread.facts).linked
        others = [self.unit.bearer(identifier, arrival) for identifier in linked or ()]
        self.unit.link(patient, {other.key for other in others} - {patient.key})

    def _warnings(self, record: Record, history: list[Record] | None) -> list[Issue]:
        if record.activity not in CORRECTIONS:
            return []
        marks = standing([*(history or ()), record]).marks.get(record.id, frozenset())
        return [_WITHOUT_EFFECT] if Mark.WITHOUT_EFFECT in marks else []

    # verdicts

    def _refuse(self, arrival: Arrival, refusal: Refusal) -> Answer:
        made = answers.refused(refusal, arrival.message.id)
        settled = self._settle(arrival, Verdict.REFUSED, made.status, made.body, None)
        return replace(settled, refusal=refusal)

    def _park(self, arrival: Arrival, reason: str, patient: PatientState | None) -> Answer:
        """Authentic, but it cannot be placed: kept with its reason, and tried again when it can."""
        self._keep_aside(arrival, reason, patient)
        kept = self._settle(arrival, Verdict.PARKED, 202, answers.custody(reason), patient)
        return replace(kept, parked=reason)

    def _keep_aside(self, arrival: Arrival, reason: str, patient: PatientState | None) -> None:
        message = arrival.message
        self.unit.park(
            id=parked_id(arrival),
            reason=reason,
            sender=arrival.sender,
            message_id=message.id,
            patient=patient.key if patient else None,
            media_type=arrival.media_type,
            source=message.source,
        )

    def _settle(
        self,
        arrival: Arrival,
        verdict: Verdict,
        status: int,
        body: bytes,
        patient: PatientState | None,
    ) -> Answer:
        message = arrival.message
        told = (message.envelope, message.content, verdict, status, micros(self.unit.now))
        seen = Seen(arrival.id, arrival.key, *told)
        key = patient.key if patient else None
        self.unit.keep_inbox(arrival, seen, body, key)
        return self._answer(verdict, seen, body, key)

    def _answer(self, verdict: Verdict, seen: Seen, body: bytes, patient: str | None) -> Answer:
        return Answer(
            verdict=verdict,
            status=seen.status,
            body=body,
            at=instant(seen.at),
            message_id=seen.key[2],
            event_id=seen.id,
            patient=patient,
        )


def _overtaken(arrival: Arrival, thread: Thread | None) -> bool:
    """Whether somebody has told something of the matter that the sender did not know of."""
    newest = thread.last[-1] if thread and thread.last else None
    return arrival.after is not None and arrival.after != newest


def parked_id(arrival: Arrival) -> str:
    """What a parked message is known by: the same content of the same message is parked once."""
    return stable_id("parked", *arrival.key, arrival.message.content.hex())


def _corrected(message: Message, history: Sequence[Record]) -> tuple[Record, ...]:
    """The messages a correction is about: the one it names, else all of its kind."""
    if message.activity not in CORRECTIONS:
        return ()
    named = tuple(record for record in history if record.message_id == message.target)
    return named or tuple(record for record in history if record.code is message.code)
