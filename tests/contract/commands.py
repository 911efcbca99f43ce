"""The command line on the store of the test."""

from collections.abc import Callable

from typer import Typer
from typer.testing import CliRunner, Result

from tests.servers import out_of_sight

Cli = Callable[..., Result]
Commands = Callable[[Typer], Cli]


def calling(app: Typer) -> Cli:
    """Call one of its commands."""

    def call(*arguments: str) -> Result:
        typed, environment = out_of_sight(arguments)
        return CliRunner(env=environment).invoke(app, typed)

    return call


def done(result: Result) -> str:
    """What it said when all went well."""
    assert result.exit_code == 0, result.output
    return result.stdout
