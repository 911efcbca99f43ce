"""What a process writes about itself: one JSON object per line, without anything personal."""

import logging
import sys
from typing import Final

import structlog
from typing_extensions import override

from carepath.wiring import library_logs
from carepath.wiring.redaction import redacted, trace

log = structlog.get_logger()


def configure_logs() -> None:
    """Before anything is logged; once more does no harm."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(trace),
            redacted,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    library_logs.install()
    logging.getLogger("uvicorn.error").addFilter(_RETOLD)


class _Retold(logging.Filter):
    """uvicorn prints an exception with its text, which could be personal: we tell it in our way instead."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info is None:
            return True
        log.error("server failed", exc_info=record.exc_info)
        return False


_RETOLD: Final = _Retold()
