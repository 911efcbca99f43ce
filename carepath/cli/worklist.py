"""``carepath worklist``: what an organisation has to do, the most pressing first."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from carepath import texts
from carepath.cli import output, server
from carepath.cli.options import LOCAL, AsJson, Organisation, Url, instant, settings
from fhir_mappings.codes import WORKLIST_GROUP
from pathways.moments import Moment

_COLUMNS = ("group", "due", "kind", "for", "holder", "task")
_NAMES = {"due": "due-today"}
"""Texts of groups whose own name is that of a column."""


def worklist(
    organisation: Organisation = None,
    since: Annotated[
        str | None, typer.Option(metavar="T", help="When you looked last: what is new since then.")
    ] = None,
    person: Annotated[
        str | None, typer.Option(metavar="NAME", help="What this person has taken, and nobody has.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many to show at most.")] = 100,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show what an organisation has to do: overdue, due today, unread, new and changed, the most pressing first.

    The language is that of CAREPATH_LANGUAGE. For example:

      carepath worklist --as stavanger-ke --since 2026-11-20T08:00
    """
    asked: list[dict[str, Any]] = [{"name": "_count", "valueInteger": count}]
    if since:
        told = instant(since).isoformat(timespec="milliseconds")
        asked.append({"name": "_since", "valueInstant": told})
    if person:
        asked.append({"name": "person", "valueString": person})
    with server.connect(url, organisation) as client:
        body = {"resourceType": "Parameters", "parameter": asked}
        bundle = server.answer(
            client.post("/fhir/$worklist", json=body, headers={"Content-Type": server.FHIR})
        )
    output.json(bundle) if as_json else show(bundle, settings().language)


def show(bundle: Mapping[str, Any], language: str) -> None:
    """The Tasks as a table."""
    tasks = server.resources(bundle, "Task")
    columns = [_text(name, language) for name in _COLUMNS]
    output.table(columns, [_row(task, language) for task in tasks], empty=_text("none", language))
    total = bundle.get("total", len(tasks))
    if total > len(tasks):
        counted = {"shown": str(len(tasks)), "total": str(total)}
        output.say(texts.render("worklist.more", counted, language))


def _row(task: Mapping[str, Any], language: str) -> tuple[str, ...]:
    tags = [t["code"] for t in task["meta"]["tag"] if t.get("system") == WORKLIST_GROUP]
    due = datetime.fromisoformat(task["restriction"]["period"]["end"])
    taken = [one["valueString"] for one in task.get("input", ()) if "valueString" in one]
    return (
        ", ".join(_text(_NAMES.get(tag, tag), language) for tag in tags),
        texts.moment(Moment(due), language),
        texts.render(f"promise.{task['code']['coding'][0]['code']}", {}, language),
        task.get("requester", {}).get("reference", "").rpartition("/")[2],
        "".join(taken[:1]),
        task["id"],
    )


def _text(name: str, language: str) -> str:
    return texts.render(f"worklist.{name}", {}, language)
