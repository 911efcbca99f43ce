"""docs/dialects.md is true: its file and its row, in a copy of the mappings, make a dialect that is understood."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from carepath.cli.directory import DIALECTS as NAMES
from fhir_mappings.dialects.table import DIALECTS

ROOT: Final = Path(__file__).parents[2]
_BLOCK: Final = re.compile(r"^```(python|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TRY: Final = """
import sys
from datetime import UTC, datetime
from fhir_mappings.inbound import Options, read
from fhir_mappings.receipt import receipt

source = sys.stdin.buffer.read()
at = datetime(2026, 11, 20, 9, tzinfo=UTC)
message = read(source, Options(received=at))
told = receipt(message, id="r", code="ok", issues=[], at=at, base_url="http://127.0.0.1:8000/fhir")
event = told["entry"][0]["resource"]["eventCoding"]
print(message.format, message.code, message.happened.at.isoformat(), message.keys[0].value, *event.values())
faulty = read(source.replace(b'bed-taken', b'bed-made'), Options(received=at))
print(faulty.format, sorted({issue.code for issue in faulty.issues}))
"""


@pytest.fixture
def blocks() -> dict[str, list[str]]:
    """The page's blocks, by language."""
    found: dict[str, list[str]] = {}
    for language, text in _BLOCK.findall((ROOT / "docs/dialects.md").read_text()):
        found.setdefault(language, []).append(text)
    return found


def test_one_file_and_one_row_are_all(tmp_path: Path, blocks: dict[str, list[str]]) -> None:
    """A newcomer copies the two blocks, and the message on the page is an admission."""
    (dialect, table), (message,) = blocks["python"], blocks["json"]
    for package in ("fhir_mappings", "pathways"):
        without = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=without)
    (tmp_path / "fhir_mappings/dialects/ljosland.py").write_text(dialect)
    (tmp_path / "fhir_mappings/dialects/table.py").write_text(table)
    told = subprocess.run(
        [sys.executable, "-c", _TRY],
        cwd=tmp_path,
        input=message.encode(),
        capture_output=True,
        check=False,
    )
    assert told.stdout.decode().splitlines() == [
        "ljosland admission 2026-11-20T08:00:00+00:00 https://ljosland.example/stays|S-1 "
        "https://ljosland.example/beds bed-taken",
        "ljosland ['code-invalid']",
    ], told.stderr.decode()


def test_the_pages_table_is_ours_and_one_row(blocks: dict[str, list[str]]) -> None:
    """Without the row it is the file as it is."""
    ours = (ROOT / "fhir_mappings/dialects/table.py").read_text()
    shown = blocks["python"][1]
    assert shown.replace("    ljosland.DIALECT,\n", "").replace(", ljosland", "") == ours


def test_every_dialect_has_a_name_and_a_system_of_its_own() -> None:
    """Which the page and the directory know."""
    page = (ROOT / "docs/dialects.md").read_text()
    assert len({one.name for one in DIALECTS}) == len({one.system for one in DIALECTS})
    for one in DIALECTS:
        assert f"| `{one.name}` |" in page
        assert one.system in page
        assert one.name in NAMES
