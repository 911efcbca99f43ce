"""NHN's EDI out: Norwegian XML to receivers whose entry in the directory says ``edi``, by their HER-ids.

EDI takes a message (202) and tells later, by notifications, what became of it: ``judged`` reads that. It knows no key
that makes a POST happen once, but it notifies the sender's HER-id of every message it sends, with the sender's own id
(MsgId). So a message of which nobody knows whether it arrived waits until notifications have been read that are
younger than the try (``consumers.edi``); if none was about it, it goes again, with the same MsgId.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from carepath.delivery.edi_api import Answered, EdiApi, Post, Status, Trouble
from carepath.delivery.sending import Later, Outcome, Parcel
from carepath.store.transports import Judged, State
from fhir_mappings.codes import HER_ID
from fhir_mappings.kith.apprec import UNKNOWN, Head, head_of
from fhir_mappings.kith.names import ERROR_TEXTS
from pathways.parties import Party

NAME: Final = "edi"
_LOCKED_SECONDS: Final = 60.0
_OK: Final = frozenset({"Ok", "OkErrorInMessagePart"})
_CODE: Final = re.compile(r"[A-Z]\d\d")
_LOST: Final = frozenset({"Rejected", "Abandoned"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EdiCarrier:
    """Carries for the HER-ids that we act for; what is from none of them goes in the name of the first.

    ``polled``: since when, in microseconds, all notifications have been read. ``notified``: seconds after which EDI
    has notified of a message that it has.
    """

    api: EdiApi
    her_ids: Sequence[str]
    polled: Callable[[], int]
    notified: float
    name: str = NAME

    def message_id(self, content: bytes) -> str:
        """MsgId."""
        return head_of(content).id

    def waits(self, tried: int) -> Later | None:
        """Until notifications have been read that are younger."""
        if self.polled() > tried + round(self.notified * 1_000_000):
            return None
        return Later("it may have been sent: waiting for EDI's notifications", 1.0)

    async def carry(self, parcel: Parcel) -> Outcome:
        """POST it."""
        receiver = her_id(parcel.to)
        if receiver is None:
            return Judged(state=State.REFUSED, reason="the directory has no HER-id for it")
        head = head_of(parcel.content)
        kind = None if head.kind == UNKNOWN else head.kind
        post = Post(content=parcel.content, sender=self._sender(head), receiver=receiver, kind=kind)
        try:
            reference = await self.api.post(post)
        except Trouble as trouble:
            return _failed(trouble)
        return Judged(state=State.SENT, reference=reference)

    def _sender(self, head: Head) -> str:
        """The innermost of the sender's HER-ids that we act for."""
        told = [
            id_ for level in reversed(head.sender) for type_, id_ in level.ids if type_ == "HER"
        ]
        return next((id_ for id_ in told if id_ in self.her_ids), self.her_ids[0])


def her_id(party: Party) -> str | None:
    """The number that a party is known by at NHN."""
    found = (one.value for one in party.identifiers if one.system == HER_ID)
    return next((value for value in found if value.isdecimal()), None)


def _failed(trouble: Trouble) -> Outcome:
    if trouble.is_final:
        return Judged(state=State.REFUSED, reason=str(trouble))
    return Later(str(trouble), _LOCKED_SECONDS if trouble.locked else None, trouble.reached)


def judged(statuses: Sequence[Status], receiver: str) -> Judged | None:
    """What became of a message; ``None`` when nobody has said so yet. A status that we do not know is never OK."""
    mine = next((one for one in statuses if str(one.receiver_her_id) == receiver), None)
    if mine is None:
        return None
    answered = mine.apprec_info
    if answered is not None and answered.status:
        errors = _errors(answered)
        if answered.status in _OK:
            return Judged(state=State.CONFIRMED, reason=errors or None)
        return Judged(state=State.REFUSED, reason=f"AppRec: {errors or 'refused'}")
    if mine.transport_delivery_state in _LOST:
        return Judged(state=State.REFUSED, reason=f"EDI: {mine.transport_delivery_state}")
    return None


def _errors(answered: Answered) -> str:
    """Codes of 8221, with the names we know; what else the receiver wrote may tell who it is about."""
    codes = [one.error_code or "" for one in answered.errors or ()]
    return ", ".join(
        f"{code} {ERROR_TEXTS.get(code, '')}".strip() for code in codes if _CODE.fullmatch(code)
    )
