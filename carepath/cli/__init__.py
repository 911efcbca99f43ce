"""The command line: one file per group of commands. What a user can mend has no traceback.

Only the file of the command that is called is loaded: those that talk to a server start at once.
"""

import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Final

import typer

from carepath.cli import output

COMMANDS: Final = {
    "demo": "carepath.cli.demo.command",
    "serve": "carepath.cli.serve",
    "worker": "carepath.cli.worker",
    "mllp": "carepath.cli.mllp",
    "edi": "carepath.cli.edi",
    "publish": "carepath.cli.publish",
    "convert": "carepath.cli.convert",
    "send": "carepath.cli.send",
    "timeline": "carepath.cli.timeline",
    "plan": "carepath.cli.plan",
    "subscribe": "carepath.cli.subscribe",
    "coordinator": "carepath.cli.coordinator",
    "where": "carepath.cli.where",
    "payment-days": "carepath.cli.payment_days",
    "worklist": "carepath.cli.worklist",
    "quiet": "carepath.cli.quiet",
    "statistics": "carepath.cli.statistics",
    "parked": "carepath.cli.parked",
    "org": "carepath.cli.org",
    "client-key": "carepath.cli.client_key",
    "member": "carepath.cli.member",
    "agreement": "carepath.cli.agreement",
    "glass": "carepath.cli.glass",
    "topics": "carepath.cli.topics",
    "deliveries": "carepath.cli.deliveries",
    "migrate": "carepath.cli.database",
    "rebuild": "carepath.cli.database",
    "backup": "carepath.cli.backup",
    "restore": "carepath.cli.backup",
    "encrypt": "carepath.cli.encrypt",
    "key": "carepath.cli.key",
    "erase": "carepath.cli.erase",
    "promises": "carepath.cli.promises",
    "watch": "carepath.cli.watch",
    "backfill": "carepath.cli.backfill",
    "retention": "carepath.cli.retention",
    "audit": "carepath.cli.audit",
    "access-log": "carepath.cli.access_log",
    "check": "carepath.cli.check",
}
"""Each command's module: it has a function of that name, or a group of commands called ``app``."""


def main() -> None:
    """Run the command that the arguments name. Exit codes: 0 done, 1 refused or failed, 2 wrong usage."""
    named = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        _program([named] if named in COMMANDS else COMMANDS)()
    except output.Trouble as trouble:
        output.complain(trouble)
        sys.exit(1)
    except BrokenPipeError:
        output.broken_pipe()
        sys.exit(1)


def _program(names: Iterable[str]) -> typer.Typer:
    """The program with these commands."""
    program = typer.Typer(
        name="carepath",
        help="Carepath: a broker for care pathways. One timeline per patient across all levels of care.",
        epilog="Settings come from CAREPATH_* in the environment; flags count more. Begin with 'carepath demo'.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    program.callback()(_together)
    for name in names:
        module = import_module(COMMANDS[name])
        command = getattr(module, name.replace("-", "_"), None)
        if command:
            program.command(name)(command)
        else:
            program.add_typer(module.app, name=name)
    return program


def _together() -> None:
    """A program with a single command is still called with the command's name."""
