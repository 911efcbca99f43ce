"""``carepath parked``: what is authentic but could not be placed."""

from dataclasses import asdict
from typing import Annotated

import typer

from carepath.cli import local, output
from carepath.cli.options import AsJson, DatabaseUrl
from carepath.service import Verdict

app = typer.Typer(
    help="Messages that could not be placed: look at them, try again, drop.", no_args_is_help=True
)

Id = Annotated[str, typer.Argument(metavar="ID", help="As 'carepath parked list' shows it.")]


@app.command("list")
def list_(
    everything: Annotated[
        bool, typer.Option("--all", help="Also those placed or dropped.")
    ] = False,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """List parked messages, oldest first."""
    with local.store(database_url) as store:
        found = store.parked(everything=everything)
    if as_json:
        output.json([asdict(one) for one in found])
        return
    rows = [
        (
            one.id,
            f"{one.received:%Y-%m-%d %H:%M}Z",
            one.reason,
            one.state,
            one.sender or "",
            one.note or "",
        )
        for one in found
    ]
    output.table(
        ("Id", "Received", "Reason", "State", "Sender", "Note"), rows, empty="Nothing is parked."
    )


@app.command()
def show(
    id_: Id,
    source: Annotated[
        bool,
        typer.Option("--source", help="The message itself, byte for byte; it names a patient."),
    ] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show one parked message as JSON, or its source."""
    with local.store(database_url) as store:
        found = store.parked_one(id_)
        content = store.parked_source(id_) if source else None
    if found is None:
        raise _unknown()
    if content is None:
        output.json(asdict(found))
    else:
        typer.echo(content.decode("utf-8", "replace"))


@app.command()
def retry(id_: Id, database_url: DatabaseUrl = None) -> None:
    """Take a parked message in again. Ends with 1 when it still cannot be placed."""
    with local.store(database_url) as store:
        answer = store.retry(id_)
    if answer is None:
        raise _unknown()
    output.say(f"{answer.verdict}")
    if answer.verdict not in (Verdict.ACCEPTED, Verdict.DUPLICATE):
        raise typer.Exit(1)


@app.command()
def drop(
    id_: Id,
    reason: Annotated[str, typer.Option(help="Why; it is kept.")],
    database_url: DatabaseUrl = None,
) -> None:
    """Give a parked message up, with a reason that is kept."""
    if not reason.strip():
        raise output.Trouble("a reason is needed.")
    with local.store(database_url) as store:
        dropped = store.drop(id_, reason.strip())
    if not dropped:
        raise _unknown()
    output.say("dropped")


def _unknown() -> output.Trouble:
    return output.Trouble("no open parked message has that id.", "See 'carepath parked list'.")
