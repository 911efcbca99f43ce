"""A town, a hospital and a clock that the test turns: promises under watch, on a store of their own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final
from uuid import UUID

from sqlalchemy import select

from carepath.service import Service, ServiceOptions, Submission, directory
from carepath.service.alerts import Alerting
from carepath.service.watch import Watch
from carepath.store import codec, promises
from carepath.store.database import Database
from carepath.store.tables import events, outbox
from carepath.store.tables import promises as rows
from fhir_mappings.codes import ORGANISATION_NUMBER
from pathways.events import Activity, EventCode, Family
from pathways.facts import Facts, InquiryFacts
from pathways.messages import Destination, Message, Record
from pathways.moments import Moment
from pathways.parties import Function, Identifier, Kind, Party, PartyRef
from pathways.watched import Watched
from tests.contract.matters import patient, source

MONDAY: Final = datetime(2026, 11, 16, 9, tzinfo=UTC)
"""Ten o'clock in Oslo."""
_PEOPLE = count(1)


def _party(key: str, number: str, **more: object) -> Party:
    known = {"key": key, "name": key, "identifiers": (Identifier(ORGANISATION_NUMBER, number),)}
    return Party(**{**known, **more})  # type: ignore[arg-type]


HOUSE = _party("house", "974795833", kind=Kind.HOSPITAL)
WARD = _party("ward", "915933149", parent="house", contacts=("ward@hospital.example",))
TOWN = _party("town", "940198763", kind=Kind.MUNICIPALITY, municipality="3905")
OFFICE = _party(
    "office",
    "974767880",
    parent="town",
    function=Function.CASE_OFFICE,
    contacts=("office@town.example", "+4790000000"),
)
KE = _party("ke", "983974791", parent="town", function=Function.KE)


@dataclass(slots=True)
class Scene:
    """One patient, and a clock: what is told, and what the watch makes of it."""

    database: Database
    now: datetime = MONDAY
    alerting: Alerting = field(default_factory=Alerting)
    person: int = field(default_factory=lambda: next(_PEOPLE))
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        with self.database.write() as conn:
            for party in (HOUSE, WARD, TOWN, OFFICE, KE):
                directory.enter(conn, self.database.keys, party, MONDAY)

    @property
    def options(self) -> ServiceOptions:
        """On the test's clock."""
        return ServiceOptions(now=lambda: self.now, open_mode=False)

    def message(
        self,
        code: EventCode,
        sender: Party,
        facts: Facts,
        *,
        happened: datetime | None = None,
        to: Sequence[Party] = (),
        activity: Activity = Activity.NEW,
        target: str | None = None,
    ) -> Message:
        """Written when it happened, which is now if nothing else is said."""
        at = happened or self.now
        whose = replace(patient(self.person), municipality="3905")
        return Message(
            id=str(UUID(int=0xA1A << 96 | self.person << 32 | next(self._numbers))),
            format="carepath",
            envelope=None,
            content=b"",
            code=code,
            activity=activity,
            target=target,
            sender=_ref(sender),
            happened=Moment(at),
            written=at,
            destinations=tuple(Destination(_ref(one)) for one in to),
            patient=whose,
            facts=facts,
        )

    def tell(self, message: Message) -> Message:
        """It is taken in."""
        (answer,) = Service(self.database, self.options).handle([Submission(source(message))])
        assert answer.status == 200, answer.body
        return message

    def ask(self, **more: object) -> Message:
        """The ward asks the case office, which has two working days to answer."""
        facts = InquiryFacts(text="Når?", identifiers=(Identifier("https://ward.example", "q"),))
        return self.tell(self.message(EventCode.INQUIRY, WARD, facts, to=(OFFICE,), **more))  # type: ignore[arg-type]

    def answer(self, happened: datetime) -> Message:
        """The office answers, or did."""
        facts = InquiryFacts(text="Nå.", identifiers=(Identifier("https://ward.example", "q"),))
        said = self.message(EventCode.REPLY, OFFICE, facts, happened=happened, to=(WARD,))
        return self.tell(said)

    def later(self, **span: float) -> None:
        """The clock goes on."""
        self.now += timedelta(**span)

    def watch(self) -> Watch:
        """One that was just started."""
        return Watch(self.database, self.options, self.alerting)

    def look(self) -> list[Record]:
        """All that a new watch has to do; what it told."""
        before = {one.id for one in self.told()}
        watch = self.watch()
        while watch.round():
            pass
        return [one for one in self.told() if one.id not in before]

    def told(self) -> list[Record]:
        """What the broker said of promises, in the order it was said."""
        wanted = select(events).where(events.c.sender == "carepath").order_by(events.c.received)
        with self.database.read() as conn:
            records = [codec.record(row) for row in conn.execute(wanted).mappings()]
        assert {one.family for one in records} <= {Family.DEADLINE}
        return records

    def delivered(self, record: Record) -> set[str]:
        """To whom it goes, the operator apart."""
        wanted = select(outbox.c.receiver).where(outbox.c.event == record.id)
        with self.database.read() as conn:
            return {*conn.execute(wanted).scalars()} - {"*"}

    def promised(self) -> list[Watched]:
        """All promises, by when they were opened."""
        with self.database.read() as conn:
            found = conn.execute(select(rows).order_by(rows.c.opened, rows.c.id)).mappings()
            return [promises.watched(row) for row in found]


def _ref(party: Party) -> PartyRef:
    return PartyRef(party.identifiers, party.name)
