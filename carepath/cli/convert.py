"""``carepath convert``: what the broker understands of a message, the same in another language, and what that loses."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer

from carepath import texts
from carepath.cli import output
from carepath.cli.options import settings
from carepath.cli.publish import read_file
from carepath.delivery.letters import letter
from fhir_mappings import inbound, outbound
from fhir_mappings.hl7v2 import writing as hl7v2
from fhir_mappings.kith import writing as kith
from fhir_mappings.letters import Letter
from fhir_mappings.options import Options
from pathways.messages import Message
from pathways.moments import Moment
from pathways.parties import PartyRef
from pathways.refusals import Refusal

_BASE: Final = "https://carepath.example/fhir"
_NOBODY: Final = PartyRef(name="Ukjent mottaker")


class To(StrEnum):
    """Languages that messages are written in."""

    FHIR = "fhir"
    PLO = "plo"
    HL7V2 = "hl7v2"


def convert(
    file: Annotated[Path, typer.Argument(help="A message in FHIR, Norwegian XML or HL7 v2.")],
    to: Annotated[
        To | None, typer.Option("--to", help="Write it in this language, to stdout.")
    ] = None,
) -> None:
    """Show what is understood of a message; with --to, write it in another language, and tell what is lost.

    Nothing is sent. The message goes to stdout, what is said about it to stderr.

    For example:

      carepath convert innlagt.xml

      carepath convert admission.json --to plo > innlagt.xml
    """
    understood = _read(read_file(file))
    if isinstance(understood, Refusal):
        raise output.Trouble(f"the message cannot be taken in: {'; '.join(_faults(understood))}")
    if to is None:
        output.table(("What", "Understood"), _rows(understood), empty="Nothing.")
        return
    made = _WRITERS[to](understood)
    typer.echo(made, nl=True)
    again = _read(made)
    if isinstance(again, Refusal):
        told = "; ".join(_faults(again))
        raise output.Trouble(f"a receiver would refuse it: {told}")
    for line in [*_lost(understood, again)] or ["Nothing is lost."]:
        output.ERR.print(line, markup=False)


def _read(source: bytes) -> Message | Refusal:
    options = Options(received=datetime.now(UTC), accept_synthetic=settings().accept_synthetic)
    return inbound.read(source, options)


def _faults(refusal: Refusal) -> list[str]:
    return [f"{issue.text} ({issue.where})" for issue in refusal.issues]


def _fhir(message: Message) -> bytes:
    return orjson.dumps(outbound.write(message, base_url=_BASE), option=orjson.OPT_INDENT_2)


def _letter(message: Message) -> Letter:
    """To the first receiver that the message names; the broker knows the houses of both, a file does not."""
    receiver = next((one.party for one in message.destinations), _NOBODY)
    return letter(message, (message.sender,), (receiver,))


def _plo(message: Message) -> bytes:
    return kith.write(message, _letter(message))


def _hl7v2(message: Message) -> bytes:
    return hl7v2.write(message, _letter(message))


_WRITERS: Final = {To.FHIR: _fhir, To.PLO: _plo, To.HL7V2: _hl7v2}


def _rows(message: Message) -> Iterator[tuple[str, str]]:
    language = settings().language
    yield "event", f"{message.code} ({message.activity})"
    yield "format", message.format
    yield "id", message.id
    if message.target:
        yield "about", message.target
    yield "happened", texts.moment(message.happened, language)
    yield "written", texts.moment(Moment(message.written), language)
    yield "sender", _called(message.sender)
    for one in message.destinations:
        yield "copy to" if one.copy else "to", _called(one.party)
    for key in message.keys:
        yield f"key ({key.rank.name.lower()})", key.value
    for line in texts.told(message.facts, language):
        name, _, value = line.partition(": ")
        yield name, value


def _called(party: PartyRef) -> str:
    numbers = ", ".join(f"{one.system}|{one.value}" for one in party.identifiers)
    return " ".join(filter(None, (party.name, f"({numbers})" if numbers else party.endpoint)))


def _lost(before: Message, after: Message) -> Iterator[str]:
    """What is read differently, field by field; what is only told more of is not lost."""
    for name in ("code", "activity", "target", "happened", "written", "sender", "patient", "keys"):
        yield from _changed(name, getattr(before, name), getattr(after, name))
    for one in fields(before.facts):
        told = getattr(before.facts, one.name), getattr(after.facts, one.name, None)
        yield from _changed(one.name, *told)


def _changed(name: str, *told: object) -> Iterator[str]:
    language = settings().language
    one, other = (texts.words(value, language) if value else "" for value in told)
    if one and one != other:
        yield f"{name}: {one} → {other or '–'}"
