"""docs/security.md and docs/asvs.md say what is so: what they name is there, and their tables are the code's.

The numbers of ASVS' requirements are in ``asvs.txt``.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from carepath.settings import Settings
from pathways.access import Operation, Role, extent

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
SECURITY, ASVS = (DOCS / name for name in ("security.md", "asvs.md"))
COLUMNS: Final = {
    Operation.SEND: "send",
    Operation.READ: "read",
    Operation.BREAK_GLASS: "break the glass",
    Operation.FEED: "feed, Subscriptions",
    Operation.REPLAY: "replay, parked",
    Operation.ACCESS_LOG: "access log",
    Operation.DIRECTORY: "directory, clients",
    Operation.PUBLIC: "what is public",
}
ANSWERS: Final = {"yes", "**no**", "operator", "–"}


def required() -> dict[str, str]:
    """Every requirement's number, and its level."""
    lines = (Path(__file__).parent / "asvs.txt").read_text().splitlines()
    return {line.split()[0]: line.split()[1] for line in lines if not line.startswith("#")}


def answered() -> list[list[str]]:
    """The cells of the rows about requirements."""
    lines = re.findall(r"^\| (\d+\.\d+\.\d+.*) \|$", ASVS.read_text(), re.MULTILINE)
    return [[cell.strip() for cell in line.split(" | ")] for line in lines]


def test_every_requirement_has_its_row() -> None:
    """Of levels 1 and 2, each once, and none that there is not."""
    told = Counter(number for row in answered() for number in row[0].split(", "))
    assert len(required()) == 253
    assert {*required().values()} == {"1", "2"}
    assert {*told} == {*required()}
    assert not [number for number, times in told.items() if times > 1]


def test_every_row_answers_and_says_why() -> None:
    """Yes with a proof or the reason that there need be none; everything else with its reason."""
    for numbers, answer, how, proof in answered():
        assert answer in ANSWERS, numbers
        assert how or answer == "–", numbers
        assert proof or answer != "yes" or "`" in how, numbers


@pytest.mark.parametrize("page", [SECURITY, ASVS])
def test_every_file_that_is_named_is_there(page: Path) -> None:
    """Tests, scripts, code, and pages that are linked to, with their headings."""
    text = page.read_text()
    paths = set(re.findall(r"`((?:tests|scripts|pathways|carepath)/[\w/.]+)`", text))
    assert len(paths) > 10
    assert not [path for path in paths if not (ROOT / path).exists()]
    for target, heading in re.findall(r"\]\(([\w./-]+\.md)(?:#([\w-]+))?\)", text):
        assert (page.parent / target).exists(), target
        if heading:
            heads = re.findall(r"^#+ (.+)$", (page.parent / target).read_text(), re.MULTILINE)
            assert heading in {head.lower().replace(" ", "-") for head in heads}


def test_every_file_with_tests_that_is_named_has_some() -> None:
    """None is an empty shell."""
    named = re.findall(r"`(tests/[\w/]+\.py)`", SECURITY.read_text() + ASVS.read_text())
    assert not [path for path in {*named} if "def test_" not in (ROOT / path).read_text()]


def matrix() -> str:
    """The authorisation matrix as the page has it."""
    assert {*COLUMNS} == {*Operation}
    lines = [f"| | {' | '.join(COLUMNS[one] for one in Operation)} |"]
    lines.append("|---" * (len(Operation) + 1) + "|")
    lines += [
        f"| {role.value} | {' | '.join(extent(role, one).value for one in Operation)} |"
        for role in Role
        if role is not Role.OPEN
    ]
    return "\n".join(lines)


def test_the_matrix_is_the_codes() -> None:
    """Role by operation."""
    assert matrix() in SECURITY.read_text(), f"docs/security.md should have:\n{matrix()}"


def test_every_flow_has_its_threats() -> None:
    """What crosses a border is in both tables."""
    text = SECURITY.read_text()
    flows = re.findall(r"^\| (F\d+) \|", text.partition("## Threats")[0], re.MULTILINE)
    threats = text.partition("## Threats")[2].partition("\n## ")[0]
    threatened = set(re.findall(r"F\d+", threats))
    assert flows == [f"F{number}" for number in range(1, len(flows) + 1)]
    assert threatened == {*flows}


def test_every_setting_that_is_named_is_one() -> None:
    """By its name in the environment."""
    named = set(re.findall(r"CAREPATH_([A-Z_]+)", SECURITY.read_text() + ASVS.read_text()))
    assert {name.lower() for name in named} <= {*Settings.model_fields}


def test_all_ten_risks_have_their_row() -> None:
    """OWASP's API Top 10, each with a test."""
    section = SECURITY.read_text().partition("## OWASP API")[2].partition("\n## ")[0]
    told = re.findall(r"^\| API(\d+) .*`tests/", section, re.MULTILINE)
    assert told == [str(number) for number in range(1, 11)]
