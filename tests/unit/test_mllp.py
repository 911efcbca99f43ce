"""MLLP: frames out of bytes however they were split, and a listener that answers in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carepath.delivery.frames import KEPT, Broken, Fault, Frame, Frames, Piece, Stray, framed
from consumers import mllp
from consumers.mllp import Listener, Options

LIMIT = 5000


def pieces(*parts: bytes, limit: int = LIMIT) -> list[Piece]:
    """What a connection that brought these parts, and ended, carried."""
    frames = Frames(limit)
    return [piece for part in parts for piece in frames.feed(part)] + [*frames.end()]


_CONTENT = st.binary(max_size=40).map(lambda data: data.translate(None, b"\x0b\x1c"))
_STREAM = st.lists(
    st.one_of(
        _CONTENT.map(framed),
        _CONTENT,
        st.sampled_from([b"\x0b", b"\x1c", b"\x1c\r", b"\r\n", b"\x0b" + b"x" * LIMIT * 2]),
    ),
    max_size=8,
).map(b"".join)


@given(_STREAM, st.lists(st.integers(0, 12_000), max_size=6))
def test_how_bytes_are_split_makes_no_difference(stream: bytes, cuts: list[int]) -> None:
    """All at once, in any parts, and byte by byte."""
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    parts = [stream[a:b] for a, b in pairwise(edges)]
    assert pieces(*parts) == pieces(stream)
    if len(stream) < 500:
        assert pieces(*(bytes([byte]) for byte in stream)) == pieces(stream)


@given(st.lists(_CONTENT, max_size=6))
def test_whole_frames_come_out_as_they_went_in(contents: list[bytes]) -> None:
    """None is lost, none is changed, in their order."""
    assert pieces(*map(framed, contents)) == [Frame(content) for content in contents]


@given(_STREAM)
def test_no_byte_is_lost(stream: bytes) -> None:
    """What is in no piece is a frame's own mark, or white space outside of frames."""
    counted = 0
    for piece in pieces(stream):
        counted += len(piece.content) if isinstance(piece, Frame) else piece.size
    marks = stream.count(b"\x0b") + stream.count(b"\x1c")
    spaces = sum(stream.count(space) for space in (b"\r", b"\n", b"\t", b" "))
    assert len(stream) - marks - spaces <= counted <= len(stream)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"\x0bab\x0bcd\x1c\r", [Broken(b"ab", 2, Fault.CUT_OFF), Frame(b"cd")]),
        (b"\x0bab", [Broken(b"ab", 2, Fault.CUT_OFF)]),
        (b"xyz\r\x0bab\x1c\r \r\n", [Stray(3), Frame(b"ab")]),
        (b"\x0bab\x1c\x0bcd\x1c", [Frame(b"ab"), Frame(b"cd")]),
        (b"GET / HTTP/1.1\r\n", [Stray(12)]),
        (
            framed(b"x" * (LIMIT + 1)) + framed(b"ab"),
            [Broken(b"x" * KEPT, LIMIT + 1, Fault.TOO_LONG), Frame(b"ab")],
        ),
        (framed(b"x" * LIMIT), [Frame(b"x" * LIMIT)]),
    ],
)
def test_what_is_no_whole_frame(stream: bytes, expected: list[Piece]) -> None:
    """Cut off, too long, or outside of any: told apart, and the next frame is whole again."""
    assert pieces(stream) == expected


# --- the listener


def refused(broken: Broken) -> tuple[bytes, ...]:
    """An answer that tells what was refused."""
    return (b"no " + broken.begin[:5],)


@asynccontextmanager
async def listening(
    answer: Callable[[bytes], Awaitable[tuple[bytes, ...]]], *, idle: float = 20
) -> AsyncIterator[tuple[int, asyncio.Event, "asyncio.Task[None]"]]:
    """A listener on a free port: the port, what stops it, and its life."""
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    options = Options(host="127.0.0.1", port=0, limit=LIMIT, idle=idle)
    life = asyncio.create_task(Listener(options, answer, refused).run(stop, port.set_result))
    try:
        yield await port, stop, life
    finally:
        stop.set()
        await life


async def echoed(content: bytes) -> tuple[bytes, ...]:
    """Answers at once, those of ``slow`` a moment later, and those of ``none`` not at all."""
    await asyncio.sleep(0.05 if content.startswith(b"slow") else 0)
    return () if content == b"none" else (b"ok " + content,)


async def test_many_messages_of_one_connection() -> None:
    """Answered in their order, whatever comes between them and however long one takes."""
    async with listening(echoed) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        sent = [framed(b"slow 1") + b"junk" + framed(b"2"), b"\x0bhalf", framed(b"none"), b"\x0b3"]
        for part in (*sent, b"\x1c\r"):
            writer.write(part)
            await writer.drain()
        writer.write_eof()
        answers = [b"ok slow 1", b"ok 2", b"no half", b"ok 3"]
        assert await reader.read() == b"".join(map(framed, answers))
        writer.close()


async def test_a_stop_finishes_what_is_in_hand() -> None:
    """What was read is answered; then the connection ends, and so does the listener."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def answer(content: bytes) -> tuple[bytes, ...]:
        begun.set()
        await go.wait()
        return (content,)

    async with listening(answer) as (port, stop, life):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(framed(b"last"))
        await begun.wait()
        stop.set()
        await asyncio.sleep(0.05)
        go.set()
        assert await asyncio.wait_for(reader.read(), 5) == framed(b"last")
        await asyncio.wait_for(life, 5)
        writer.close()


async def test_who_says_nothing_is_let_go() -> None:
    """A half frame is answered as one that was cut off."""
    async with listening(echoed, idle=0.1) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x0bhalf")
        assert await asyncio.wait_for(reader.read(), 5) == framed(b"no half")
        writer.close()


async def test_who_speaks_something_else_is_let_go() -> None:
    """It would never say what can be answered."""
    async with listening(echoed) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n" * 10_000)
        assert await asyncio.wait_for(_rest(reader), 5) == b""
        writer.close()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:  # it closed with bytes of ours unread
        return b""


async def test_there_is_a_limit_to_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is closed at once; the others go on."""
    monkeypatch.setattr(mllp, "MOST_CONNECTIONS", 1)
    async with listening(echoed) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(framed(b"1"))
        assert await reader.readexactly(7) == framed(b"ok 1")
        other, closing = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(_rest(other), 5) == b""
        writer.write(framed(b"2"))
        assert await reader.readexactly(7) == framed(b"ok 2")
        for each in (writer, closing):
            each.close()
