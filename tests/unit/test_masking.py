"""What a message is built of is shown, and not one thing that it says."""

import re
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from hypothesis import given

from fhir_mappings import masking
from fhir_mappings.masking import MASK, structure
from fhir_mappings.outbound import write
from pathways.messages import Message
from tests.contract.matters import stories
from tests.unit import hl7v2

BASE = "https://broker.example/fhir"
AT = datetime(2026, 11, 22, tzinfo=UTC)
LINE = re.compile(rf"Bundle \([a-z-]+\)|( {{2}})+([A-Z][A-Za-z]+|_?[a-z][A-Za-z]*(: {MASK})?)|…")


@given(stories(least=1, most=1))
def test_no_line_has_a_value(told: list[Message]) -> None:
    """Whatever the message: elements by name, and the mask."""
    source = orjson.dumps(write(told[0], base_url=BASE))
    lines = structure(source, AT, BASE)
    assert lines
    assert lines[0] == f"Bundle ({told[0].code})"
    assert all(LINE.fullmatch(line) for line in lines), lines


def _taken(folder: Path, ending: str) -> list[bytes]:
    found = (path.read_bytes() for path in sorted(folder.rglob(f"*.{ending}")))
    return [source for source in found if structure(source, AT, BASE) is not None]


@pytest.mark.parametrize(("ending", "least"), [("xml", 5), ("json", 10)])
def test_real_messages_are_masked_alike(examples: Path, ending: str, least: int) -> None:
    """Whatever they are written in: as our own profile has it, so no name in it is the sender's."""
    taken = _taken(examples, ending)
    assert len(taken) >= least
    for source in taken:
        lines = structure(source, AT, BASE)
        assert lines
        assert all(LINE.fullmatch(line) for line in lines), lines
        assert len(lines) <= masking.MOST


def test_hl7v2_is_masked_alike() -> None:
    """Its segments are not shown: what was read of them is."""
    source = hl7v2.adt("A01", hl7v2.pid(), hl7v2.pv1()).source
    lines = structure(source, AT, BASE)
    assert lines
    assert all(LINE.fullmatch(line) for line in lines), lines


@pytest.mark.parametrize(
    "source", [b"", b"{", b"<x", b"MSH|", b'{"12824212447": "Kari"}', b"\xff\x00" * 100]
)
def test_what_cannot_be_read_has_no_structure(source: bytes) -> None:
    """Its names could be anybody's."""
    assert structure(source, AT, BASE) is None
