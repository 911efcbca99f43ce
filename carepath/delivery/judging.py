"""What a receiver's own system says of a message is its confirmation; what it did not take, the sender is told of.

The sender hears of it in its feed as of any negative receipt, by the id of its message: with the receiver's name and
the codes that its system gave.
"""

from typing import Final

import orjson

from carepath.service.directory import Parties
from carepath.store import transports
from carepath.store.database import Connection
from carepath.store.times import instant
from carepath.store.transports import Judged, State
from fhir_mappings.receipt import rejection
from pathways.messages import stable_id
from pathways.refusals import Issue

_UNKNOWN: Final = "no reason was given"


class Judging:
    """Writes down what became of messages. ``base_url`` is FHIR's."""

    def __init__(self, parties: Parties, base_url: str) -> None:
        self._parties, self._base_url = parties, base_url

    def judge(self, conn: Connection, item: str, receiver: str, judged: Judged, now: int) -> None:
        """Of the outbox row ``item``; said again, it changes nothing."""
        if not transports.judge(conn, item, judged, now) or judged.state is not State.REFUSED:
            return
        sent = transports.sender_of(conn, item)
        if sent is None:
            return
        self._parties.refresh(conn)
        sender, message_id = sent
        id_ = stable_id("refused-by", item)
        told = rejection(
            self._parties.current.ref(sender),
            id=id_,
            about=message_id,
            code="fatal-error",
            issues=(self._issue(receiver, judged.reason or _UNKNOWN),),
            at=instant(now),
            base_url=self._base_url,
        )
        transports.tell(conn, sender, id_, orjson.dumps(told), now)

    def _issue(self, receiver: str, reason: str) -> Issue:
        text = f"{self._parties.current.ref(receiver).name} could not take it: {reason}"
        return Issue("processing", text, "Bundle.entry[0].resource.destination")
