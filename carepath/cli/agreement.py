"""``carepath agreement``: what two organisations have agreed on: limits, and that they see each other's entries."""

from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

import typer

from carepath import texts
from carepath.cli import local, output
from carepath.cli.options import AsJson, DatabaseUrl, Language, settings
from carepath.store.agreements import Kept
from carepath.store.sharing import Kept as KeptSharing
from carepath.wiring import agreements as wired
from pathways.calendars import Limit, Unit
from pathways.deadlines import Agreement
from pathways.moments import Moment
from pathways.promises import PromiseKind
from pathways.refusals import Cause
from pathways.sharing import Sharing

app = typer.Typer(
    help="What two organisations agreed on: how long something may take, and what they share.",
    no_args_is_help=True,
)

_DAY = ["%Y-%m-%d"]
Org = Annotated[
    str, typer.Argument(metavar="ORG", help="A directory key; a unit's is its house's.")
]


@app.command()
def add(  # noqa: PLR0913, PLR0917 -- an option is an argument
    kind: Annotated[PromiseKind, typer.Argument(help="What it is about.")],
    one: Org,
    other: Org,
    amount: Annotated[int, typer.Argument(min=0, max=9_999, help="How long; 0 for same-day.")],
    unit: Annotated[Unit, typer.Argument(help="What is counted.")],
    since: Annotated[datetime, typer.Option(formats=_DAY, help="The first day.")],
    until: Annotated[datetime | None, typer.Option(formats=_DAY, help="The last day.")] = None,
    note: Annotated[str | None, typer.Option(help="Where it is written down.")] = None,
    database_url: DatabaseUrl = None,
    language: Language = None,
) -> None:
    """Enter an agreement between two organisations. Limits that the law sets cannot be agreed on.

    For example:

      carepath agreement add capacity-answer sus stavanger 4 hours --since 2026-12-01
    """
    spoken = settings(language=language).language
    wanted = Agreement(
        kind=kind,
        parties=(one, other),
        limit=Limit(amount, unit),
        since=_begin(since.date()),
        until=_end(until.date()) if until else None,
    )
    with local.store(database_url) as store:
        made = wired.make(store, wanted, note)
    if isinstance(made, Cause):
        raise _refused(made, spoken)
    told = {"kind": _kind(kind, spoken), "limit": _limit(wanted.limit, spoken), "id": made.id}
    output.say(texts.render("agreement.added", told, spoken))
    begins = Moment(wanted.since, day=True)
    output.say(texts.render("agreement.counts", {"since": begins}, spoken))


@app.command("list")
def list_(
    database_url: DatabaseUrl = None, language: Language = None, as_json: AsJson = False
) -> None:
    """List all agreements, those that have ended too."""
    spoken = settings(language=language).language
    with local.store(database_url) as store:
        found = wired.listed(store)
    if as_json:
        output.json([_json(kept) for kept in found])
        return
    names = ("id", "kind", "parties", "limit", "since", "until", "note")
    columns = [texts.render(f"agreement.{name}", {}, spoken) for name in names]
    empty = texts.render("agreement.none", {}, spoken)
    output.table(columns, [_row(kept, spoken) for kept in found], empty=empty)


@app.command()
def end(
    id_: Annotated[
        str, typer.Argument(metavar="ID", help="As 'carepath agreement list' shows it.")
    ],
    on: Annotated[datetime, typer.Option(formats=_DAY, help="The last day it holds.")],
    database_url: DatabaseUrl = None,
    language: Language = None,
) -> None:
    """End an agreement. What was promised while it held stays as it was."""
    spoken = settings(language=language).language
    until = _end(on.date())
    with local.store(database_url) as store:
        ended = wired.end(store, id_, until) or wired.end_sharing(store, id_, until)
    if ended is None:
        raise output.Trouble(texts.render("agreement.unknown", {}, spoken))
    if isinstance(ended, Cause):
        raise _refused(ended, spoken)
    output.say(texts.render("agreement.ended", {"until": _last_day(until)}, spoken))


@app.command()
def share(  # noqa: PLR0913, PLR0917 -- an option is an argument
    one: Org,
    other: Org,
    controller: Annotated[
        str, typer.Option(metavar="ORG", help="The data controller: one of the two.")
    ],
    legal_basis: Annotated[str, typer.Option(help="The section of the law it rests on.")],
    since: Annotated[datetime, typer.Option(formats=_DAY, help="The first day.")],
    until: Annotated[datetime | None, typer.Option(formats=_DAY, help="The last day.")] = None,
    note: Annotated[str | None, typer.Option(help="Where it is written down.")] = None,
    database_url: DatabaseUrl = None,
    language: Language = None,
) -> None:
    """Enter that two organisations see more of a pathway they both have a part in than was sent to them.

    For example:

      carepath agreement share sus stavanger --controller sus --legal-basis 'pasientjournalloven § 9' --since 2026-12-01
    """
    spoken = settings(language=language).language
    wanted = Sharing(
        parties=(one, other),
        controller=controller,
        legal_basis=legal_basis,
        since=_begin(since.date()),
        until=_end(until.date()) if until else None,
    )
    with local.store(database_url) as store:
        made = wired.share(store, wanted, note)
    if isinstance(made, Cause):
        raise _refused(made, spoken)
    begins = Moment(wanted.since, day=True)
    names = " – ".join(made.agreement.parties)
    output.say(
        texts.render("agreement.shared", {"since": begins, "parties": names, "id": made.id}, spoken)
    )


@app.command()
def shared(
    database_url: DatabaseUrl = None, language: Language = None, as_json: AsJson = False
) -> None:
    """List who shares with whom, and who did."""
    spoken = settings(language=language).language
    with local.store(database_url) as store:
        found = wired.shared(store)
    if as_json:
        output.json(
            [{**asdict(kept.agreement), "id": kept.id, "note": kept.note} for kept in found]
        )
        return
    names = ("id", "parties", "controller", "legal_basis", "since", "until", "note")
    columns = [texts.render(f"agreement.{name}", {}, spoken) for name in names]
    empty = texts.render("agreement.none_shared", {}, spoken)
    output.table(columns, [_shared(kept, spoken) for kept in found], empty=empty)


def _shared(kept: KeptSharing, language: str) -> tuple[str, ...]:
    agreed = kept.agreement
    return (
        kept.id,
        " – ".join(agreed.parties),
        agreed.controller,
        agreed.legal_basis,
        texts.moment(Moment(agreed.since, day=True), language),
        texts.moment(_last_day(agreed.until), language) if agreed.until else "",
        kept.note or "",
    )


def _begin(day: date) -> datetime:
    return datetime.combine(day, time.min, texts.ZONE).astimezone(UTC)


def _end(day: date) -> datetime:
    return _begin(day + timedelta(days=1))


def _last_day(until: datetime) -> Moment:
    return Moment(until - timedelta(microseconds=1), day=True)


def _refused(cause: Cause, language: str) -> output.Trouble:
    return output.Trouble(texts.render(f"refusal.{cause}", {}, language))


def _kind(kind: PromiseKind, language: str) -> str:
    return texts.render(f"promise.{kind}", {}, language)


def _limit(limit: Limit, language: str) -> str:
    return texts.render(f"limit.{limit.unit}", {"amount": str(limit.amount)}, language)


def _row(kept: Kept, language: str) -> tuple[str, ...]:
    agreed = kept.agreement
    return (
        kept.id,
        _kind(agreed.kind, language),
        " – ".join(agreed.parties),
        _limit(agreed.limit, language),
        texts.moment(Moment(agreed.since, day=True), language),
        texts.moment(_last_day(agreed.until), language) if agreed.until else "",
        kept.note or "",
    )


def _json(kept: Kept) -> dict[str, Any]:
    agreed = kept.agreement
    return {
        "id": kept.id,
        "kind": agreed.kind,
        "parties": agreed.parties,
        "amount": agreed.limit.amount,
        "unit": agreed.limit.unit,
        "since": agreed.since,
        "until": agreed.until,
        "note": kept.note,
    }
