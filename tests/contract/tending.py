"""Two organisations with something to look after, and the pages of deliveries and operations as people open them.

Sessions, door, pages and store are the broker's own; there is no issuer, for nobody signs in while they are looked at.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import httpx
from starlette.applications import Starlette

from carepath.api.app import application
from carepath.identity.entrance import Entrance
from carepath.identity.people import Person
from carepath.identity.sessions import Limits, Sessions
from carepath.service import Service
from carepath.service.changes import new_form
from carepath.store import audit, members, numbering, parked, streams, subscriptions
from carepath.store.audit import Asked
from carepath.store.database import Database
from carepath.store.parked import Parked
from carepath.store.streams import Cursor, Mark
from carepath.store.subscriptions import Subscribed
from carepath.store.tables import parked as shelf
from carepath.store.tables import subscription_events
from carepath.store.times import micros
from carepath.ui.door import Door, SignIn
from carepath.ui.routes import OWN_DOOR
from carepath.wiring.pages import pages
from pathways.access import CITIZENS, Role
from pathways.access_log import Act, Line
from pathways.events import EventCode
from pathways.facts import StayFacts
from pathways.messages import Message
from pathways.moments import Moment
from pathways.parties import Identifier
from pathways.subscriptions import (
    Subscription,
    SubscriptionStatus,
    Topic,
)
from tests.contract import matters
from tests.contract.door import NOW, STAY, STAY_KEYS, closed_door, ref, someone
from tests.contract.front import ADDRESS, GUIDE, context
from tests.contract.stored import put, sent
from tests.subscriptions import channel

ISSUER: Final = "https://issuer.example"
HOUR: Final = timedelta(hours=1)
BEGAN: Final = NOW - 6 * HOUR
"""When the first of ward's six updates was put into its feed; an hour between each."""
HOOKS: Final = {"ward": "a" * 32, "town": "b" * 32}
PARKED: Final = {"ward": "parked-ward", "town": "parked-town"}
HOSTILE: Final = "<script>alert(1)</script>"
SECRET: Final = ("Nordmann", "Kari", HOSTILE, "alert(1)")
"""What stands in the parked messages."""


@dataclass
class Pages:
    """The pages, for whoever is named by a role and a party."""

    service: Service
    open_mode: bool = False
    _cookies: dict[tuple[Role, str | None], str] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        """Behind it all."""
        return self.service.database

    def app(self) -> Starlette:
        """The whole server."""
        made = replace(context(self.service), max_bytes=1_000_000, open_mode=self.open_mode)
        entrance = Entrance(assertions=cast(Any, None), callers=cast(Any, None))
        served = made if self.open_mode else replace(made, entrance=entrance)
        door = Door(None if self.open_mode else self._sign_in(), self.open_mode)
        return application(served, pages(made, door, self.service, GUIDE), OWN_DOOR)

    def _sign_in(self) -> SignIn:
        return SignIn(
            issuer=cast(Any, None),
            sessions=self._sessions(),
            address=ADDRESS,
            count=lambda _: None,
            accept_synthetic=True,
        )

    def _sessions(self) -> Sessions:
        return Sessions(self.database, Limits(HOUR, 10 * HOUR))

    def ask(
        self,
        role: Role,
        party: str | None,
        method: str,
        path: str,
        headers: Mapping[str, str] = {"Sec-Fetch-Site": "same-origin"},
        **more: Any,
    ) -> httpx.Response:
        """What somebody is answered."""
        inside = httpx.ASGITransport(self.app(), client=("127.0.0.1", 1))
        cookies = {} if self.open_mode else {"carepath": self._cookie(role, party)}

        async def call() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=inside, base_url=ADDRESS, cookies=cookies, headers=dict(headers)
            ) as client:
                return await client.request(method, path, **more)

        return asyncio.run(call())

    def get(self, path: str, party: str | None = "ward") -> httpx.Response:
        """As an administrator; ``None``: as the operator."""
        return self.ask(*_who(party), "GET", path)

    def post(self, path: str, party: str | None = "ward", **fields: str) -> httpx.Response:
        """A form, as an administrator; ``None``: as the operator. It is a new one unless it is said which."""
        way = {} if "hook" in fields else {"over": "kafka"}
        told = {
            "form": new_form(),
            **way,
            **{name.rstrip("_"): said for name, said in fields.items()},
        }
        return self.ask(*_who(party), "POST", path, data=told)

    def _cookie(self, role: Role, party: str | None) -> str:
        if (role, party) not in self._cookies:
            self._cookies[role, party] = self._enter(role, party)
        return self._cookies[role, party]

    def _enter(self, role: Role, party: str | None) -> str:
        now = datetime.now(UTC)
        subject = f"{role}-{party}"
        pid = matters.patient(7).identifiers[0].value if role in CITIZENS else None
        if pid is None:
            known = Identifier(ISSUER, subject)
            with self.database.write() as conn:
                keys, since = self.database.keys, now - HOUR
                members.add(conn, keys, known, "Nina Dahl", party, role, since, None)
        person = Person(issuer=ISSUER, subject=subject, pid=pid, name="Nina Dahl")
        begun = self._sessions().begin(person, now)
        assert begun is not None
        return begun[0]

    # --- what came of it

    def cursor(self, party: str = "ward") -> Cursor:
        """How far its topic is."""
        with self.database.read() as conn:
            return streams.cursors(conn, [party])[party]

    def publish(self, party: str, upto: int) -> None:
        """Kafka has acknowledged so much."""
        at = self.cursor(party).published
        with self.database.write() as conn:
            streams.claim(conn, [party], "publisher", now=0, until=1)
            streams.settle(conn, "publisher", [Mark(party, at, upto)], micros(NOW))

    def hook(self, party: str = "ward") -> Subscribed:
        """How its Subscription stands."""
        with self.database.read() as conn:
            (found,) = [o for o in subscriptions.everybodys(conn) if o.id == HOOKS[party]]
        return found

    def parked(self, party: str = "ward") -> Parked:
        """How its parked message stands."""
        with self.database.read() as conn:
            found = parked.show(conn, PARKED[party])
        assert found is not None
        return found

    def lines(self, *acts: Act) -> list[Line]:
        """The access log's, oldest first."""
        with self.database.read() as conn:
            found = audit.listed(conn, self.database.keys, Asked(), limit=100)
        return [one for one in reversed(found) if one.act in (acts or (Act.ADMINISTRATION,))]


def _who(party: str | None) -> tuple[Role, str | None]:
    return (Role.OPERATOR, None) if party is None else (Role.ADMINISTRATOR, party)


@contextmanager
def pages_on(database_url: str, *, open_mode: bool = False) -> Iterator[Pages]:
    """``ward`` and ``town`` have six updates each, of which Kafka has four; a rest-hook each; a parked message each."""
    with closed_door(database_url) as door:
        database = door.service.database
        for party in HOOKS:
            for number in range(6):
                at = micros(BEGAN + number * HOUR)
                sent(database, party, f"{party}-{number}", created=at)
        with database.write() as conn:
            numbering.number(conn)
            streams.enter(conn, [*HOOKS])
        pages = Pages(door.service, open_mode)
        for party in HOOKS:
            pages.publish(party, 4)
            _subscribe(database, party)
            _park(database, party)
        yield pages


def _subscribe(database: Database, party: str) -> None:
    called = channel(
        "https://journal.example/hook?key=secret", headers=("Authorization: Bearer secret",)
    )
    made = Subscribed(
        id=HOOKS[party],
        receiver=party,
        status=SubscriptionStatus.ACTIVE,
        subscription=Subscription(topic=Topic.STAY, filters=(), channel=called, ends=None),
        numbered=6,
        delivered=6,
    )
    with database.write() as conn:
        subscriptions.begin(conn, database.keys, made)
    rows = [{"subscription": made.id, "number": n + 1, "item": f"{party}-{n}"} for n in range(6)]
    put(database, subscription_events, *rows)


def _park(database: Database, party: str) -> None:
    message = Message(
        id=matters.message_id(len(party)),
        format="carepath",
        envelope=None,
        content=b"",
        code=EventCode.ADMISSION,
        sender=ref(party),
        happened=Moment(BEGAN),
        written=BEGAN,
        patient=someone(),
        keys=STAY_KEYS,
        facts=StayFacts(identifiers=STAY, ward=HOSTILE),
    )
    row = {
        "id": PARKED[party],
        "received": micros(NOW),
        "reason": "conflict",
        "state": "open",
        "sender": party,
        "message_id": message.id,
        "media_type": "application/fhir+json",
        "source": matters.source(message),
    }
    put(database, shelf, row)
