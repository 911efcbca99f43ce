"""The access log's sealer, and what the command line does with the log."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from carepath.delivery.rounds import Rounds
from carepath.service.audit import Sealer, Verdict, verify
from carepath.store import audit_chain
from carepath.store.audit_chain import Checkpoint
from carepath.store.database import Database
from carepath.store.times import instant, micros

_POLL: Final = 1.0
"""Seconds that a line waits at most to be sealed, when all is well."""
ORIGIN: Final = "carepath access log"


def sealing(opened: Database) -> Rounds:
    """Seals while a server runs; any number of servers may."""
    return Rounds("seal", Sealer(opened).round, poll=_POLL)


def sealed(opened: Database) -> int:
    """Seal all that waits, now; how many lines."""
    sealer, total = Sealer(opened), 0
    while number := sealer.round():
        total += number
    return total


def verified(opened: Database, outside: Sequence[Checkpoint]) -> Verdict:
    """Check the whole log, also against checkpoints that were kept elsewhere."""
    return verify(opened, datetime.now(UTC), outside)


def exported(opened: Database) -> dict[str, Any]:
    """Every checkpoint there is, as JSON, with the public key to check them with."""
    with opened.read() as conn:
        found = audit_chain.checkpoints(conn)
    return {
        "origin": ORIGIN,
        "publicKey": _written(audit_chain.public_key(opened.keys)),
        "checkpoints": [_checkpoint(one) for one in found],
    }


def read(told: Any) -> list[Checkpoint]:
    """The inverse of ``exported``. Raises ``ValueError`` for what is no such file."""
    try:
        if told["origin"] != ORIGIN:
            raise ValueError("it is not of an access log")
        return [_read(one) for one in told["checkpoints"]]
    except (KeyError, TypeError) as fault:
        raise ValueError(f"something is missing or of another kind: {fault}") from None


def _checkpoint(one: Checkpoint) -> dict[str, Any]:
    return {
        "size": one.size,
        "at": instant(one.at).isoformat(timespec="microseconds"),
        "hash": one.hash.hex(),
        "root": one.root.hex(),
        "signature": _written(one.signature),
    }


def _read(told: Any) -> Checkpoint:
    return Checkpoint(
        size=int(told["size"]),
        at=micros(datetime.fromisoformat(told["at"])),
        hash=bytes.fromhex(told["hash"]),
        root=bytes.fromhex(told["root"]),
        signature=base64.b64decode(told["signature"], validate=True),
    )


def _written(data: bytes) -> str:
    return base64.b64encode(data).decode()
