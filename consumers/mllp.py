"""The MLLP listener: HL7 v2 in over TCP, each message answered when it is committed.

A connection carries any number of messages, also before the first is answered; answers keep their order. What is
no message is answered, too, as far as it says who asks, and logged without its content.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

import structlog

from carepath.delivery.frames import Broken, Frame, Frames, Piece, Stray, framed
from carepath.store.failpoints import reached

log = structlog.get_logger()

Answering: TypeAlias = Callable[[bytes], Awaitable[tuple[bytes, ...]]]
Refusing: TypeAlias = Callable[[Broken], tuple[bytes, ...]]

MOST_CONNECTIONS: Final = 200
MOST_UNANSWERED: Final = 64
"""Messages of one connection; more are not read before."""
LARGE: Final = 1024 * 1024
"""Bytes of a message that is answered before more is read."""
MOST_STRAY: Final = 65_536
"""Bytes outside of frames after which a connection is closed: whoever sends them speaks no MLLP."""
_READ: Final = 65_536
DRAIN_SECONDS: Final = 2.5
"""How long what is being taken in is waited for when the listener ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """``limit``: bytes of a message; ``idle``: seconds after which a connection that says nothing is closed."""

    host: str
    port: int
    limit: int
    idle: float
    tls: ssl.SSLContext | None = None


class Listener:
    """Listens, and answers on each connection."""

    def __init__(
        self,
        options: Options,
        answer: Answering,
        refuse: Refusing,
        opened: Callable[[int], None] = lambda _: None,
    ) -> None:
        """``answer`` takes a message in and gives what its sender wants to hear; it raises nothing.

        ``opened`` is told how many connections there are.
        """
        self._options, self._answer, self._refuse = options, answer, refuse
        self._opened = opened
        self._open: set[_Connection] = set()

    async def run(self, stop: asyncio.Event, ready: Callable[[int], None]) -> None:
        """Until told to stop, and what is in hand is finished. ``ready`` is told the port. Raises ``OSError``."""
        options = self._options
        server = await asyncio.start_server(
            self._connected, options.host, options.port, ssl=options.tls, limit=_READ
        )
        ready(server.sockets[0].getsockname()[1])
        await stop.wait()
        server.close()
        living = [connection.finish() for connection in self._open]
        if living:
            _, late = await asyncio.wait(living, timeout=DRAIN_SECONDS)
            for task in late:
                task.cancel()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= MOST_CONNECTIONS:
            log.warning("too many MLLP connections", open=len(self._open))
            writer.close()
            return
        connection = _Connection(self._options, self._answer, self._refuse, (reader, writer))
        self._open.add(connection)
        self._opened(len(self._open))
        connection.living.add_done_callback(lambda _: self._ended(connection))

    def _ended(self, connection: "_Connection") -> None:
        self._open.discard(connection)
        self._opened(len(self._open))


class _Connection:
    """A reader that starts the answers, and a writer that sends them in order."""

    def __init__(
        self,
        options: Options,
        answer: Answering,
        refuse: Refusing,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._options, self._answer, self._refuse = options, answer, refuse
        self._reader, self._writer = streams
        self._frames = Frames(options.limit)
        self._room = asyncio.Semaphore(MOST_UNANSWERED)
        self._answers: asyncio.Queue[asyncio.Task[tuple[bytes, ...]] | None] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())
        self.living = asyncio.create_task(self._live())

    def finish(self) -> "asyncio.Task[None]":
        """Read no more; done when what was read is answered."""
        self._reading.cancel()
        return self.living

    async def _live(self) -> None:
        """Until nothing more comes and all is answered, or the sender takes no answers."""
        writing = asyncio.create_task(self._write())
        try:
            await asyncio.wait({self._reading, writing}, return_when=asyncio.FIRST_COMPLETED)
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading
            self._answers.put_nowait(None)
            await writing
        finally:
            writing.cancel()
            self._writer.close()

    async def _read(self) -> None:
        """Take frames until the sender ends, is silent for too long, or speaks no MLLP."""
        while data := await self._bytes():
            for piece in self._frames.feed(data):
                await self._take(piece)
            if self._frames.stray > MOST_STRAY:
                break
        for piece in self._frames.end():
            await self._take(piece)

    async def _bytes(self) -> bytes:
        """What comes next; nothing at the end, after a long silence, or when the connection is broken."""
        try:
            async with asyncio.timeout(self._options.idle):
                return await self._reader.read(_READ)
        except TimeoutError:
            log.info("MLLP connection was idle")
        except OSError as fault:
            log.info("MLLP connection broke", fault=type(fault).__name__)
        return b""

    async def _take(self, piece: Piece) -> None:
        """Begin to answer; what comes in order is taken in in order."""
        if isinstance(piece, Stray):
            log.warning("bytes outside of MLLP frames", bytes=piece.size)
            return
        await self._room.acquire()
        answering = asyncio.create_task(self._answers_to(piece))
        self._answers.put_nowait(answering)
        if isinstance(piece, Frame) and len(piece.content) > LARGE:
            await asyncio.wait({answering})

    async def _answers_to(self, piece: Frame | Broken) -> tuple[bytes, ...]:
        if isinstance(piece, Frame):
            return await self._answer(piece.content)
        log.warning("MLLP frame refused", fault=piece.fault.value, bytes=piece.size)
        return self._refuse(piece)

    async def _write(self) -> None:
        """Send the answers in the order of the messages."""
        while (answering := await self._answers.get()) is not None:
            answers = await answering
            self._room.release()
            reached("after_commit_before_ack")
            if not await self._sent(b"".join(framed(answer) for answer in answers)):
                return

    async def _sent(self, data: bytes) -> bool:
        """Whether the sender takes it: one that does not will send its message again."""
        try:
            self._writer.write(data)
            async with asyncio.timeout(self._options.idle):
                await self._writer.drain()
        except (OSError, TimeoutError) as fault:
            log.warning("acknowledgement not delivered", fault=type(fault).__name__)
            return False
        return True
