"""Sessions of people who are signed in to the pages.

A session is a row; the cookie has 256 random bits, the row their hash. It ends when it is not used for some time,
some hours after it began, when its person signs out, or when all sessions of theirs are ended. What somebody may act
as is looked up each time, so a membership that ends, ends at once.
"""

import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import orjson
from cryptography.exceptions import InvalidTag

from carepath.identity import people
from carepath.identity.people import CITIZEN, Person
from carepath.store import audit, members, parties, times
from carepath.store import sessions as kept
from carepath.store.database import Connection, Database
from carepath.store.members import Membership
from carepath.store.sessions import Row
from carepath.store.times import instant
from pathways.access import Actor
from pathways.access_log import Act, Line, who
from pathways.parties import Identifier

TOUCH: Final = timedelta(minutes=1)
"""So exactly is it known when a session was used last: not every page is a transaction."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session may go unused, and how long it lasts at most."""

    idle: timedelta
    lasting: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who is signed in. ``choices``: where they work; ``places``: what these are called, by directory key.

    ``actor``: whom they act as; ``None``: not chosen yet.
    """

    id: bytes
    person: Person
    choices: Sequence[Membership]
    places: Mapping[str, str]
    acting: str | None
    actor: Actor | None

    @property
    def options(self) -> int:
        """Among how many they can choose."""
        return len(self.choices) + (self.person.pid is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One of a person's sessions as they see it. ``id`` names it to us; ``here``: the one they ask with.

    ``begun`` and ``seen`` (used last, to the minute) are aware and UTC; ``acting``: what is chosen there, as in
    ``Session``, with its ``membership`` where they do not act for themselves.
    """

    id: str
    begun: datetime
    seen: datetime
    acting: str | None
    membership: Membership | None
    here: bool


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions in a database."""

    database: Database
    limits: Limits

    def begin(
        self, person: Person, now: datetime, former: str | None = None
    ) -> tuple[str, Session] | None:
        """Sign somebody in, under a new secret for the cookie; ``former`` is the cookie's before and ends.

        Who can only be one, is. ``None``: nobody whom we know.
        """
        with self.database.write() as conn:
            self._end(conn, former)
            kept.forget(conn, now, now - self.limits.idle)
            choices = people.memberships(conn, self.database.keys, person, now)
            options = [*(one.id for one in choices), *([CITIZEN] if person.pid else [])]
            if not options:
                return None
            acting = options[0] if len(options) == 1 else None
            row = Row(
                id=b"",
                person=person.key(self.database.keys),
                acting=acting,
                begun=now,
                seen=now,
                ends=now + self.limits.lasting,
                body=orjson.dumps(asdict(person)).decode(),
            )
            secret = self._keep(conn, row)
            session = self._session(conn, replace(row, id=_hash(secret)), now)
            self._tell(conn, Act.SIGN_IN, session.actor, now)
            return secret, session

    def find(self, secret: str | None, now: datetime) -> Session | None:
        """Whose session it is; ``None``: nobody's, or it has run out."""
        if not secret:
            return None
        with self.database.read() as conn:
            row = self._row(conn, secret, now)
            found = None if row is None else self._session(conn, row, now)
        if row is not None and now - row.seen >= TOUCH:
            with self.database.write() as conn:
                kept.touch(conn, row.id, now)
        return found

    def choose(self, secret: str, acting: str, now: datetime) -> str | None:
        """Let them act as one of their choices, under a new secret; ``None``: that is not among them."""
        with self.database.write() as conn:
            row = self._row(conn, secret, now)
            actor = None if row is None else self._actor(conn, row, acting, now)
            if row is None or actor is None:
                return None
            kept.end(conn, row.id)
            self._tell(conn, Act.SIGN_IN, actor, now)
            return self._keep(conn, replace(row, acting=acting, seen=now))

    def stands(self, secret: str) -> Callable[[Connection, int], bool]:
        """Whether they still are who they were: for what is open longer than a page (microseconds since 1970)."""

        def standing(conn: Connection, now: int) -> bool:
            row = self._row(conn, secret, instant(now))
            return row is not None and self._actor(conn, row, row.acting, instant(now)) is not None

        return standing

    def holds(self, secret: str) -> bool:
        """The same, now."""
        with self.database.read() as conn:
            return self.stands(secret)(conn, times.now())

    def end(self, secret: str | None, now: datetime) -> None:
        """Sign out."""
        with self.database.write() as conn:
            row = self._row(conn, secret, now) if secret else None
            if row is not None:
                self._tell(conn, Act.SIGN_OUT, self._actor(conn, row, row.acting, now), now)
            self._end(conn, secret)

    def standing(self, secret: str, now: datetime) -> list[Standing]:
        """Where the person of this session is signed in, the newest first; nothing when it has run out."""
        with self.database.read() as conn:
            own = self._row(conn, secret, now)
            if own is None:
                return []
            chosen = people.memberships(conn, self.database.keys, _read(own), now)
            named = {one.id: one for one in chosen}
            rows = (self._living(conn, id_, now) for id_ in kept.of(conn, own.person))
            return [
                Standing(
                    id=row.id.hex(),
                    begun=row.begun,
                    seen=row.seen,
                    acting=row.acting,
                    membership=named.get(row.acting or ""),
                    here=row.id == own.id,
                )
                for row in rows
                if row is not None
            ]

    def end_there(self, secret: str, ids: Collection[str], now: datetime) -> int:
        """Sign the person of this session out of others of theirs; how many there were."""
        with self.database.write() as conn:
            own = self._row(conn, secret, now)
            if own is None:
                return 0
            theirs = [id_ for id_ in kept.of(conn, own.person) if id_.hex() in ids]
            ended = [
                row for id_ in theirs if id_ != own.id and (row := self._living(conn, id_, now))
            ]
            for row in ended:
                self._tell(conn, Act.SIGN_OUT, self._actor(conn, row, row.acting, now), now)
                kept.end(conn, row.id)
            return len(ended)

    def end_of(self, identifiers: Sequence[Identifier]) -> int:
        """Sign a person out everywhere; how many sessions there were."""
        keys = self.database.keys
        with self.database.write() as conn:
            persons = [members.blind(keys, identifier) for identifier in identifiers]
            return kept.end_of(conn, persons, members.ids_of(conn, keys, identifiers))

    def _tell(self, conn: Connection, act: Act, actor: Actor | None, now: datetime) -> None:
        """A line in the access log, in the transaction of what it tells of; nobody who has not chosen is anybody."""
        if actor is None:
            return
        line = Line(
            id=audit.line_id(times.micros(now)),
            at=now,
            act=act,
            who=who(actor),
            patient=None,
            interaction="pages",
            request=secrets.token_hex(8),
            outcome="ok",
        )
        audit.write(conn, self.database.keys, [line])

    def _keep(self, conn: Connection, row: Row) -> str:
        secret = secrets.token_urlsafe(32)
        kept.begin(conn, self.database.keys, replace(row, id=_hash(secret)))
        return secret

    @staticmethod
    def _end(conn: Connection, secret: str | None) -> None:
        if secret:
            kept.end(conn, _hash(secret))

    def _row(self, conn: Connection, secret: str, now: datetime) -> Row | None:
        return self._living(conn, _hash(secret), now)

    def _living(self, conn: Connection, id_: bytes, now: datetime) -> Row | None:
        """A session that has not run out."""
        try:
            row = kept.show(conn, self.database.keys, id_)
        except InvalidTag:  # somebody changed it, or the installation has another key now
            return None
        holds = row is not None and now < min(row.ends, row.seen + self.limits.idle)
        return row if holds else None

    def _session(self, conn: Connection, row: Row, now: datetime) -> Session:
        person = _read(row)
        choices = people.memberships(conn, self.database.keys, person, now)
        return Session(
            id=row.id,
            person=person,
            choices=choices,
            places=_places(conn, choices),
            acting=row.acting,
            actor=self._among(person, choices, row.acting),
        )

    def _actor(self, conn: Connection, row: Row, acting: str | None, now: datetime) -> Actor | None:
        person = _read(row)
        choices = people.memberships(conn, self.database.keys, person, now)
        return self._among(person, choices, acting)

    def _among(
        self, person: Person, choices: Sequence[Membership], acting: str | None
    ) -> Actor | None:
        keys = self.database.keys
        if acting == CITIZEN:
            return people.citizen(keys, person)
        chosen = next((one for one in choices if one.id == acting), None)
        return people.actor_as_member(keys, person, chosen) if chosen else None


def _places(conn: Connection, choices: Sequence[Membership]) -> dict[str, str]:
    found = (parties.show(conn, one.party) for one in choices if one.party)
    return {party.key: party.name for party in found if party}


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _read(row: Row) -> Person:
    told = orjson.loads(row.body)
    return Person(**{**told, "organisations": tuple(told["organisations"])})
