"""The keys of payloads, as they are set: who wraps them, encrypting, rotation, erasure."""

import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import orjson

from carepath.service import erasing as service
from carepath.service.erasing import Decision
from carepath.settings import Settings
from carepath.store import encrypting, erasing, rotation
from carepath.store.database import Database
from carepath.store.erasing import Erasure
from carepath.wiring.store import Unusable, erased_file, open_store


def encrypt(settings: Settings, *, undo: bool) -> int:
    """Encrypt what stands in the clear, or decrypt everything; how many rows. Raises ``Unusable``."""
    with open_store(settings) as store:
        work = encrypting.decrypt if undo else encrypting.encrypt
        return work(store.database)


def rotate(settings: Settings) -> int:
    """Bring all data keys under a new master key; how many. Raises ``Unusable``."""
    with open_store(settings) as store:
        return rotation.rotate(store.database)


def erase(settings: Settings, patient: str, decision: Decision) -> bool:
    """Erase a patient; false when nobody has the key. Raises ``Unusable``.

    It is noted beside the key file, too: a backup that is restored has the patient still.
    """
    file = erased_file(settings)
    with open_store(settings) as store:
        note = partial(_note, file)
        return service.erase(store.database, patient, datetime.now(UTC), decision, note)


def erased(settings: Settings, database: Database) -> list[Erasure]:
    """Who was erased, as it is noted beside the key file and as a database knows that is to be replaced.

    Raises ``Unusable``.
    """
    with database.read() as connection:
        known = erasing.erased(connection) if erasing.is_there(connection) else []
    return [*_noted(erased_file(settings)), *known]


def _noted(file: Path) -> list[Erasure]:
    if not file.exists():
        return []
    try:
        return [_erasure(line) for line in file.read_bytes().splitlines() if line.strip()]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        text = f"{file}, which says who was erased, cannot be read: {type(fault).__name__}"
        raise Unusable(text, "Put it right, or a backup would bring back whom it names.") from None


def _erasure(line: bytes) -> Erasure:
    told = orjson.loads(line)
    rows = [{**row, "content": bytes.fromhex(row["content"])} for row in told["messages"]]
    return Erasure(told["patient"], told["at"], tuple(rows))


def _note(file: Path, one: Erasure) -> None:
    """One line more, on the disk before anything is erased."""
    rows = [{**row, "content": bytes(row["content"]).hex()} for row in one.messages]
    line = orjson.dumps({"patient": one.patient, "at": one.at, "messages": rows})
    try:
        file.touch(mode=0o600)
        with file.open("ab") as written:
            written.write(line + b"\n")
            written.flush()
            os.fsync(written.fileno())
    except OSError as fault:
        text = f"{file} cannot be written: {fault.strerror}"
        raise Unusable(text, "Set CAREPATH_ERASED_FILE to a file that may be written.") from None
