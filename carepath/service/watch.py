"""The watch: looks at promises when their time comes, reminds, raises alarms and withdraws those that were not just.

Any number of watches work side by side: each claims rows under a lease, and looks at them again with their patients
locked. What is to be told is a message of the broker's own, taken in as any other in the same transaction in which
the row is noted; its id follows from promise, round and step, so nothing is told twice.
"""

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from carepath.service.alerts import Alerting
from carepath.service.answers import Verdict
from carepath.service.directory import Parties
from carepath.service.effects import Effects
from carepath.service.handle import ServiceOptions
from carepath.service.intake import Intake
from carepath.service.promised import Promised, promised
from carepath.service.terms import NORWAY, Agreed
from carepath.store import promises
from carepath.store.arrivals import Arrival, PatientState
from carepath.store.database import Connection, Database, out_of_reach
from carepath.store.failpoints import reached
from carepath.store.promises import Claimed
from carepath.store.times import micros
from carepath.store.unit import Unit
from fhir_mappings.alarms import Voice, described
from fhir_mappings.codes import BROKER_NAME
from pathways.coordination import holders
from pathways.doors import ke_of
from pathways.escalation import Escalation, Step
from pathways.events import EventCode
from pathways.messages import Message
from pathways.parties import Directory, Kind, Party
from pathways.threads import keys_of
from pathways.watched import Sent, Tell, Watched, Withdraw, alarmed, look, noted

log = structlog.get_logger()

BROKER: Final = Party(key=BROKER_NAME, name=BROKER_NAME.capitalize(), kind=Kind.OTHER)
"""Who speaks when we do: in no directory, and nobody else can be it."""
AT_ONCE: Final = 50
LEASE: Final = timedelta(minutes=1)


Change = Callable[[Watched, Escalation], Watched]


@dataclass(frozen=True, slots=True)
class _Said:
    """A message that is to be sent about a promise."""

    message: Message
    to: tuple[str, ...]


@dataclass(slots=True)
class Watch:
    """Looks at what is due. ``alerting``: how people are called, if at all."""

    database: Database
    options: ServiceOptions
    alerting: Alerting = field(default_factory=Alerting)
    holder: str = field(default_factory=lambda: secrets.token_hex(8))
    _parties: Parties = field(init=False)
    _agreed: Agreed = field(init=False, default_factory=Agreed)

    def __post_init__(self) -> None:
        self._parties = Parties(self.database, open_mode=False)

    def round(self) -> int:
        """Look at some of what is due; how many promises that were. Raises the database's fault when it is away.

        After an upgrade it waits for ``carepath rebuild``.
        """
        now = self.options.now()
        with self.database.read() as connection:
            idle = not promises.known(connection) or not promises.waiting(connection, micros(now))
        if idle:
            return 0
        with self.database.write() as connection:
            until = micros(now + LEASE)
            claimed = promises.claim(
                connection, self.holder, micros(now), until=until, limit=AT_ONCE
            )
        reached("watch_after_claim")
        self._look_at(claimed, now)
        return len(claimed)

    def _look_at(self, claimed: Sequence[Claimed], now: datetime) -> None:
        """One transaction; what cannot be looked at is left until its lease ends, and holds up nothing else."""
        if not claimed:
            return
        try:
            with self.database.write() as connection:
                self._look(connection, claimed, now)
                reached("watch_before_commit")
        except Exception as fault:
            if out_of_reach(fault):
                raise
            if len(claimed) == 1:
                log.exception("promise not looked at", promise=claimed[0].id)
                return
            for one in claimed:
                self._look_at([one], now)
        reached("watch_after_commit")

    def _look(self, connection: Connection, claimed: Sequence[Claimed], now: datetime) -> None:
        unit, effects = self.begin(connection, claimed, now)
        due = promises.held(connection, self.holder, [one.id for one in claimed])
        settled = effects.promised.settled(due)
        said = self._said(unit, effects.promised, [one for one in due if one.id not in settled])
        arrivals = [_arrival(one, whose) for one, whose in said]
        unit.load(arrivals)
        intake = self._intake(unit, effects)
        for arrival in arrivals:
            answer = intake.take(arrival)
            if answer.verdict not in (Verdict.ACCEPTED, Verdict.DUPLICATE):
                raise RuntimeError(f"our own message was {answer.verdict}")
        end(unit, effects, {one.thread for one in due})

    def change(self, id_: str, how: Change) -> Watched | None:
        """What people do about a promise; how it stands since. ``None``: there is no such one."""
        now = self.options.now()
        with self.database.write() as connection:
            found = promises.show(connection, id_)
            if found is None:
                return None
            claimed = Claimed(id_, found.thread, found.patient)
            unit, effects = self.begin(connection, [claimed], now)
            one = promises.show(connection, id_) or found
            after = how(one, effects.promised.escalation)
            effects.promised.looked(after)
            end(unit, effects, {after.thread})
            return after

    def directory(self, connection: Connection) -> Directory:
        """Everybody who is known now."""
        self._parties.refresh(connection)
        return self._parties.current

    def begin(
        self, connection: Connection, claimed: Sequence[Claimed], now: datetime
    ) -> tuple[Unit, Effects]:
        """With the patients locked, and the broker as one of those who may speak."""
        self._parties.refresh(connection)
        self._agreed.refresh(connection)
        unit = Unit(connection, self.database.keys, now)
        promises.lock(unit, claimed)
        known = self._parties.current
        kept = promised(unit, known, self._agreed.current)
        speaking = Directory({**known.parties, BROKER.key: BROKER})
        return unit, Effects(unit, speaking, self.options.base_url, kept)

    def _intake(self, unit: Unit, effects: Effects) -> Intake:
        options = self.options
        return Intake(
            unit, effects.directory, effects, options.base_url, options.clock_skew, open_mode=False
        )

    # what is to be said

    def _said(
        self, unit: Unit, kept: Promised, due: Collection[Watched]
    ) -> list[tuple[_Said, str]]:
        """What is to be told of each, with the patient it is about; how each stands since is kept."""
        identifiers = unit.identifiers({one.patient for one in due})
        tests = promises.tests(unit, identifiers)
        matters = promises.of_threads(unit.connection, {one.thread for one in due})
        stand = {one.id: one for some in matters.values() for one in some}
        said: list[tuple[_Said, str]] = []
        for one in due:
            patient = unit.patients[one.patient]
            others = (stand[o.id] for o in matters[one.thread] if o.id != one.id)
            know = alarmed(others, unit.now)
            after, what = look(one, kept.escalation, unit.now, self._top(patient, unit.now), know)
            voice = Voice(
                patient=described(patient.header, identifiers[one.patient]),
                at=unit.now,
                base_url=self.options.base_url,
                test=one.patient in tests,
            )
            made, after = self._put(voice, after, what)
            kept.looked(after)
            stand[one.id] = after
            said += [(message, one.patient) for message in made]
            if isinstance(what, Tell) and what.step is not Step.REMINDER:
                self.alerting.alert(
                    unit.connection, self._parties.current, after, what.to, unit.now
                )
        return said

    def _put(
        self, voice: Voice, one: Watched, what: Tell | Withdraw | None
    ) -> tuple[list[_Said], Watched]:
        if what is None:
            return [], one
        if isinstance(what, Withdraw):
            said = [_Said(voice.withdrawn(one, alarm, what.why), ()) for alarm in what.alarms]
            return said, one
        to = tuple(key for key in what.to if key != BROKER.key)
        message = voice.told(one, what, map(self._party, to), self._party(one.responsible))
        sent = Sent(message.id, what.step, what.to, voice.at)
        is_alarm = message.code is EventCode.DEADLINE_MISSED
        return [_Said(message, to)], noted(one, sent) if is_alarm else one

    def _party(self, key: str) -> Party:
        return self._parties.current.parties.get(key) or replace(BROKER, key=key)

    def _top(self, patient: PatientState, at: datetime) -> tuple[str, ...]:
        """The coordinator whom the patient calls first, and the coordinating unit of the municipality."""
        header = patient.header
        keys = (hand.key for _, hand in holders(header.team, at, NORWAY.zone))
        number = header.municipality
        ke = ke_of(self._parties.current, number, at) if number else None
        found = (next((key for key in keys if key), None), ke.key if ke else None)
        return tuple(dict.fromkeys(filter(None, found)))


def end(unit: Unit, effects: Effects, threads: Collection[str]) -> None:
    """Write what follows in these matters, with the Tasks of what is promised there."""
    for thread in unit.stored_threads(threads):
        effects.show(thread, (), whole=False)
    effects.keep_promises()
    effects.keep_versions()
    unit.flush()


def _arrival(said: _Said, patient: str) -> Arrival:
    keys = keys_of(said.message, BROKER.key, None)
    return Arrival(said.message, BROKER.key, keys, patient=patient, to=said.to)
