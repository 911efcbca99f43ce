"""What people change of deliveries and parked messages: whose, that it is done once, and its line in the access log.

The line is written in the transaction of the change, so there is no change without one.
"""

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from carepath.store import audit, parties
from carepath.store.database import Connection
from carepath.store.times import instant, now
from pathways.access import Actor, Operation, Role, may
from pathways.access_log import PURPOSES, Act, Line, Who

FORM_LASTS: Final = timedelta(hours=24)
"""How old a form may be that is sent: no session lasts longer."""
_FORM: Final = re.compile(r"[0-9a-f]{16}-[0-9a-f]{16}")
_SLACK: Final = 60_000_000  # microseconds by which our servers' clocks may differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Who changes something. ``form``: what it was asked for with; ``None``: at the command line.

    A form has a name (``new_form``), so that to send it twice does nothing twice.
    """

    who: Who
    form: str | None = None


AT_COMMAND_LINE: Final = Change(
    who=Who(role=Role.OPERATOR, client="command line", purpose=PURPOSES[Role.OPERATOR])
)


def reach(conn: Connection, actor: Actor) -> frozenset[str] | None:
    """Whose deliveries and parked messages ``actor`` tends to, by directory key; ``None``: everybody's.

    An administrator those of their own organisation and its units; the operator all, as does whoever asks in open mode.
    """
    if not may(actor.role, Operation.REPLAY):
        return frozenset()
    if actor.party is None:
        return None if actor.role in _OPERATORS else frozenset()
    return parties.directory(conn).within(actor.party)


_OPERATORS: Final = frozenset((Role.OPERATOR, Role.OPEN))


def new_form() -> str:
    """What tells a form from all others; it begins with when it was made."""
    return audit.line_id(now())


def is_form(text: str) -> bool:
    """Whether it names a form that may still be sent."""
    if not _FORM.fullmatch(text):
        return False
    age = now() - _made(text)
    return -_SLACK <= age <= FORM_LASTS // timedelta(microseconds=1)


def is_done(conn: Connection, change: Change) -> bool:
    """Whether it was done before. The caller has locked what is changed."""
    form = change.form
    return form is not None and audit.is_written(conn, form, _made(form) - _SLACK)


def line(
    change: Change, what: str, about: str, *, patient: str | None = None, reason: str | None = None
) -> Line:
    """It says that ``what`` was done with ``about``, which is no more than keys and numbers.

    ``reason`` is why, in their words.
    """
    at = now()
    return Line(
        id=audit.line_id(at),
        at=instant(at),
        act=Act.ADMINISTRATION,
        who=replace(change.who, reason=reason),
        patient=patient,
        interaction=what,
        query=about,
        request=change.form or change.who.client or what,
        outcome="done",
    )


def _made(form: str) -> int:
    return int(form.partition("-")[0], 16)
