"""What people see of themselves and of their own, from the store."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from carepath.service import access_list
from carepath.service.drafts import Matter
from carepath.service.senders import newcomer
from carepath.service.terms import NORWAY
from carepath.store import agreements, audit, matters, overview, parties, queries
from carepath.store.database import Connection, Database
from carepath.store.rights import Viewer
from carepath.store.sent import spoken
from carepath.store.times import instant, now
from carepath.ui.rendering import full_name
from carepath.ui.seeing import patient_page, seen
from carepath.ui.values import ME, SOMEONE, Close, Looked, OwnPage, PatientPage, Sent, Visit
from pathways.access import Actor, Basis
from pathways.corrections import standing
from pathways.deadlines import Terms
from pathways.messages import Record
from pathways.parties import Identifier
from pathways.pathway import Header, Thread
from pathways.sight import Sight

LINES: Final = 40
"""Of the access log, at once."""


@dataclass(frozen=True, slots=True)
class Own:
    """``OwnData`` on a database."""

    database: Database

    def people(self, visit: Visit) -> list[Close]:
        """Of whom they see anything: themselves first."""
        with seen(self.database, visit) as (conn, seeing):
            found = [Close(one, _name(conn, seeing, one)) for one in seeing.sights or ()]
        for close in found:
            if close.name:
                visit.disclosed.tell(close.sight.patient, "Patient", (close.sight.patient,))
        return sorted(found, key=lambda one: (one.sight.basis is not Basis.SELF, one.name))

    def page(self, visit: Visit, key: str) -> OwnPage | None:
        """By our id of a patient; ``ME`` is who signed in where nobody has told of them."""
        if key in (ME, SOMEONE):
            return self._before_any_case(visit, key)
        with seen(self.database, visit) as (conn, seeing):
            sight = _of(seeing, key)
            shown = patient_page(conn, seeing, key) if sight else None
            if sight is None or shown is None:
                return None
            version = _version(overview.newest(conn, seeing, queries.closure(conn, (key,))), sight)
            return OwnPage(key=key, sight=sight, shown=shown, version=version)

    def version(self, visit: Visit, key: str) -> str | None:
        """When the newest came that they see, and as what they see it."""
        with seen(self.database, visit) as (conn, seeing):
            sight = _of(seeing, key)
            if sight is None:
                return None
            return _version(overview.newest(conn, seeing, queries.closure(conn, (key,))), sight)

    def sent(self, visit: Visit, message: str) -> Sent | None:
        """What became of a message of theirs."""
        with seen(self.database, visit) as (conn, seeing):
            found = spoken(conn, visit.actor.person, message)
            if found is None:
                return None
            record, thread = found
            names = access_list.named(conn)
            told = matters.records(conn, [thread.id], seeing).get(thread.id, [])
            return Sent(
                record=record,
                matter=Matter(thread.id, thread.family),
                stands=record.id in {one.id for one in standing(told).records},
                to=[names.get(key, key) for key in record.receivers],
                due=_due(conn, record, thread),
            )

    def log(
        self, visit: Visit, key: str, language: str, before: str | None
    ) -> Sequence[Looked] | None:
        """A page of the access log, and a line more if there are; to read it is to read of the patient, too."""
        with self.database.read() as conn:
            keys = self.database.keys
            asked = access_list.readable(conn, keys, visit.actor, now(), key)
            if asked is None:
                return None
            own = visit.actor.person  # what somebody reads themselves would hide what others did
            lines = audit.listed(conn, keys, asked, limit=LINES + 1, before=before, but=own)
            names = access_list.named(conn)
            for line in lines:
                visit.disclosed.tell(line.patient, "AuditEvent", (line.id,))
            return [
                Looked(one.id, one.at, access_list.said(one, names, language).text)
                for one in audit.with_reasons(conn, lines)
            ]

    def _before_any_case(self, visit: Visit, key: str) -> OwnPage:
        at = instant(now())
        with self.database.read() as conn:
            directory = parties.directory(conn)
        nothing = PatientPage(
            header=Header(),
            at=at,
            received=at,
            known=(),
            threads=(),
            entries=(),
            commitments=(),
            parties=directory.parties,
            takers={},
        )
        sight = newcomer(visit.actor, identifiers(visit.actor), at) if key == ME else None
        return OwnPage(key=key, sight=sight, shown=nothing)


def identifiers(actor: Actor) -> tuple[Identifier, ...]:
    """What a citizen is known by."""
    split = (one.partition("|") for one in actor.identifiers)
    return tuple(Identifier(system, value) for system, _, value in split)


def _of(seeing: Viewer, key: str) -> Sight | None:
    return next((one for one in seeing.sights or () if one.patient == key), None)


def _name(conn: Connection, seeing: Viewer, sight: Sight) -> str:
    known = overview.patient(conn, sight.patient) if seeing.may_know(sight.patient) else None
    return full_name(known.header) if known else ""


def _version(newest: datetime | None, sight: Sight) -> str:
    """Not of what is kept from them: that it changed would tell that there is something."""
    families: Iterable[str] = ("all",) if sight.families is None else sorted(sight.families)
    return "/".join((newest.isoformat() if newest else "", sight.role, *families))


def _due(conn: Connection, record: Record, thread: Thread) -> datetime | None:
    """When what it opened is due."""
    known = overview.patient(conn, record.patient)
    agreed = [kept.agreement for kept in agreements.listed(conn)]
    terms = Terms(NORWAY, parties.directory(conn), agreed)
    owed = terms.commitments(thread, known.header) if known else []
    return min((c.due for c in owed if c.promise.opened_by == record.id), default=None)
