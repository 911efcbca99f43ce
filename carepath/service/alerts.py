"""Calling people: whoever is alarmed has persons to be told that there is something to look at.

At once where it is acute, else in one list a day for each address, when the party begins its work. Nothing of a patient
is in it, and not even which promise it is: only that one has to sign in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final

from carepath.service.terms import NORWAY
from carepath.store import alerts
from carepath.store.alerts import Alert
from carepath.store.database import Connection
from carepath.store.times import micros
from pathways.deadlines import ACUTE
from pathways.messages import stable_id
from pathways.parties import Directory, Party
from pathways.watched import Watched

_EARLIEST: Final = time(7)
_LIST_AFTER: Final = timedelta(minutes=30)
"""What the night brought is raised when the party opens, and is on the list of that day."""


@dataclass(frozen=True, slots=True)
class Alerting:
    """Whom we can call: e-mail addresses, and telephone numbers for what is acute."""

    mail: bool = False
    pager: bool = False

    def alert(
        self,
        conn: Connection,
        directory: Directory,
        one: Watched,
        to: tuple[str, ...],
        at: datetime,
    ) -> None:
        """Note who is to be called; each once, whatever is repeated."""
        known = (directory.parties.get(key) for key in to)
        wanted = [alert for party in known if party for alert in self._of(party, one, at)]
        alerts.owe(conn, wanted, micros(at))

    def _of(self, party: Party, one: Watched, at: datetime) -> Iterator[Alert]:
        acute = one.kind in ACUTE
        when = at if acute else morning(party, at)
        for address in party.contacts:
            if not (self.mail if is_mail(address) else self.pager and acute):
                continue
            about = (one.id, str(one.course.round)) if acute else (when.isoformat(),)
            id_ = stable_id("alert", party.key, address, *about)
            yield Alert(
                id=id_, party=party.key, address=address, acute=acute, next_try=micros(when)
            )


def is_mail(address: str) -> bool:
    """Whether a contact is an e-mail address, else a telephone number."""
    return "@" in address


def morning(party: Party, at: datetime) -> datetime:
    """When the party's next list is sent: shortly after it opens."""
    day = at.astimezone(NORWAY.zone).date()
    while True:
        early = datetime.combine(day, _EARLIEST, NORWAY.zone).astimezone(UTC)
        listed = NORWAY.opens(early, party.opening_hours) + _LIST_AFTER
        if at <= listed:
            return listed
        day += timedelta(days=1)
