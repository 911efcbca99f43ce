"""``carepath audit``: whether the access log is whole, and its signed checkpoints."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer

from carepath.cli import local, output
from carepath.cli.options import AsJson, DatabaseUrl
from carepath.service.audit import Verdict
from carepath.store.audit_chain import Checkpoint
from carepath.wiring import auditing

app = typer.Typer(
    help="The access log: check that nobody has changed it, keep its checkpoints elsewhere.",
    no_args_is_help=True,
)
_HINT: Final = (
    "Somebody has changed the database, or it was restored: see docs/operations.md#the-access-log."
)


@app.command()
def verify(
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE", help="Checkpoints that were kept elsewhere, as exported."
        ),
    ] = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Read the whole log and check every line, its place and every signature. Ends with 1 when it is not whole."""
    outside = _kept(from_) if from_ else []
    with local.store(database_url) as store:
        found = auditing.verified(store.database, outside)
    if as_json:
        output.json(asdict(found))
    else:
        _show(found)
    if found.faults:
        raise output.Trouble(f"the access log is not whole: {len(found.faults)} fault(s).", _HINT)


@app.command()
def seal(database_url: DatabaseUrl = None) -> None:
    """Seal all lines that wait, as every server does within a second."""
    with local.store(database_url) as store:
        output.say(f"{auditing.sealed(store.database)} lines sealed")


@app.command()
def checkpoints(
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write them to a file, to be kept out of reach."),
    ] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Show or export the signed checkpoints, as JSON. Keep them where who runs the database cannot change them."""
    with local.store(database_url) as store:
        told = auditing.exported(store.database)
    if export is None:
        output.json(told)
        return
    export.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    output.say(f"{len(told['checkpoints'])} checkpoints written to {export}")


def _kept(file: Path) -> list[Checkpoint]:
    try:
        return auditing.read(orjson.loads(file.read_bytes()))
    except OSError as fault:
        raise output.Trouble(f"{file} cannot be read: {fault.strerror}.") from None
    except ValueError as fault:  # of JSON, too
        raise output.Trouble(f"{file} is no file of checkpoints: {fault}.") from None


def _show(found: Verdict) -> None:
    output.say(f"{found.lines:>9}  lines checked, {found.checkpoints} checkpoints")
    if found.removed:
        output.say(f"{found.removed:>9}  lines before them have gone by age")
    if found.unsealed:
        output.say(f"{found.unsealed:>9}  lines wait to be sealed")
    for fault in found.faults:
        place = fault.number if fault.number is not None else fault.id
        output.say(f"          {place}: {fault.what}")
    if not found.faults:
        output.say("          The log is whole.")
