"""A directory, and messages between its parties: outside open mode everybody must be in it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import orjson
from sqlalchemy import select

from carepath.delivery.content import bundle
from carepath.service import Answer, Service, ServiceOptions, Submission, directory
from carepath.store import feed, numbering, tables
from carepath.store.database import migrate, sqlite_file
from carepath.store.feed import Item
from carepath.store.times import micros
from pathways.events import Activity, EventCode
from pathways.facts import Facts, StayFacts
from pathways.messages import Destination, Key, KeyRank, Message, Patient
from pathways.moments import Moment
from pathways.parties import Function, Identifier, Kind, Party, PartyRef
from tests import postgres
from tests.contract import matters
from tests.contract.stored import opened
from tests.servers import once, run_folder

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TOWN, VILLAGE, HAMLET, ISLAND, NOWHERE = "0301", "1103", "4601", "5001", "9999"
"""Municipalities: with every function; with case-office and KE; with KE; with nothing; not in the directory."""

STAY = (Identifier("https://ehr.example/id", "s1"),)
STAY_KEYS = (Key(KeyRank.STAY, "https://ehr.example/id|s1"),)
REFERRAL = (Identifier("https://ehr.example/id", "r1"),)


def ref(key: str) -> PartyRef:
    """A party as messages name it."""
    return PartyRef((Identifier("https://directory.example/parties", key),), key)


def _party(key: str, kind: Kind, parent: str | None = None, **more: Any) -> Party:
    return Party(key, key, kind, ref(key).identifiers, parent=parent, **more)


def _town(number: str, name: str, *functions: Function) -> Iterator[Party]:
    yield _party(name, Kind.MUNICIPALITY, municipality=number)
    for function in functions:
        yield _party(f"{name}-{function}", Kind.MUNICIPALITY, name, function=function)


PARTIES = (
    _party("trust", Kind.HOSPITAL),
    _party("ward", Kind.HOSPITAL, "trust", function=Function.WARD),
    _party("surgery", Kind.HOSPITAL, "trust", function=Function.WARD),
    _party("other-hospital", Kind.HOSPITAL),
    _party("legevakt", Kind.LEGEVAKT),
    _party("gp", Kind.GP),
    _party("home", Kind.HOME, acts_for=("town-nursing",)),
    *_town(
        TOWN,
        "town",
        *(Function.CASE_OFFICE, Function.NURSING, Function.MENTAL_HEALTH),
        *(Function.ON_DUTY, Function.DOCTOR, Function.KE),
    ),
    *_town(VILLAGE, "village", Function.CASE_OFFICE, Function.KE),
    *_town(HAMLET, "hamlet", Function.KE),
    *_town(ISLAND, "island"),
)


@dataclass
class Door:
    """A broker outside open mode. One patient, unless a message says otherwise."""

    service: Service
    _numbers: Iterator[int] = field(default_factory=count)

    def tell(
        self,
        code: EventCode,
        sender: str = "ward",
        *to: str,
        facts: Facts | None = None,
        acting: str | None = None,
        **more: Any,
    ) -> Answer:
        """Send a message, each a minute after the last; ``to``: receivers. Stays and reports are one matter."""
        number = next(self._numbers)
        at = matters.BEGIN + timedelta(minutes=number)
        message = Message(
            id=matters.message_id(number),
            format="carepath",
            envelope=None,
            content=b"",
            code=code,
            sender=ref(sender),
            happened=Moment(at),
            written=at,
            destinations=tuple(Destination(ref(key)) for key in to),
            patient=someone(),
            keys=STAY_KEYS,
            facts=facts or StayFacts(identifiers=STAY),
        )
        sent = replace(message, **more)
        (answer,) = self.service.handle([Submission(matters.source(sent), organisation=acting)])
        return answer

    def told(self, code: EventCode, sender: str = "ward", *to: str, **more: Any) -> set[str]:
        """Send a message that is taken in; who got it, the operator left out."""
        answer = self.tell(code, sender, *to, **more)
        assert answer.status == 200, answer.body
        outbox = tables.outbox.c
        sent = (outbox.event == answer.event_id) & (outbox.kind == code)
        with self.service.database.read() as conn:
            return {*conn.execute(select(outbox.receiver).where(sent)).scalars()} - {"*"}

    def feed(self, party: str) -> list[Item]:
        """All that a party was sent, in its order, as it may see it now."""
        with self.service.database.write() as conn:
            numbering.number(conn)
            return feed.after(conn, party, 0, micros(NOW), limit=1000)

    def kinds(self, party: str) -> list[str]:
        """What kinds of messages a party was sent; nothing of it is withheld."""
        items = self.feed(party)
        assert not any(item.withheld for item in items)
        return [item.kind for item in items]


@contextmanager
def closed_door(database_url: str) -> Iterator[Door]:
    """A broker with ``PARTIES`` in its directory; nobody else may send or receive. Its database was empty."""
    _put_in_place(database_url)
    with opened(database_url) as database:
        options = ServiceOptions(open_mode=False, now=lambda: NOW)
        yield Door(Service(database, options))


def _put_in_place(database_url: str) -> None:
    """A copy of a database with the directory: to enter it anew takes longer than many a test."""
    if file := sqlite_file(database_url):
        shutil.copy(once("sqlite-with-directory", _sqlite_with_directory), file)
    else:
        server = postgres.server()
        postgres.replace(server, database_url, postgres.template(server, _with_directory))


def _sqlite_with_directory() -> str:
    file = run_folder() / "with-directory.db"
    _with_directory(f"sqlite:///{file}")
    return str(file)


def _with_directory(database_url: str) -> None:
    migrate(database_url)
    with opened(database_url) as database, database.write() as conn:
        for party in PARTIES:
            directory.enter(conn, database.keys, party, NOW)


def someone(municipality: str | None = TOWN, gp: str | None = None) -> Patient:
    """The patient, living there, with that GP."""
    general = ref(gp) if gp else None
    return replace(matters.patient(0), municipality=municipality, gp=general)


def correction(activity: Activity, number: int) -> dict[str, Any]:
    """What makes a message correct or cancel the message of that number."""
    return {"activity": activity, "target": matters.message_id(number)}


def read(item: Item) -> dict[str, Any]:
    """The Bundle that a receiver gets."""
    content = bundle(item, "http://127.0.0.1:8000/fhir")
    assert content is not None
    found: dict[str, Any] = orjson.loads(content)
    return found


def issues(answer: Answer) -> list[dict[str, Any]]:
    """The issues of a refusal, or those within a receipt."""
    body = orjson.loads(answer.body)
    outcomes = [body, *(entry["resource"] for entry in body.get("entry", ()))]
    return [issue for outcome in outcomes for issue in outcome.get("issue", ())]
