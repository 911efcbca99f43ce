"""``carepath deliveries``: updates on their way to organisations over Kafka."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from carepath.cli import local, output
from carepath.cli.options import AsJson, DatabaseUrl, instant
from carepath.store.deliveries import Delivery
from carepath.wiring import deliveries as wired
from carepath.wiring.store import Store

app = typer.Typer(
    help="Updates on their way over Kafka: how far they are, pause, resume, replay.",
    no_args_is_help=True,
)

Org = Annotated[str, typer.Argument(metavar="ORG", help="As 'carepath deliveries list' shows it.")]


@app.command("list")
def list_(database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """List who has a topic, how far it has come there, and since when something waits (UTC)."""
    with local.store(database_url) as store:
        found = wired.listed(store.database)
    if as_json:
        output.json([asdict(one) for one in found])
        return
    rows = [
        (
            one.party,
            str(one.last),
            str(one.published),
            str(one.waiting),
            _time(one.waiting_since),
            _time(one.published_at),
            _state(one),
        )
        for one in found
    ]
    columns = ("Organisation", "Last", "Published", "Waiting", "Since", "Last published", "State")
    output.table(columns, rows, empty="Nobody has topics. Run 'carepath topics apply'.")


@app.command()
def pause(org: Org, database_url: DatabaseUrl = None) -> None:
    """Publish nothing more to an organisation until 'resume'. Nothing is lost; its feed grows."""
    with local.store(database_url) as store:
        _known(store, org)
        wired.pause(store.database, org, paused=True)
    output.say("paused")


@app.command()
def resume(org: Org, database_url: DatabaseUrl = None) -> None:
    """Go on where it was paused."""
    with local.store(database_url) as store:
        _known(store, org)
        wired.pause(store.database, org, paused=False)
    output.say("resumed")


@app.command()
def replay(
    org: Org,
    from_: Annotated[
        int | None, typer.Option("--from", metavar="SEQ", min=1, help="The first number.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From this time on; a date from midnight on.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Publish to an organisation again what it was given, from a number or a time on.

    Each has the number and the id it had, and says 'replay'. What came after it follows in order.

    For example:

      carepath deliveries replay st-olavs --from 1200

      carepath deliveries replay st-olavs --since 2026-03-20T14:40 --dry-run
    """
    if (from_ is None) == (since is None):
        raise output.Trouble("say from where: --from SEQ or --since TIME.")
    with local.store(database_url) as store:
        known = _known(store, org)
        first = from_ if since is None else wired.first_since(store.database, org, _start(since))
        if first is None or first > known.published:
            raise _nothing(known, first)
        again = wired.replay(store.database, known, first, dry_run=dry_run)
    what = "would be" if dry_run else "are"
    output.say(f"{again} updates {what} published again, {first} to {known.published}")
    if known.paused:
        output.say(f"It is paused: 'carepath deliveries resume {org}' lets them go.")


def _known(store: Store, org: str) -> Delivery:
    """Raises ``Trouble`` when it has no topic."""
    for one in wired.listed(store.database):
        if one.party == org:
            return one
    raise output.Trouble(f"{org} has no topic.", "See 'carepath deliveries list'.")


def _nothing(known: Delivery, first: int | None) -> output.Trouble:
    if first is not None and first > known.last:
        text = f"{first} is beyond the last number of its feed, {known.last}."
    else:
        text = f"there is nothing to replay: it was given everything up to {known.published}."
    return output.Trouble(text, "See 'carepath deliveries list'.")


def _start(written: str) -> datetime:
    return instant(f"{written}T00:00" if len(written) == len("2026-03-20") else written)


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}Z"


def _state(one: Delivery) -> str:
    again = "replays" if one.published < one.replay_upto else ""
    return "paused" if one.paused else again
