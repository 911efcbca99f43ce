"""``carepath org``: the directory of who is who."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter

from carepath.cli import directory, local, output
from carepath.cli.options import AsJson, DatabaseUrl
from fhir_mappings import organizations
from pathways.parties import Party
from pathways.refusals import Refusal

app = typer.Typer(
    help="The directory: organisations, their units and functions.", no_args_is_help=True
)

_PARTY: TypeAdapter[Party] = TypeAdapter(Party)


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV, or a FHIR Bundle of Organizations in JSON.")
    ],
    database_url: DatabaseUrl = None,
) -> None:
    """Enter organisations, or change those that are there. All of the file, or nothing.

    The CSV's columns: key, name, kind, identifiers, parent, municipality, function, acts_for, dialect,
    receipt_mode, phone, endpoint, transport, opening_hours, valid_from, valid_to, neutral_name. Only name and
    one of key and an organisation number are needed.

    For example:

      carepath org import parties.csv

      carepath org import organizations.json --database-url postgresql://carepath@db/carepath
    """
    parties = _read(file)
    with local.store(database_url) as store:
        known = {party.key for party in (*store.parties(), *parties)}
        named = {key for party in parties for key in (party.parent, *party.acts_for) if key}
        if missing := sorted(named - known):
            raise output.Trouble(f"no organisation has the key {', '.join(missing)}.")
        changed = store.enter(parties)
    output.say(f"{len(parties)} read, {changed} new or changed")


@app.command("list")
def list_(database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """List the directory by key; those only seen in messages are marked."""
    with local.store(database_url) as store:
        parties = store.parties()
    if as_json:
        output.json([_PARTY.dump_python(party, mode="json") for party in parties])
        return
    rows = [
        (p.key, p.name, p.kind, p.function or "", p.parent or "", "seen" if p.seen else "")
        for p in parties
    ]
    output.table(
        ("Key", "Name", "Kind", "Function", "Parent", ""), rows, empty="The directory is empty."
    )


@app.command()
def show(
    key: Annotated[str, typer.Argument(metavar="KEY")], database_url: DatabaseUrl = None
) -> None:
    """Show one organisation as JSON; if it has topics, since when (UTC) what it sends to Kafka is read."""
    with local.store(database_url) as store:
        party = store.party(key)
        began = store.intake_began(key)
    if party is None:
        raise output.Trouble("no organisation has that key.", "See 'carepath org list'.")
    shown = _PARTY.dump_python(party, mode="json", exclude_defaults=True)
    output.json(shown | ({"active_from": began} if began else {}))


def _read(file: Path) -> list[Party]:
    """The parties of a file; which format it has is seen from its first character."""
    try:
        source = file.read_bytes()
    except OSError as error:
        raise output.Trouble(f"{file} cannot be read: {error.strerror}.") from None
    if source.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        found = organizations.read(source)
        if isinstance(found, Refusal):
            raise _wrong(file, [f"{issue.where}: {issue.text}" for issue in found.issues])
        return found
    return _csv(file, source)


def _csv(file: Path, source: bytes) -> list[Party]:
    rows = directory.read(source)
    problems = [row.shown for row in rows if isinstance(row, directory.Problem)]
    if problems:
        raise _wrong(file, problems)
    return [row for row in rows if isinstance(row, Party)]


def _wrong(file: Path, problems: list[str]) -> output.Trouble:
    return output.Trouble(f"nothing was entered: {file} has faults.", "\n".join(problems))
