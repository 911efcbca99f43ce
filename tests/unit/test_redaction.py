"""The second wall: what looks personal does not get into a log line, whoever wrote it."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from sqlalchemy.exc import DatabaseError, DataError, IntegrityError, OperationalError

from carepath.store.times import instant
from carepath.wiring.logs import configure_logs
from carepath.wiring.redaction import STRUCK_OUT, redact
from tests.integration.stories import person

DIGITS = st.text("0123456789", min_size=11, max_size=11)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged while the test runs."""
    said = io.StringIO()
    monkeypatch.setattr("sys.stderr", said)
    configure_logs()
    yield said
    structlog.reset_defaults()
    logging.getLogger("uvicorn.error").filters.clear()


def line(written: io.StringIO) -> dict[str, Any]:
    """The one line that was logged."""
    found: dict[str, Any] = json.loads(written.getvalue())
    return found


@given(number=DIGITS, before=st.sampled_from(["", "id=", "(", "urn:oid:1.2|", "_"]))
def test_eleven_digits_never_pass(number: str, before: str) -> None:
    """Right or mistyped, with a space or without, wherever they stand."""
    for spelt in (number, f"{number[:6]} {number[6:]}", f"{number[:6]}-{number[6:]}"):
        assert spelt not in redact(f"{before}{spelt} ended")
        assert redact({"a": [("x", spelt)]})["a"] == [["x", STRUCK_OUT]]


@pytest.mark.parametrize(
    "text",
    [
        "+47 922 33 444",
        "+4792233444",
        "call 922 33 444 today",
        "22 33 44 55",
        "kari.nordmann@example.no",
        "postgresql://carepath:secret@db.example.no/carepath",
    ],
)
def test_telephones_and_addresses_never_pass(text: str) -> None:
    """As people and as machines write them."""
    assert STRUCK_OUT in redact(text)
    assert not any(word in redact(text) for word in ("922", "33 44", "nordmann", "secret"))


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T01:16:29.123456+01:00",
        "5b7e2c1e-8fda-4c1e-9d21-012345678901",
        "carepath.inbound.974795833",
        "1790000000000000",
        "127.0.0.1:9092",
        "4b0c5d0c12345678901aa",
    ],
)
def test_times_ids_topics_and_positions_pass(text: str) -> None:
    """An operator has to find things by them."""
    assert redact(text) == text


def test_values_of_other_kinds_stay() -> None:
    """Numbers, truth values and nothing at all."""
    assert redact({"a": 12345678901, "b": None, "c": True}) == {
        "a": 12345678901,
        "b": None,
        "c": True,
    }


def test_a_line_is_redacted_and_json(written: io.StringIO) -> None:
    """Values that somebody passed on are struck out; the line still says what happened."""
    number = person()["identifier"][0]["value"]
    structlog.get_logger().warning(f"seen {number}", about={"told": [number]}, count=3)
    assert number not in written.getvalue()
    assert (line(written)["count"], line(written)["level"]) == (3, "warning")


def test_an_exceptions_text_stays_inside(written: io.StringIO) -> None:
    """Libraries quote what they were reading, and so do those who raise from it."""
    try:
        try:
            TypeAdapter(int).validate_python("Torbjørg Kvernhusbakken")
        except ValueError as fault:
            fault.add_note("it was Torbjørg")
            raise KeyError("Kvernhusbakken") from fault
    except KeyError:
        structlog.get_logger().exception("not taken in")
    said = written.getvalue()
    assert "Kvernhusbakken" not in said.encode().decode("unicode_escape")
    assert "Torbj" not in said
    kinds = [one["exc_type"] for one in line(written)["exception"]]
    assert kinds == ["KeyError", "ValidationError"]


def test_what_the_machine_says_is_kept(written: io.StringIO) -> None:
    """A disk that is full, a database that is away: their words say nothing of people."""
    try:
        try:
            Path("nowhere").read_bytes()
        except OSError as fault:
            raise OperationalError("SELECT 1", None, fault) from fault
    except OperationalError:
        structlog.get_logger().exception("relay failed")
    assert written.getvalue().count("No such file or directory") >= 2


def test_a_row_that_the_database_quotes_stays_inside(written: io.StringIO) -> None:
    """PostgreSQL says which row it would not have, bytes and all; and what it could not read as a number."""
    said = 'null value in column "a"\nDETAIL:  Failing row contains (Kvernhusbakken, \\x4b61)'
    for kind in (OperationalError, IntegrityError, DataError):
        try:
            raise kind("INSERT", None, Exception(said))
        except DatabaseError:
            structlog.get_logger().exception("not taken in")
    assert "Kvernhusbakken" not in written.getvalue()
    assert "x4b61" not in written.getvalue()
    assert "null value" in written.getvalue().splitlines()[0]


def test_uvicorn_tells_of_a_fault_in_our_way(written: io.StringIO) -> None:
    """Its own way is to print the exception's text."""
    server = logging.getLogger("uvicorn.error")
    try:
        instant("Kvernhusbakken")  # type: ignore[arg-type]
    except TypeError:
        server.exception("Exception in ASGI application")
    assert line(written)["event"] == "server failed"
    assert line(written)["exception"][0]["exc_value"] == STRUCK_OUT
