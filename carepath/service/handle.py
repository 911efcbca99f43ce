"""``handle``: many messages, one transaction, one answer each.

What is wrong with one message never fails its neighbours: unreadable ones never reach the transaction, and when
the transaction itself fails, the batch is halved until the guilty one stands alone.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from carepath.service import answers
from carepath.service.answers import Answer, Submission, Verdict
from carepath.service.directory import Parties
from carepath.service.effects import Effects
from carepath.service.intake import Intake
from carepath.store import parked
from carepath.store.arrivals import Arrival
from carepath.store.database import TRANSIENT, Database, Unreachable
from carepath.store.unit import Unit
from fhir_mappings.inbound import Options, read
from pathways.messages import Message
from pathways.refusals import Reason, Refusal, refuse
from pathways.threads import keys_of

log = structlog.get_logger()

TRIES = 5
"""How often a batch is tried when the database reports a passing fault."""


Readable = tuple[Submission, Message]


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions:
    """What an installation decides. ``base_url`` is its FHIR address."""

    base_url: str = "http://127.0.0.1:8000/fhir"
    open_mode: bool = True
    accept_synthetic: bool = True
    clock_skew: timedelta = timedelta(minutes=5)
    now: Callable[[], datetime] = _utc_now


@dataclass(slots=True)
class Service:
    """The application: takes messages in. One instance may be used by one thread at a time."""

    database: Database
    options: ServiceOptions = field(default_factory=ServiceOptions)
    _parties: Parties = field(init=False)
    _waiting: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._parties = Parties(self.database, self.options.open_mode)

    def handle(self, batch: Sequence[Submission]) -> list[Answer]:
        """Take messages in, all or each refused with its reason; raises nothing for what was sent."""
        now = self.options.now()
        readings = [self._read(submission, now) for submission in batch]
        readable = [
            (submission, reading)
            for submission, reading in zip(batch, readings, strict=True)
            if isinstance(reading, Message)
        ]
        self._parties.enter([message for _, message in readable], now)
        given = iter(self._commit(readable, now) if readable else ())
        answered = [
            answers.refused(reading) if isinstance(reading, Refusal) else next(given)
            for reading in readings
        ]
        self._retry_waiting()
        return answered

    def _retry_waiting(self) -> None:
        """What waited for a matter nobody knew is tried again as soon as the matter is there."""
        waiting, self._waiting = self._waiting, []
        for id_ in waiting:
            self.retry(id_)

    def retry(self, id_: str) -> Answer | None:
        """Take a parked message in once more; ``None`` when no open one has the id."""
        with self.database.read() as connection:
            found, source = parked.show(connection, id_), parked.source(connection, id_)
        if found is None or source is None or found.state is not parked.State.OPEN:
            return None
        (answer,) = self.handle([Submission(source, found.media_type, again=True)])
        if state := _settled(found, answer):
            with self.database.write() as connection:
                parked.close(connection, id_, state)
        return answer

    def _read(self, submission: Submission, now: datetime) -> Message | Refusal:
        options = Options(
            received=now,
            accept_synthetic=self.options.accept_synthetic,
            base_url=self.options.base_url,
        )
        return read(submission.source, options)

    def _arrival(
        self, submission: Submission, message: Message, now: datetime
    ) -> Arrival | Refusal:
        """Who sends it: the organisation that acts must be the sender, its parent or a unit of the same."""
        directory = self._parties.current
        sender = self._parties.find(message.sender, now)
        where = "Bundle.entry[0].resource.sender"
        if sender is None:
            return refuse(
                Reason.FORBIDDEN, "forbidden", "the sender is not in the directory", where
            )
        acting = submission.organisation
        if acting is not None and acting != sender.key:
            houses = {directory.root(key) or key for key in (acting, sender.key)}
            party = directory.parties.get(acting)
            if len(houses) > 1 and not (party and sender.key in party.acts_for):
                text = "the message names another sender than the organisation that sends it"
                return refuse(Reason.FORBIDDEN, "forbidden", text, where)
        return Arrival(
            message, sender.key, keys_of(message, sender.key, directory.root(sender.key))
        )

    def _commit(self, readable: Sequence[Readable], now: datetime) -> list[Answer]:
        """One transaction; on a fault that is not the database's own, each half by itself."""
        try:
            return self._with_patience(readable, now)
        except Unreachable as fault:
            log.exception("database out of reach", fault=type(fault).__name__)
            return [answers.refused(_FAULT, message.id) for _, message in readable]
        except Exception as fault:
            if len(readable) == 1:
                log.exception("message not taken in", fault=type(fault).__name__)
                return [answers.refused(_FAULT, readable[0][1].id)]
            middle = len(readable) // 2
            return self._commit(readable[:middle], now) + self._commit(readable[middle:], now)

    def _with_patience(self, readable: Sequence[Readable], now: datetime) -> list[Answer]:
        for attempt in range(TRIES - 1):
            try:
                return self._transaction(readable, now)
            except TRANSIENT:
                time.sleep(0.05 * 2**attempt)
        return self._transaction(readable, now)

    def _transaction(self, readable: Sequence[Readable], now: datetime) -> list[Answer]:
        with self.database.write() as connection:
            self._parties.refresh(connection)
            arrivals = [self._arrival(submission, message, now) for submission, message in readable]
            unit = Unit(connection, self.database.keys, now)
            unit.load([arrival for arrival in arrivals if isinstance(arrival, Arrival)])
            effects = Effects(unit, self._parties.current, self.options.base_url)
            intake = Intake(
                unit,
                self._parties.current,
                effects,
                self.options.base_url,
                self.options.clock_skew,
                self.options.open_mode,
            )
            given = [
                answers.refused(arrival, message.id)
                if isinstance(arrival, Refusal)
                else intake.take(arrival, again=submission.again)
                for arrival, (submission, message) in zip(arrivals, readable, strict=True)
            ]
            effects.keep_versions()
            unit.flush()
            waiting = parked.waiting(connection, unit.new_matters)
        self._waiting += waiting
        return given


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
