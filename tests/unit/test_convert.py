"""``carepath convert`` shows what is understood, writes it in another language, and says what that loses."""

from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from carepath.cli.convert import convert
from carepath.cli.output import Trouble
from fhir_mappings.formats import HL7_V2, KITH_XML, media_type
from tests import norwegian as no

APP = Typer()
APP.command()(convert)
CHOICE = "norway-henvisning-1.1-transcribed/Henvisning_v1-1_Eksempel_Legevakt_Ny.xml"


@pytest.fixture
def admission(tmp_path: Path) -> Path:
    """A notice of PLO."""
    file = tmp_path / "innlagt.xml"
    file.write_bytes(no.stay()["admission"])
    return file


def run(*arguments: object) -> Result:
    """The command as it is typed."""
    return CliRunner().invoke(APP, [str(one) for one in arguments])


def test_it_shows_what_is_understood(admission: Path) -> None:
    """Event, parties, keys and facts, in words."""
    shown = run(admission).stdout
    for word in ("admission (new)", "Slagen sykehus", "Solvik kommune", "Sengepost 3"):
        assert word in shown


@pytest.mark.parametrize(("to", "kind"), [("plo", KITH_XML), ("hl7v2", HL7_V2)])
def test_what_is_written_is_of_that_language(admission: Path, to: str, kind: str) -> None:
    """On stdout, so that it can be kept; what is lost goes to stderr."""
    told = run(admission, "--to", to)
    assert told.exit_code == 0
    assert media_type(told.stdout_bytes) == kind


def test_every_language_is_understood_again(admission: Path, tmp_path: Path) -> None:
    """From one to the next, and the admission is still the same."""
    source = admission
    for to in ("fhir", "plo", "hl7v2", "plo", "fhir"):
        told = run(source, "--to", to)
        assert told.exit_code == 0, told.stderr
        source = tmp_path / to
        source.write_bytes(told.stdout_bytes)
    assert "admission (new)" in run(source).stdout


def test_what_a_format_cannot_say_is_named(examples: Path) -> None:
    """A legevakt's choice of hospital has no message in HL7 v2: it is told in words, and that is said."""
    told = run(examples / CHOICE, "--to", "hl7v2")
    assert isinstance(told.exception, Trouble)
    assert "not taken here" in str(told.exception)
    assert "Reumatoid artritt" in told.stdout


def test_what_cannot_be_read_is_said_with_its_place(tmp_path: Path) -> None:
    """As the server would."""
    file = tmp_path / "broken.xml"
    file.write_bytes(
        no.stay()["admission"].replace(b"<MsgId>", b"<Other>").replace(b"</MsgId>", b"</Other>")
    )
    told = run(file)
    assert isinstance(told.exception, Trouble)
    assert "MsgHead/MsgInfo/MsgId" in str(told.exception)
