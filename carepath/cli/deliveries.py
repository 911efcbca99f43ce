"""``carepath deliveries``: updates on their way to organisations, over Kafka and over networks of their own."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from carepath.cli import local, output
from carepath.cli.options import AsJson, DatabaseUrl, instant
from carepath.service import deliveries as tended
from carepath.service.changes import AT_COMMAND_LINE
from carepath.service.deliveries import Feed, NotGiven
from carepath.store.deliveries import Delivery
from carepath.wiring.store import Store

app = typer.Typer(
    help="Updates on their way over Kafka, EDI and MLLP: how far they are, pause, resume, replay.",
    no_args_is_help=True,
)

Org = Annotated[str, typer.Argument(metavar="ORG", help="As 'carepath deliveries list' shows it.")]
Over = Annotated[
    str | None,
    typer.Option(metavar="NETWORK", help="kafka, edi or mllp, where it is reached over two."),
]


@app.command("list")
def list_(database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """List who has a topic or a network of its own, how far it has come there, and since when something waits (UTC).

    Of networks of their own it is also told what went wrong last, how many messages their receivers have not
    confirmed, and how many they refused.
    """
    with local.store(database_url) as store:
        found = tended.listed(store.database)
    if as_json:
        output.json([asdict(one) for one in found])
        return
    rows = [
        (
            one.party,
            one.over,
            str(one.last),
            str(one.published),
            str(one.waiting),
            _time(one.waiting_since),
            _time(one.published_at),
            _state(one),
        )
        for one in found
    ]
    columns = ("Organisation", "Over", "Last", "Sent", "Waiting", "Since", "Last sent", "State")
    output.table(columns, rows, empty="Nobody has topics. Run 'carepath topics apply'.")


@app.command()
def refused(org: Org, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """List what an organisation's own system did not take, by the number in its feed, and why."""
    with local.store(database_url) as store:
        found = tended.refused(store.database, org)
    if as_json:
        output.json([asdict(one) for one in found])
        return
    rows = [(str(one.number), one.message_id, one.reason) for one in found]
    output.table(("Number", "Message", "Reason"), rows, empty="It has refused nothing.")


@app.command()
def pause(org: Org, over: Over = None, database_url: DatabaseUrl = None) -> None:
    """Publish nothing more to an organisation until 'resume'. Nothing is lost; its feed grows."""
    with local.store(database_url) as store:
        tended.pause(store.database, AT_COMMAND_LINE, Feed(_known(store, org, over)), paused=True)
    output.say("paused")


@app.command()
def resume(org: Org, over: Over = None, database_url: DatabaseUrl = None) -> None:
    """Go on where it was paused."""
    with local.store(database_url) as store:
        tended.pause(store.database, AT_COMMAND_LINE, Feed(_known(store, org, over)), paused=False)
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
    over: Over = None,
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
        known = _known(store, org, over)
        start = from_ if from_ is not None else _start(since or "")
        first = tended.first(store.database, Feed(known), start)
        if isinstance(first, NotGiven):
            raise _nothing(known, first, from_)
        again = tended.count(store.database, known, first)
        if not dry_run:
            tended.replay(store.database, AT_COMMAND_LINE, Feed(known), first)
    what = "would be" if dry_run else "are"
    output.say(f"{again} updates {what} published again, {first} to {known.published}")
    if known.paused:
        output.say(f"It is paused: 'carepath deliveries resume {org}' lets them go.")


def _known(store: Store, org: str, over: str | None) -> Delivery:
    """Raises ``Trouble`` when it has no topic and no network of its own, or both and none was named."""
    mine = [one for one in tended.listed(store.database) if one.party == org]
    found = [one for one in mine if over in (None, one.over)]
    if len(found) > 1:
        networks = " or ".join(one.over for one in found)
        raise output.Trouble(f"{org} is reached over {networks}.", "Say which: --over.")
    if not found:
        network = f"is not reached over {over}" if mine else "has no topic"
        raise output.Trouble(f"{org} {network}.", "See 'carepath deliveries list'.")
    return found[0]


def _nothing(known: Delivery, why: NotGiven, asked: int | None) -> output.Trouble:
    if why is NotGiven.BEYOND:
        text = f"{asked} is beyond the last number of its feed, {known.last}."
    else:
        text = f"there is nothing to replay: it was given everything up to {known.published}."
    return output.Trouble(text, "See 'carepath deliveries list'.")


def _start(written: str) -> datetime:
    return instant(f"{written}T00:00" if len(written) == len("2026-03-20") else written)


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}Z"


def _state(one: Delivery) -> str:
    told = (
        "paused" if one.paused else "",
        "replays" if one.published < one.replay_upto and not one.paused else "",
        one.fault or "",
        f"{one.unconfirmed} unconfirmed" if one.unconfirmed else "",
        f"{one.refused} refused" if one.refused else "",
    )
    return ", ".join(filter(None, told))
