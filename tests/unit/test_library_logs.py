"""What libraries say in our log; and that the parts of Faust that are compiled are used."""

import logging

import faust.streams
from structlog.testing import capture_logs

from carepath.wiring.library_logs import Sparing


def record(text: str, *values: object, level: int = logging.WARNING) -> logging.LogRecord:
    """What a library logs."""
    return logging.LogRecord("aiokafka.conn", level, "", 0, text, values, None)


def test_a_text_is_not_repeated_at_once_and_its_values_are_not_told() -> None:
    """A broker that is away would fill the disk; a value could be part of a message."""
    handler = Sparing()
    with capture_logs() as lines:
        for number in range(1000):
            handler.handle(record("no connection to %s", f"secret-{number}"))
        handler.handle(record("another text", level=logging.ERROR))
    assert [(line["library"], line["text"], line["log_level"]) for line in lines] == [
        ("aiokafka.conn", "no connection to %s", "warning"),
        ("aiokafka.conn", "another text", "error"),
    ]
    assert "secret" not in str(lines)


def test_texts_that_are_never_the_same_do_not_fill_the_memory() -> None:
    """Some libraries put values into the text itself."""
    handler = Sparing()
    with capture_logs() as lines:
        for number in range(2500):
            handler.handle(record(f"text {number}"))
    assert len(lines) == 2500
    assert len(handler._next) <= 1001  # noqa: SLF001 -- there is no other way to see it


def test_faust_runs_compiled() -> None:
    """Its two ways to iterate differ: the other one acknowledges records of a generation that is over."""
    assert vars(faust.streams)["_CStreamIterator"] is not None
