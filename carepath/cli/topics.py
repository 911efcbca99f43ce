"""``carepath topics``: Kafka's topics and who may use them, from the directory."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import groupby
from typing import Annotated, Any

import typer

from carepath.cli import local, output
from carepath.cli.options import AsJson, DatabaseUrl, Kafka, settings
from carepath.delivery.admin_plan import Plan
from carepath.wiring import topics as wired
from carepath.wiring.topics import Survey
from schemas.topics import Right, Topic

app = typer.Typer(help="Kafka's topics and rights, made from the directory.", no_args_is_help=True)

ServiceUser = Annotated[
    str | None,
    typer.Option(
        "--service-user",
        metavar="NAME",
        envvar="CAREPATH_KAFKA_SERVICE_USER",
        help="Whom the server and the workers log in as, if not CAREPATH_KAFKA_USERNAME as now.",
    ),
]


@app.command()
def apply(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    service_user: ServiceUser = None,
    kafka: Kafka = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Make and mend the topics and rights of every organisation whose entry holds now.

    One that has ended keeps its topics and loses its rights. Topics are never deleted. Ends with 1 when
    something is wrong that only a person can mend; all else is done then.

    For example:

      carepath topics apply --dry-run

      carepath topics apply --kafka localhost:9092
    """
    chosen = settings(database_url=database_url, kafka=kafka)
    service = service_user or chosen.kafka_username
    with local.store(database_url) as store:
        parties = store.parties()
        if any(party.key == service for party in parties):
            raise output.Trouble(
                f"the organisation {service} has the name of Carepath's own user.",
                "Let Carepath log in to Kafka as another user: each organisation logs in by its key.",
            )
        if dry_run:
            found = wired.survey(chosen, parties, service)
        else:
            found = wired.apply(chosen, store.database, parties, service)
    _show(found.plan, dry_run=dry_run, as_json=as_json)
    if found.plan.faults:
        raise typer.Exit(1)


@app.command("list")
def list_(kafka: Kafka = None, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """List the topics there should be, and how Kafka has them."""
    chosen = settings(database_url=database_url, kafka=kafka)
    with local.store(database_url) as store:
        found = wired.survey(chosen, store.parties(), chosen.kafka_username)
    rows = [_row(topic, found) for topic in found.topics]
    if as_json:
        output.json(rows)
        return
    shown = [tuple("" if cell is None else str(cell) for cell in row.values()) for row in rows]
    output.table(("Topic", "Partitions", "Copies", "State"), shown, empty="The directory is empty.")


def _row(topic: Topic, survey: Survey) -> dict[str, Any]:
    found, planned = survey.state.topics.get(topic.name), survey.plan
    mended = topic.name in planned.configs or topic.name in planned.partitions
    state = "missing" if found is None else "to be mended" if mended else "as it should be"
    return {
        "topic": topic.name,
        "partitions": found.partitions if found else None,
        "copies": found.copies if found else None,
        "state": planned.faults.get(topic.name, state),
    }


def _show(plan: Plan, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        output.json({"done": not dry_run, **asdict(plan)})
        return
    if plan.empty:
        output.say("Nothing to do.")
    else:
        output.say("This would be done:" if dry_run else "Done:")
        output.table(("What", "Whom", "How"), _rows(plan), empty="")
    for note in plan.notes:
        output.say(f"Note: {note}")
    for fault, names in _grouped(plan.faults):
        output.say(f"Fault: {names}: {fault}.")


def _rows(plan: Plan) -> Iterator[tuple[str, str, str]]:
    yield from _of_rights("take away", plan.revoke)
    for topic in plan.create:
        yield "make", topic.name, f"partitions {topic.partitions}, copies {topic.copies}"
    for name, partitions in plan.partitions.items():
        yield "enlarge", name, f"partitions {partitions}"
    for name, told in plan.configs.items():
        yield "set", name, ", ".join(f"{key}={value}" for key, value in told.items())
    yield from _of_rights("allow", plan.grant)


def _of_rights(what: str, rights: tuple[Right, ...]) -> Iterator[tuple[str, str, str]]:
    """A line for each principal. Whoever may read or write may describe: that needs no words."""
    telling = (right for right in rights if right.operation != "DESCRIBE")
    for principal, own in groupby(telling, key=lambda right: right.principal):
        told = [f"{right.operation} {right.name}" for right in own]
        more = f" and {len(told) - 3} more" if len(told) > 3 else ""
        yield what, principal, ", ".join(told[:3]) + more


def _grouped(faults: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each fault once, with the topics that have it: they are often all the same."""
    for fault in dict.fromkeys(faults.values()):
        first, *more = (name for name, found in faults.items() if found == fault)
        yield fault, f"{first} and {len(more)} more" if more else first
