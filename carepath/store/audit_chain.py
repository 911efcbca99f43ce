"""The chain that seals the access log: numbers and hashes of lines, and signed checkpoints.

A checkpoint is signed with an Ed25519 key that follows from the installation's secret: who has the database alone can
make no other. Nobody waits for the chain: lines are written without it (``audit``), and read without it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection, Row, bindparam, delete, func, or_, select, update

from carepath.store.blind import Keys
from carepath.store.tables import access_chain, access_checkpoints, access_log
from carepath.store.upserts import insert_new, replace_rows
from pathways.merkle import EMPTY, START, Tree, tree

_CHAIN: Final = "access"
_PAGE: Final = 1000
KEPT_EVERY: Final = 300_000_000
"""Microseconds between checkpoints that are kept; in between there is only the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How far the chain has come. ``removed`` lines at its beginning have gone by age."""

    hash: bytes = START
    tree: Tree = EMPTY
    removed: int = 0
    holder: str | None = None
    leased_until: int | None = None

    @property
    def size(self) -> int:
        """How many lines were sealed."""
        return self.tree.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What is signed: so many lines, the last one's hash, and the root of the tree over all. ``at``: microseconds."""

    size: int
    at: int
    hash: bytes
    root: bytes
    signature: bytes = b""

    @property
    def signed(self) -> bytes:
        """The bytes that are signed."""
        told = ("carepath access log 1", str(self.size), str(self.at))
        return "\n".join((*told, self.hash.hex(), self.root.hex(), "")).encode()


@dataclass(frozen=True, slots=True)
class Sealed:
    """The number and the hash of a line."""

    id: str
    number: int
    hash: bytes


# --- keys


@lru_cache(maxsize=4)
def signer(keys: Keys) -> Ed25519PrivateKey:
    """The installation's key for checkpoints."""
    return Ed25519PrivateKey.from_private_bytes(
        keys.derived(b"carepath access log checkpoint 1", 32)
    )


def public_key(keys: Keys) -> bytes:
    """What others check signatures with; 32 bytes (RFC 8032)."""
    return signer(keys).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def is_signed(checkpoint: Checkpoint, public: bytes) -> bool:
    """Whether whoever has the private half said so."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(checkpoint.signature, checkpoint.signed)
    except InvalidSignature:
        return False
    return True


# --- the head


def head(conn: Connection) -> Head:
    """As the chain stands; before its first line, nothing."""
    row = conn.execute(select(access_chain)).mappings().first()
    if row is None:
        return Head()
    return Head(
        hash=bytes(row["hash"]),
        tree=tree(row["size"], bytes(row["peaks"])),
        removed=row["removed"],
        holder=row["holder"],
        leased_until=row["leased_until"],
    )


def waiting(conn: Connection, *, limit: int = _PAGE) -> Sequence[Row[Any]]:
    """Lines that are not sealed, oldest first."""
    unsealed = select(access_log).where(access_log.c.number.is_(None))
    return conn.execute(unsealed.order_by(access_log.c.at, access_log.c.id).limit(limit)).all()


def unsealed(conn: Connection) -> tuple[int, int | None]:
    """How many lines wait to be sealed, and since when the oldest does (microseconds)."""
    wait = select(func.count(), func.min(access_log.c.at)).where(access_log.c.number.is_(None))
    count, oldest = conn.execute(wait).one()
    return count, oldest


def advance(
    conn: Connection,
    keys: Keys,
    before: Head,
    after: Head,
    sealed: Sequence[Sealed],
    *,
    now: int,
) -> bool:
    """Seal these lines and sign where the chain stands then; false, and nothing is done, when another was first.

    The lock on the head's row makes two sealers take turns; who comes second finds another head than it reckoned with.
    """
    if not _take(conn, before, after, now):
        return False
    conn.execute(
        _SEAL, [{"_id": one.id, "_number": one.number, "_hash": one.hash} for one in sealed]
    )
    _sign(conn, keys, after, now)
    return True


def _take(conn: Connection, before: Head, after: Head, now: int) -> bool:
    begin = {"name": _CHAIN, "size": 0, "hash": START, "peaks": b"", "removed": 0}
    insert_new(conn, access_chain, [{**begin, "holder": None, "leased_until": None}])
    free = or_(
        access_chain.c.holder.is_(None),
        access_chain.c.holder == after.holder,
        access_chain.c.leased_until < now,
    )
    moved = update(access_chain).where(
        access_chain.c.size == before.size, access_chain.c.hash == before.hash, free
    )
    values = {"size": after.size, "hash": after.hash, "peaks": after.tree.written()}
    lease = {"holder": after.holder, "leased_until": after.leased_until}
    return conn.execute(moved.values(**values, **lease)).rowcount == 1


_SEAL: Final = (
    update(access_log)
    .where(access_log.c.id == bindparam("_id"))
    .values(number=bindparam("_number"), hash=bindparam("_hash"))
)


def _sign(conn: Connection, keys: Keys, after: Head, now: int) -> None:
    """A checkpoint as of now; the one before goes, unless it is one of those that are kept."""
    table = access_checkpoints
    kept = conn.execute(select(func.max(table.c.at)).where(table.c.kept)).scalar()
    conn.execute(delete(table).where(~table.c.kept))
    made = Checkpoint(size=after.size, at=now, hash=after.hash, root=after.tree.root)
    row = {"size": made.size, "at": made.at, "hash": made.hash, "root": made.root}
    signature = signer(keys).sign(made.signed)
    more = {"peaks": after.tree.written(), "kept": kept is None or now - kept >= KEPT_EVERY}
    replace_rows(conn, table, [{**row, **more, "signature": signature}])


# --- reading it again


def checkpoints(conn: Connection) -> list[Checkpoint]:
    """All that are kept, and the newest; by size."""
    wanted = select(access_checkpoints).order_by(access_checkpoints.c.size)
    return [
        Checkpoint(
            size=row["size"],
            at=row["at"],
            hash=bytes(row["hash"]),
            root=bytes(row["root"]),
            signature=bytes(row["signature"]),
        )
        for row in conn.execute(wanted).mappings()
    ]


def peaks_at(conn: Connection, size: int) -> bytes | None:
    """What is kept of the tree at a checkpoint."""
    wanted = select(access_checkpoints.c.peaks).where(access_checkpoints.c.size == size)
    found = conn.execute(wanted).scalar()
    return None if found is None else bytes(found)


def lines(conn: Connection) -> Iterator[Row[Any]]:
    """All sealed lines by number, some at a time; two that have the same one stand together, by id."""
    number, id_ = access_log.c.number, access_log.c.id
    place: tuple[int, str] = (-(2**62), "")
    while True:
        wanted = select(access_log).where(
            or_(number > place[0], (number == place[0]) & (id_ > place[1]))
        )
        rows = conn.execute(wanted.order_by(number, id_).limit(_PAGE)).all()
        yield from rows
        if len(rows) < _PAGE:
            return
        place = rows[-1].number, rows[-1].id


def unsealed_lines(conn: Connection) -> Iterator[Row[Any]]:
    """All lines that wait, by id."""
    last = ""
    while True:
        wanted = select(access_log).where(access_log.c.number.is_(None), access_log.c.id > last)
        rows = conn.execute(wanted.order_by(access_log.c.id).limit(_PAGE)).all()
        yield from rows
        if len(rows) < _PAGE:
            return
        last = rows[-1].id


# --- what is old


def removable(conn: Connection, before: int) -> int:
    """Up to which number all lines are older than ``before`` and a checkpoint is kept; 0: none.

    The checkpoint, which is as old, stays: what follows is checked against it.
    """
    younger = select(func.min(access_log.c.number)).where(
        access_log.c.at >= before, access_log.c.number.is_not(None)
    )
    first = conn.execute(younger).scalar()
    table = access_checkpoints
    wanted = select(func.max(table.c.size)).where(table.c.kept, table.c.at < before)
    if first is not None:
        wanted = wanted.where(table.c.size < first)
    return conn.execute(wanted).scalar() or 0


def remove(conn: Connection, upto: int, *, limit: int = _PAGE) -> int:
    """Let go of some lines up to a checkpoint; how many. The chain then begins behind it."""
    known = head(conn)
    if upto > known.removed:
        conn.execute(update(access_chain).values(removed=upto))
        conn.execute(delete(access_checkpoints).where(access_checkpoints.c.size < upto))
    old = select(access_log.c.id).where(access_log.c.number <= upto).limit(limit)
    ids = [*conn.execute(old).scalars()]
    conn.execute(delete(access_log).where(access_log.c.id.in_(ids)))
    return len(ids)
