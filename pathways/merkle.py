"""A Merkle tree that only grows (RFC 6962 §2.1), and the chain of hashes beside it. Pure arithmetic.

The chain says in which order lines were sealed and is checked line by line; the tree's root stands for all of them
in 32 bytes, so a signed root outside the database binds everything before it.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

START: Final = bytes(32)
"""What the first line is chained to."""
_BYTES: Final = 32


def linked(before: bytes, line: bytes) -> bytes:
    """The hash of a line and of everything before it; ``before`` has 32 bytes, so no two pairs run together."""
    return hashlib.sha256(before + line).digest()


def leaf(line: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\x00" + line).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Tree:
    """What must be kept of a tree to go on: how many leaves it has, and the roots of its whole subtrees.

    One for each bit that is set in ``size``, the largest first.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def with_leaves(self, hashes: Iterable[bytes]) -> Self:
        """The tree with these leaves (``leaf``) behind the others."""
        size, peaks = self.size, [*self.peaks]
        for one in hashes:
            top, rest = one, size
            while rest & 1:  # a whole subtree of the same height stands to the left
                top, rest = node(peaks.pop(), top), rest >> 1
            peaks.append(top)
            size += 1
        return type(self)(size, tuple(peaks))

    @property
    def root(self) -> bytes:
        """The Merkle tree hash of all leaves."""
        if not self.peaks:
            return hashlib.sha256().digest()
        *others, root = self.peaks
        for peak in reversed(others):
            root = node(peak, root)
        return root

    def written(self) -> bytes:
        """The peaks, one behind the other; ``size`` says how many there are."""
        return b"".join(self.peaks)


EMPTY: Final = Tree()


def tree(size: int, written: bytes) -> Tree:
    """The inverse of ``Tree.written``. Raises ``ValueError`` when that is no tree of this size."""
    if size < 0 or len(written) != _BYTES * size.bit_count():
        raise ValueError(f"not the peaks of a tree of {size}")
    return Tree(size, tuple(_parts(written)))


def _parts(written: bytes) -> Sequence[bytes]:
    return [written[at : at + _BYTES] for at in range(0, len(written), _BYTES)]
