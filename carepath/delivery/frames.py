"""MLLP: bytes in as they come, frames out (HL7 v2, *Transport Specification: MLLP*, release 1).

A frame is VT, content, FS CR. Neither VT nor FS can stand in content, so FS alone ends a frame, and a VT within one
says that the one before it was cut off. How the bytes were split on their way makes no difference.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

START: Final = b"\x0b"
END: Final = b"\x1c"
RETURN: Final = b"\r"
KEPT: Final = 4096
"""Bytes that are kept of what is no whole frame: enough to know whom to answer."""

_MARK: Final = re.compile(b"[\x0b\x1c]")
_SPACE: Final = b"\r\n\t "


class Fault(StrEnum):
    """What is wrong with a frame."""

    CUT_OFF = "cut off"
    TOO_LONG = "too long"


@dataclass(frozen=True, slots=True)
class Frame:
    """The content of a whole frame."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """A frame that cannot be taken: how it begins, and how many bytes it had."""

    begin: bytes
    size: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class Stray:
    """So many bytes that stood in no frame; white space is not counted."""

    size: int


Piece: TypeAlias = Frame | Broken | Stray


def framed(content: bytes) -> bytes:
    """The content as it is sent."""
    return b"".join((START, content, END, RETURN))


class Frames:
    """Takes a connection's bytes apart; ``limit``: bytes that a frame may have."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside = False
        self._content = bytearray()
        self._size = 0
        self._stray = 0

    @property
    def stray(self) -> int:
        """Bytes that stand in no frame since the last one ended."""
        return self._stray

    def feed(self, data: bytes) -> Iterator[Piece]:
        """What is whole now."""
        at = 0
        for mark in _MARK.finditer(data):
            self._keep(data[at : mark.start()])
            at = mark.end()
            if mark[0] == START:
                yield from self.end()
                self._inside = True
            elif self._inside:
                yield self._taken()
            else:
                self._stray += 1
        self._keep(data[at:])

    def end(self) -> Iterator[Piece]:
        """No more bytes come, or another frame begins: what is left of what came before."""
        if self._inside and self._size:
            yield self._broken(Fault.CUT_OFF if self._size <= self._limit else Fault.TOO_LONG)
        elif self._stray:
            yield Stray(self._stray)
        self._clear()

    def _keep(self, data: bytes) -> None:
        if not self._inside:
            self._stray += len(data.translate(None, _SPACE))
            return
        self._size += len(data)
        if self._size <= self._limit:
            self._content += data
        else:  # no more of it is kept than its sender is told by
            self._content = (self._content + data)[:KEPT]

    def _taken(self) -> Piece:
        fits = self._size <= self._limit
        piece = Frame(bytes(self._content)) if fits else self._broken(Fault.TOO_LONG)
        self._clear()
        return piece

    def _broken(self, fault: Fault) -> Broken:
        return Broken(bytes(self._content[:KEPT]), self._size, fault)

    def _clear(self) -> None:
        self._inside, self._size, self._stray = False, 0, 0
        self._content = bytearray()
