"""What Faust, aiokafka and kafka-python say, as lines of our log: warnings only, none too often, and no values.

An unreachable broker makes aiokafka log fifty lines a second; a text may quote what was in a record, so the
template is told and not what was filled in.
"""

import logging
import time
from typing import Final

import structlog
from typing_extensions import override

log = structlog.get_logger()

SECONDS: Final = 10.0
"""A library's text is not repeated sooner."""


class Sparing(logging.Handler):
    """Passes a record on when its like was not passed on lately."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._next: dict[tuple[str, object], float] = {}

    @override
    def emit(self, record: logging.LogRecord) -> None:
        key, now = (record.name, record.msg), time.monotonic()
        if now < self._next.get(key, 0):
            return
        if len(self._next) > 1000:  # texts that are never the same
            self._next.clear()
        self._next[key] = now + SECONDS
        fault = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        told = {"library": record.name, "text": str(record.msg), "fault": fault}
        log.log(record.levelno, "library", **told)


def install() -> None:
    """Whatever is logged by the standard way goes here."""
    logging.basicConfig(handlers=[Sparing()], level=logging.WARNING, force=True)
