"""``carepath promises``: what is owed, why one is told of it, who has taken it, and what is put off."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from carepath import texts
from carepath.cli import local, output
from carepath.cli.options import AsJson, DatabaseUrl, Language, instant, settings
from carepath.wiring import promises as wired
from pathways.moments import Moment
from pathways.watched import Snooze, Watched, put_off
from pathways.watched import take as taken

app = typer.Typer(
    help="What is promised and owed: by whom, until when, and why you are told of it.",
    no_args_is_help=True,
)

Id = Annotated[str, typer.Argument(metavar="ID", help="As 'carepath promises list' shows it.")]
Name = Annotated[str, typer.Option("--name", help="Who you are.")]


@app.command("list")
def list_(
    party: Annotated[
        str | None, typer.Option("--of", metavar="ORG", help="Owed by this organisation.")
    ] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what is overdue.")] = False,
    database_url: DatabaseUrl = None,
    language: Language = None,
    as_json: AsJson = False,
) -> None:
    """List what is owed, what is due first on top."""
    spoken = settings(language=language).language
    with local.store(database_url) as store:
        found = wired.listed(store, party, overdue=overdue)
    if as_json:
        output.json([asdict(one) for one in found])
        return
    names = ("id", "kind", "due", "responsible", "other", "stands", "holder")
    columns = [_say(name, spoken) for name in names]
    output.table(columns, [_row(one, spoken) for one in found], empty=_say("none", spoken))


@app.command()
def why(
    id_: Id, database_url: DatabaseUrl = None, language: Language = None, as_json: AsJson = False
) -> None:
    """Say why you are told of a promise: what asked for it, what its time is counted by, who was told."""
    spoken = settings(language=language).language
    with local.store(database_url) as store:
        one = wired.show(store, id_)
    if one is None:
        raise _unknown(spoken)
    if as_json:
        output.json(asdict(one))
        return
    for line in _reasons(one, spoken):
        output.say(line)


@app.command()
def take(id_: Id, name: Name, database_url: DatabaseUrl = None, language: Language = None) -> None:
    """Take a promise: you are the one who does it."""
    spoken = settings(language=language).language
    with local.store(database_url) as store:
        after = wired.change(store, id_, lambda one, _: taken(one, name))
    output.say(_say("taken", spoken, holder=_open(after, spoken).holder or ""))


@app.command()
def snooze(
    id_: Id,
    until: Annotated[str, typer.Option(metavar="WHEN", help="Nobody is told before.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept.")],
    name: Name,
    database_url: DatabaseUrl = None,
    language: Language = None,
) -> None:
    """Put a promise off: nobody is reminded or alarmed before then. It stays due when it was."""
    spoken = settings(language=language).language
    at = instant(until)
    if at <= datetime.now(UTC) or not reason.strip():
        raise output.Trouble(_say("no-snooze", spoken))
    wanted = Snooze(at, reason.strip(), name)

    with local.store(database_url) as store:
        after = wired.change(store, id_, lambda one, by: put_off(one, wanted, by))
    _open(after, spoken)
    output.say(_say("snoozed", spoken, until=Moment(at), reason=wanted.reason, by=name))


def _say(name: str, language: str, **told: str | Moment) -> str:
    return texts.render(f"promises.{name}", told, language)


def _unknown(language: str) -> output.Trouble:
    return output.Trouble(_say("unknown", language))


def _open(one: Watched | None, language: str) -> Watched:
    if one is None:
        raise _unknown(language)
    if not one.is_open:
        raise output.Trouble(_say("closed", language))
    return one


def _kind(one: Watched, language: str) -> str:
    return texts.render(f"promise.{one.kind}", {}, language)


def _stands(one: Watched) -> str:
    if one.is_open:
        return "overdue" if one.is_overdue else "open"
    return {True: "kept-in-time", False: "kept-late", None: "withdrawn"}[one.kept_in_time]


def _row(one: Watched, language: str) -> tuple[str, ...]:
    return (
        one.id,
        _kind(one, language),
        texts.moment(Moment(one.due), language),
        one.responsible,
        one.other or "",
        _say(_stands(one), language),
        one.holder or "",
    )


def _reasons(one: Watched, language: str) -> Iterator[str]:
    course = one.course
    opened, due = Moment(one.opened), Moment(one.due)
    yield _say("what", language, kind=_kind(one, language), stands=_say(_stands(one), language))
    yield _say("opened", language, opened=opened, by=course.opened_by)
    yield _say("owed", language, responsible=one.responsible, other=one.other or "")
    yield _say("due-at", language, due=due)
    if course.limit:
        amount = {"amount": str(course.limit.amount)}
        limit = texts.render(f"limit.{course.limit.unit}", amount, language)
        yield _say("counted", language, limit=limit, source=course.limit.source or "")
    else:
        yield _say("named", language)
    if one.holder:
        yield _say("taken", language, holder=one.holder)
    if snoozed := course.snooze:
        told = {"reason": snoozed.reason, "by": snoozed.by}
        yield _say("snoozed", language, until=Moment(snoozed.until), **told)
    for sent in (*course.past, *course.alarms):
        yield _say("alarmed", language, to=", ".join(sent.to), at=Moment(sent.at))
    if one.next_at:
        yield _say("next", language, at=Moment(one.next_at))
