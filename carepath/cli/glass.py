"""``carepath glass``: who read of a patient without a grant, and what was found when somebody looked at it."""

from dataclasses import asdict
from typing import Annotated

import typer

from carepath import texts
from carepath.cli import local, output
from carepath.cli.options import AsJson, DatabaseUrl, Language, settings
from carepath.store.glass import Broken
from carepath.wiring import glass as wired
from pathways.glass import Verdict
from pathways.moments import Moment
from pathways.refusals import Cause

app = typer.Typer(
    help="The glass that was broken: who read without a grant, and whether they should have.",
    no_args_is_help=True,
)


@app.command("list")
def list_(
    org: Annotated[
        list[str] | None,
        typer.Option(metavar="ORG", help="Only of who works for these directory keys."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was looked at already.")
    ] = False,
    database_url: DatabaseUrl = None,
    language: Language = None,
    as_json: AsJson = False,
) -> None:
    """List what nobody has looked at yet, the oldest first. The reason in words may name the patient."""
    spoken = settings(language=language).language
    with local.store(database_url) as store:
        found = wired.listed(store, org, everything=everything)
    if as_json:
        output.json([asdict(one) for one in found])
        return
    names = ("id", "at", "name", "party", "reason", "words", "verdict")
    columns = [texts.render(f"glass.{name}", {}, spoken) for name in names]
    rows = [_row(one, spoken) for one in found]
    output.table(columns, rows, empty=texts.render("glass.none", {}, spoken))


@app.command()
def check(
    id_: Annotated[str, typer.Argument(metavar="ID", help="As 'carepath glass list' shows it.")],
    by: Annotated[str, typer.Option(help="Who looked at it: not who broke it.")],
    verdict: Annotated[Verdict, typer.Option(help="What they found.")],
    note: Annotated[str | None, typer.Option(help="What follows from it.")] = None,
    database_url: DatabaseUrl = None,
    language: Language = None,
) -> None:
    """Keep what somebody found who looked at it. The patient sees it."""
    spoken = settings(language=language).language
    with local.store(database_url) as store:
        checked = wired.check(store, id_, by, verdict, note)
    if checked is None:
        raise output.Trouble(texts.render("glass.unknown", {}, spoken))
    if isinstance(checked, Cause):
        raise output.Trouble(texts.render(f"refusal.{checked}", {}, spoken))
    output.say(texts.render("glass.checked", {"verdict": _verdict(verdict, spoken)}, spoken))


def _verdict(verdict: Verdict, language: str) -> str:
    return texts.render(f"glassverdict.{verdict}", {}, language)


def _row(one: Broken, language: str) -> tuple[str, ...]:
    return (
        one.id,
        texts.moment(Moment(one.at), language),
        one.name,
        one.party,
        texts.render(f"glassreason.{one.reason}", {}, language),
        one.words,
        _verdict(one.verdict, language) if one.verdict else "",
    )
