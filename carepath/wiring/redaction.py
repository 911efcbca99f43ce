"""The second wall around the log: what looks like a person's is struck out, whoever wrote it.

The first wall is that nobody logs it. Texts of exceptions are others' words and may quote what was being read or
written (PostgreSQL quotes whole rows), so only the first line is kept, and that only of faults of the machine.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, ExcInfo, WrappedLogger

from carepath.store.database import OperationalError

STRUCK_OUT: Final = "[struck out]"
_PERSONAL: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"\d{6}[ .-]?\d{5}(?![0-9A-Za-z])"  # fødselsnummer, D-number, hjelpenummer, right or mistyped
    r"|\+\d[\d ]{6,15}\d(?!\d)"  # telephone, with its country
    r"|\d{3} \d{2} \d{3}(?!\d)|\d{2}(?: \d{2}){3}(?!\d)"  # telephone, as Norwegians write it
    r")|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # e-mail, and what is before @ in an address with a password
)


def redact(value: Any) -> Any:
    """The same without what looks like a person's number, telephone or e-mail address, however deep."""
    if isinstance(value, str):
        return _PERSONAL.sub(STRUCK_OUT, value)
    if isinstance(value, Mapping):
        return {key: redact(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(one) for one in value]
    return value


def redacted(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A processor of structlog: the last before the line is written."""
    return {name: redact(value) for name, value in event.items()}


_traced = ExceptionDictTransformer(show_locals=False)


def trace(exc_info: ExcInfo) -> list[dict[str, Any]]:
    """A trace without variables and without foreign words: which exceptions, where."""
    told = _traced(exc_info)
    plain = _plain_names()
    for one in told:
        first, _, _ = one["exc_value"].partition("\n")
        one["exc_value"] = first if one["exc_type"] in plain else STRUCK_OUT
        one.pop("exc_notes", None)  # people add to it what they were reading
    return told


def _plain_names() -> frozenset[str]:
    """Exceptions whose text speaks of the machine: files, connections, the database's server."""
    found = {OSError, OperationalError}
    waiting = [*found]
    while waiting:
        waiting.extend(waiting.pop().__subclasses__())
        found.update(waiting)
    return frozenset(kind.__name__ for kind in found)
