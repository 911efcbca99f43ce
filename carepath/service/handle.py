"""``handle``: many messages, one transaction, one answer each.

What is wrong with one message never fails its neighbours: unreadable ones take no part in what the others do, and
when the transaction itself fails, the batch is halved until the guilty one stands alone.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import structlog

from carepath.service import answers, senders
from carepath.service.answers import Answer, Submission, Verdict
from carepath.service.directory import Parties
from carepath.service.effects import Effects
from carepath.service.intake import Intake
from carepath.service.named import named
from carepath.service.promised import promised
from carepath.service.restricted import Restricted
from carepath.service.streamed import Streamed
from carepath.service.terms import Agreed
from carepath.store import parked, positions
from carepath.store.arrivals import Arrival
from carepath.store.database import TRANSIENT, Connection, Database, out_of_reach
from carepath.store.failpoints import reached
from carepath.store.unit import Unit
from fhir_mappings.formats import media_type
from fhir_mappings.inbound import Options, read
from pathways.events import RULES
from pathways.messages import Message
from pathways.refusals import Reason, Refusal, refuse
from pathways.threads import keys_of

log = structlog.get_logger()

TRIES = 5
"""How often a batch is tried when the database reports a passing fault."""


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """It is no message, or nobody's who may send it."""

    refusal: Refusal
    message_id: str | None = None


Reading = Message | TurnedAway
Readings = Sequence[tuple[Submission, Reading]]
GiveUp = Callable[[Readings, datetime, Exception], list[Answer]]


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions:
    """What an installation decides. ``base_url`` is its FHIR address.

    ``quiet``: it takes over what went before; nobody is told of it, and what is overdue raises no alarm.
    """

    base_url: str = "http://127.0.0.1:8000/fhir"
    open_mode: bool = True
    accept_synthetic: bool = True
    clock_skew: timedelta = timedelta(minutes=5)
    quiet: bool = False
    now: Callable[[], datetime] = _utc_now


@dataclass(slots=True)
class Service:
    """The application: takes messages in. One instance may be used by one thread at a time."""

    database: Database
    options: ServiceOptions = field(default_factory=ServiceOptions)
    _parties: Parties = field(init=False)
    _agreed: Agreed = field(init=False, default_factory=Agreed)
    _some_due: bool = field(init=False, default=True)  # another process may have left some

    def __post_init__(self) -> None:
        self._parties = Parties(self.database, self.options.open_mode)

    def handle(self, batch: Sequence[Submission]) -> list[Answer]:
        """Take messages in, all or each refused with its reason; raises nothing for what was sent."""
        return self._take(batch, self._turned_back)

    def receive(self, batch: Sequence[Submission]) -> list[Answer]:
        """Take in what came in streams, each with its ``origin``; what the senders are told is in their feeds.

        Raises the database's fault when it is out of reach, and ``positions.Skipped`` when something before these
        was not taken in: nothing may be left out, so try all of it again.
        """
        return self._take(batch, self._set_aside)

    def _take(self, batch: Sequence[Submission], give_up: GiveUp) -> list[Answer]:
        now = self.options.now()
        readings = [(submission, self._read(submission, now)) for submission in batch]
        reached("after_parse")
        self._parties.enter([r for _, r in readings if isinstance(r, Message)], now)
        if any(senders.is_citizen(submission.actor) for submission in batch):
            self._parties.enter_party(senders.PEOPLE, now)
        answered = self._commit(readings, now, give_up) if readings else []
        self.place_due()
        return answered

    def place_due(self) -> None:
        """What waited for a matter nobody knew is tried again as soon as the matter is there.

        What is due is in the database: should we end before it is placed, the next process places it.
        """
        if not self._some_due:
            return
        self._some_due = False
        with self.database.read() as connection:
            due = parked.due(connection)
        for id_ in due:
            answer = self.retry(id_)
            self._some_due |= answer is not None and answer.status >= 500

    def retry(self, id_: str) -> Answer | None:
        """Take a parked message in once more; ``None`` when no open one has the id."""
        with self.database.read() as connection:
            found, source = parked.show(connection, id_), parked.source(connection, id_)
        if found is None or source is None or found.state is not parked.State.OPEN:
            return None
        (answer,) = self.handle([Submission(source, found.media_type, found.sender, again=id_)])
        with self.database.write() as connection:
            if state := _settled(found, answer):
                parked.close(connection, id_, state)
            elif answer.status < 500:
                parked.wait_on(connection, id_)
        return answer

    def _read(self, submission: Submission, now: datetime) -> Reading:
        options = Options(
            received=now,
            accept_synthetic=self.options.accept_synthetic,
            base_url=self.options.base_url,
        )
        found = read(submission.source, options)
        return TurnedAway(found) if isinstance(found, Refusal) else found

    def _arrival(
        self, submission: Submission, message: Message, now: datetime
    ) -> Arrival | Refusal:
        """Who sends it: the organisation that acts must be the sender, its parent or a unit of the same."""
        directory = self._parties.current
        sender = self._parties.find(message.sender, now)
        where = "Bundle.entry[0].resource.sender"
        if RULES[message.code].ours:
            at = "Bundle.entry[0].resource.eventCoding"
            return refuse(Reason.FORBIDDEN, "forbidden", "only the broker sends this", at)
        if sender is None:
            return refuse(
                Reason.FORBIDDEN, "forbidden", "the sender is not in the directory", where
            )
        if refused := senders.objection(submission.actor, sender, message, directory):
            return refused
        citizen = submission.actor if senders.is_citizen(submission.actor) else None
        if citizen:
            message = senders.by_citizen(message, citizen)
        acting = submission.organisation
        if acting is not None and acting != sender.key:
            party = directory.parties.get(acting)
            for_it = party is not None and sender.key in party.acts_for
            if not directory.same_house(acting, sender.key) and not for_it:
                text = "the message names another sender than the organisation that sends it"
                return refuse(Reason.FORBIDDEN, "forbidden", text, where)
        keys = keys_of(message, sender.key, directory.root(sender.key))
        kind, after = media_type(submission.source), submission.after
        return Arrival(message, sender.key, keys, kind, citizen=citizen, after=after)

    def _commit(self, readings: Readings, now: datetime, give_up: GiveUp) -> list[Answer]:
        """One transaction; on a fault that is not the database's own, each half by itself."""
        try:
            return self._with_patience(readings, now)
        except positions.Skipped:  # nobody's fault here, and no smaller batch would help
            raise
        except Exception as fault:
            away = out_of_reach(fault)
            if len(readings) == 1 or away:
                log.exception("not taken in", fault=type(fault).__name__, messages=len(readings))
                return give_up(readings, now, fault)
        middle = len(readings) // 2
        first = self._commit(readings[:middle], now, give_up)
        return first + self._commit(readings[middle:], now, give_up)

    def _turned_back(self, readings: Readings, _now: datetime, _fault: Exception) -> list[Answer]:
        """Whoever waits for the answer can send it again."""
        return [_refused(_failed(reading)) for _, reading in readings]

    def _set_aside(self, readings: Readings, now: datetime, fault: Exception) -> list[Answer]:
        """Nobody waits: parked, so that what comes after it is not held up."""
        if out_of_reach(fault):
            raise fault
        return self._with_patience([(s, _failed(reading)) for s, reading in readings], now)

    def _with_patience(self, readings: Readings, now: datetime) -> list[Answer]:
        turned_away = [r for s, r in readings if isinstance(r, TurnedAway) and not s.origin]
        if len(turned_away) == len(readings):  # nothing to write
            return [_refused(reading) for reading in turned_away]
        for attempt in range(TRIES - 1):
            try:
                return self._transaction(readings, now)
            except TRANSIENT:
                time.sleep(0.05 * 2**attempt)
        return self._transaction(readings, now)

    def _transaction(self, readings: Readings, now: datetime) -> list[Answer]:
        with self.database.write() as connection:
            self._parties.refresh(connection)
            self._agreed.refresh(connection)
            batch = [(s, self._arrived(s, r, now)) for s, r in _named(connection, readings)]
            unit = Unit(connection, self.database.keys, now)
            unit.load([arrival for _, arrival in batch if isinstance(arrival, Arrival)])
            given = self._answers(unit, batch)
            positions.advance(connection, [s.origin for s, _ in readings if s.origin])
            awakened = parked.awaken(connection, unit.new_matters)
            reached("before_commit")
        self._some_due |= awakened
        return given

    def _answers(
        self, unit: Unit, batch: Sequence[tuple[Submission, Arrival | TurnedAway]]
    ) -> list[Answer]:
        directory, base_url = self._parties.current, self.options.base_url
        kept = promised(unit, directory, self._agreed.current, quiet=self.options.quiet)
        effects = Effects(unit, directory, base_url, kept)
        topics = {submission.origin.topic for submission, _ in batch if submission.origin}
        streamed = Streamed(unit, directory, base_url, positions.load(unit.connection, topics))
        intake = Intake(
            unit, directory, effects, base_url, self.options.clock_skew, self.options.open_mode
        )
        given = []
        for submission, arrival in batch:
            if isinstance(arrival, TurnedAway):
                answer = _refused(arrival)
                if submission.origin:
                    streamed.turned_away(submission, arrival.refusal, arrival.message_id)
            else:
                taken = intake.take(arrival, again=submission.again is not None)
                answer = replace(taken, format=arrival.message.format)
                if submission.origin:
                    streamed.answered(submission, arrival, answer)
                if submission.again:
                    streamed.answered_later(submission.again, arrival, answer)
            given.append(answer)
        effects.keep_promises()
        effects.keep_versions()
        unit.flush()
        Restricted(unit, directory).keep(effects.matters)
        return given

    def _arrived(
        self, submission: Submission, reading: Reading, now: datetime
    ) -> Arrival | TurnedAway:
        """What could be read, from somebody who may send it."""
        if isinstance(reading, TurnedAway):
            return reading
        arrival = self._arrival(submission, reading, now)
        return _turned_away(arrival, reading) if isinstance(arrival, Refusal) else arrival


def _named(connection: Connection, readings: Readings) -> Readings:
    """The same, with the keys of matters that are named by the ids that they have here."""
    told = iter(named(connection, [r for _, r in readings if isinstance(r, Message)]))
    return [(s, next(told) if isinstance(r, Message) else r) for s, r in readings]


def _failed(reading: Reading) -> TurnedAway:
    """What becomes of it when we cannot take it in; what is wrong by itself stays so."""
    return reading if isinstance(reading, TurnedAway) else _turned_away(_FAULT, reading)


def _turned_away(refusal: Refusal, message: Message) -> TurnedAway:
    return TurnedAway(replace(refusal, format=message.format), message.id)


def _refused(away: TurnedAway) -> Answer:
    return answers.refused(away.refusal, away.message_id)


def _settled(found: parked.Parked, answer: Answer) -> parked.State | None:
    """Where a parked message stands after another try; ``None``: it waits on.

    A request gets its verdict once: refused when its matter is known, it is not judged again.
    """
    if answer.verdict in (Verdict.ACCEPTED, Verdict.DUPLICATE):
        return parked.State.PLACED
    judged = answer.verdict is Verdict.REFUSED and answer.status < 500
    return parked.State.DROPPED if judged and found.reason == "unknown-matter" else None


_FAULT = refuse(
    Reason.TRANSIENT, "exception", "something went wrong on our side; send it again", "Bundle"
)
