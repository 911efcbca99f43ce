"""The flags that several commands share, and the settings they make."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from pydantic import ValidationError

from carepath.cli.output import Trouble
from carepath.settings import NETWORK_CONSENT, Settings
from carepath.texts import ZONE


def _without_password(context: typer.Context, url: str | None) -> str | None:
    """Arguments of a process are for every user of the machine to read."""
    source = context.get_parameter_source("database_url")
    if url and source and source.name == "COMMANDLINE" and _has_password(url):
        raise Trouble(
            "a password is in the arguments, where everybody on this machine can read it.",
            "Put the address into CAREPATH_DATABASE_URL, or into /run/secrets/carepath_database_url.",
        )
    return url


def _has_password(url: str) -> bool:
    try:
        return urlsplit(url).password is not None or "password=" in url
    except ValueError:
        return False


Url = Annotated[
    str,
    typer.Option("--url", envvar="CAREPATH_URL", help="The running server."),
]
Patient = Annotated[
    str,
    typer.Argument(
        metavar="PATIENT",
        help="The patient's id here, 'system|value', or a national id; '-' asks for it.",
    ),
]
Organisation = Annotated[
    str | None,
    typer.Option("--as", metavar="ORG", help="Act as this organisation (its directory key)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        envvar="CAREPATH_DATABASE_URL",
        help="sqlite:///FILE or postgresql://USER@HOST/NAME.",
        show_default="sqlite:///carepath.db",
        callback=_without_password,
    ),
]
Kafka = Annotated[
    str | None,
    typer.Option("--kafka", metavar="HOST:PORT", envvar="CAREPATH_KAFKA", help="Where Kafka is."),
]
Language = Annotated[
    str | None,
    typer.Option(help="nb or en.", envvar="CAREPATH_LANGUAGE", show_default="nb"),
]
LOCAL = "http://127.0.0.1:8000"


def settings(**flags: Any) -> Settings:
    """The settings of the environment, with the flags that were given put over them."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        wrong = [f"CAREPATH_{e['loc'][0]!s}".upper() + f": {e['msg']}" for e in error.errors()]
        raise Trouble("a setting cannot be used. " + "; ".join(wrong)) from None


def refuse_exposure(chosen: Settings, host: str) -> None:
    """Open mode takes callers at their word, so strangers must not be able to call."""
    if chosen.exposed_at(host):
        raise Trouble(
            f"open mode listens on loopback only, not on {host}.",
            f"In a private container network, set CAREPATH_OPEN_NETWORK={NETWORK_CONSENT}.",
        )


def instant(written: str) -> datetime:
    """A time as people type it; without zone it is local in Oslo, and a date alone is the end of that day."""
    try:
        if len(written) == len("2026-03-20"):
            next_day = date.fromisoformat(written) + timedelta(days=1)
            local = datetime.combine(next_day, time.min, ZONE) - timedelta(microseconds=1)
        else:
            local = datetime.fromisoformat(written)
    except (ValueError, OverflowError):
        raise Trouble(
            f"{written!r} is not a time.",
            "Write 2026-03-20, 2026-03-20T14:40 (time in Oslo) or 2026-03-20T13:40:00Z.",
        ) from None
    return (local if local.tzinfo else local.replace(tzinfo=ZONE)).astimezone(UTC)
