"""``carepath key``: the keys that payloads are encrypted with."""

import typer

from carepath.cli import local, output
from carepath.cli.options import DatabaseUrl, settings
from carepath.wiring import keys

app = typer.Typer(
    help="The keys that payloads are encrypted with: one for each patient, under a master key.",
    no_args_is_help=True,
)


@app.callback()
def _together() -> None:
    """A group of one command is still a group."""


@app.command()
def rotate(database_url: DatabaseUrl = None) -> None:
    """Make a new master key and bring every patient's key under it. Servers and workers may run.

    The new master key is wrapped by what is set now: the key file, or the newest version of Vault's key.
    Run it after Vault's key was rotated, and to move from the key file to Vault or back.
    """
    with local.mendable():
        done = keys.rotate(settings(database_url=database_url))
    output.say(f"{done} keys are under a new master key.")
