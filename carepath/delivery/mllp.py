"""MLLP out: HL7 v2 to receivers whose entry in the directory says ``mllp://HOST:PORT``, or ``mllps`` for TLS.

One message, one connection: the receiver answers on it, and only what its answer says counts. AA (CA) is its
confirmation. AE, and AR for a kind of message that it does not take, is final; any other AR is its own trouble. Sent
again, a message has the same MSH-10, by which a receiver knows it. Addresses are the operator's, from the directory.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from carepath.delivery.frames import Frame, Frames, framed
from carepath.delivery.sending import Later, Outcome, Parcel
from carepath.store.transports import Judged, State
from fhir_mappings.hl7v2.answers import Acknowledgement, acknowledgement, control_id

PATIENCE: Final = 30.0
"""Seconds from connecting to the answer."""
_LIMIT: Final = 256 * 1024  # bytes of an answer
_READ: Final = 65_536


class MllpCarrier:
    """Carries to any number of receivers. ``tls``: whom to believe, and who we are, for ``mllps``."""

    name: Final = "mllp"

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls

    def message_id(self, content: bytes) -> str:
        """MSH-10."""
        return control_id(content)

    def waits(self, tried: int) -> None:
        """A receiver knows by MSH-10 what it has."""

    async def carry(self, parcel: Parcel) -> Outcome:
        """Send it, and read what the receiver says. Raises nothing for what the other side does."""
        sent = False
        try:
            async with asyncio.timeout(PATIENCE), self._connected(parcel) as (reader, writer):
                sent = True
                writer.write(framed(parcel.content))
                await writer.drain()
                found = await _answer(reader, parcel.message_id)
        except ssl.SSLError:
            return Later("tls", unsure=sent)
        except TimeoutError:
            return Later("no answer in time", unsure=sent)
        except OSError:
            return Later("connection broke" if sent else "no connection", unsure=sent)
        return Later("no answer that can be read", unsure=True) if found is None else _judged(found)

    @asynccontextmanager
    async def _connected(
        self, parcel: Parcel
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        address = urlsplit(parcel.to.transport or "")
        tls = self._tls if address.scheme == "mllps" else None
        reader, writer = await asyncio.open_connection(
            address.hostname, address.port, ssl=tls, limit=_READ
        )
        try:
            yield reader, writer
        finally:
            writer.close()


async def _answer(reader: asyncio.StreamReader, about: str) -> Acknowledgement | None:
    """The answer to the message with that id; ``None`` when the other side ends, or says what nobody can read."""
    frames = Frames(_LIMIT)
    while data := await reader.read(_READ):
        for piece in frames.feed(data):
            found = acknowledgement(piece.content) if isinstance(piece, Frame) else None
            if found is None:
                return None
            if found.about == about:
                return found
    return None


def _judged(found: Acknowledgement) -> Outcome:
    if found.verdict == "taken":
        return Judged(state=State.CONFIRMED)
    if found.is_final:
        return Judged(state=State.REFUSED, reason=found.reason)
    return Later(found.reason)
