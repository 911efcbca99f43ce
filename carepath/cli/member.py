"""``carepath member``: who works where in which role, and may sign in to the pages."""

import sys
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from carepath import texts
from carepath.cli import local, output
from carepath.cli.options import AsJson, DatabaseUrl, Language, settings
from carepath.store.members import Membership
from carepath.wiring import people as wired
from carepath.wiring.store import Store
from fhir_mappings import codes
from fhir_mappings.identifiers import check_patient, national
from pathways.access import Role
from pathways.moments import Moment
from pathways.parties import Identifier

app = typer.Typer(
    help="People who sign in: who works where, in which role, from when until when.",
    no_args_is_help=True,
)

_DAY = ["%Y-%m-%d"]


class AtWork(StrEnum):
    """What somebody can be at work."""

    CLINICIAN = Role.CLINICIAN
    STAFF = Role.STAFF
    COORDINATOR = Role.COORDINATOR
    NON_HEALTH = Role.NON_HEALTH
    ADMINISTRATOR = Role.ADMINISTRATOR
    OPERATOR = Role.OPERATOR


Hpr = Annotated[
    str | None, typer.Option("--hpr", metavar="NUMBER", help="Number in Helsepersonellregisteret.")
]
Subject = Annotated[
    str | None,
    typer.Option(
        "--subject", metavar="SUB", help="What the issuer calls them (CAREPATH_OIDC_ISSUER)."
    ),
]
NationalId = Annotated[
    bool,
    typer.Option(
        "--national-id",
        help="Read their national id from standard input: on a command line others would see it.",
    ),
]


@app.command()
def add(  # noqa: PLR0913, PLR0917 -- an option is an argument
    name: Annotated[str, typer.Argument(help="As patients read it in their access log.")],
    role: Annotated[AtWork, typer.Argument(help="What they are there.")],
    party: Annotated[
        str | None,
        typer.Argument(metavar="ORG", help="A directory key; none for the broker's own operators."),
    ] = None,
    hpr: Hpr = None,
    subject: Subject = None,
    national_id: NationalId = False,
    since: Annotated[datetime | None, typer.Option(formats=_DAY, help="The first day.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=_DAY, help="The last day.")] = None,
    database_url: DatabaseUrl = None,
    language: Language = None,
) -> None:
    """Register where somebody works. The issuer must tell of them what they are registered by.

    For example:

      carepath member add "Marit Aas" coordinator solvik-hjemmesykepleie --hpr 900000011

      carepath member add "Nina Dahl" administrator solvik --national-id
    """
    spoken = settings(language=language).language
    identifier = _identifier(hpr, subject, national_id)
    begins = _begin(since.date()) if since else datetime.now(UTC)
    ends = _end(until.date()) if until else None
    if ends is not None and ends <= begins:
        raise output.Trouble(texts.render("member.ends-first", {}, spoken))
    with local.store(database_url) as store:
        _check_party(store, Role(role), party, spoken)
        made = wired.add(store, identifier, name, party, Role(role), begins, ends)
    told = {"name": made.name, "id": made.id}
    output.say(texts.render("member.added", told, spoken))


@app.command("list")
def list_(
    party: Annotated[str | None, typer.Argument(metavar="ORG", help="Of this one only.")] = None,
    database_url: DatabaseUrl = None,
    language: Language = None,
    as_json: AsJson = False,
) -> None:
    """List who works where, those who no longer do, too. National ids are not shown."""
    spoken = settings(language=language).language
    with local.store(database_url) as store:
        found = wired.listed(store, party)
    if as_json:
        output.json([_json(one) for one in found])
        return
    names = ("id", "name", "role", "party", "known-by", "since", "until")
    columns = [texts.render(f"member.{name}", {}, spoken) for name in names]
    empty = texts.render("member.none", {}, spoken)
    output.table(columns, [_row(one, spoken) for one in found], empty=empty)


@app.command()
def end(
    id_: Annotated[str, typer.Argument(metavar="ID", help="As 'carepath member list' shows it.")],
    on: Annotated[
        datetime | None, typer.Option(formats=_DAY, help="The last day; without it, now.")
    ] = None,
    database_url: DatabaseUrl = None,
    language: Language = None,
) -> None:
    """End a membership: who acts under it sees nothing more from that moment, on open pages either."""
    spoken = settings(language=language).language
    until = _end(on.date()) if on else datetime.now(UTC)
    with local.store(database_url) as store:
        ended = wired.end(store, id_, until)
    if ended is None:
        raise output.Trouble(texts.render("member.unknown", {}, spoken))
    output.say(texts.render("member.ended", {"name": ended.name}, spoken))


@app.command("sign-out")
def sign_out(
    hpr: Hpr = None,
    subject: Subject = None,
    national_id: NationalId = False,
    database_url: DatabaseUrl = None,
    language: Language = None,
) -> None:
    """Sign a person out of all their sessions. They may sign in again: 'end' is for who no longer may."""
    chosen = settings(database_url=database_url, language=language)
    identifier = _identifier(hpr, subject, national_id)
    with local.store(database_url) as store:
        number = wired.sign_out(store, chosen, identifier)
    output.say(texts.render("member.signed-out", {"number": str(number)}, chosen.language))


def _identifier(hpr: str | None, subject: str | None, national_id: bool) -> Identifier:
    """By which one thing they are known."""
    if (hpr is not None) + (subject is not None) + national_id != 1:
        hint = "Give one of --hpr, --subject and --national-id."
        raise output.Trouble("a person is known by one thing.", hint)
    if hpr is not None:
        return Identifier(codes.HPR, hpr)
    if subject is not None:
        issuer = settings().oidc_issuer
        if issuer is None:
            raise output.Trouble("no issuer is set.", "Set CAREPATH_OIDC_ISSUER.")
        return Identifier(issuer, subject)
    return _national()


def _national() -> Identifier:
    """A national id that is typed unseen, or comes through a pipe."""
    asked = typer.prompt("National id", hide_input=True) if sys.stdin.isatty() else input()
    named = national(str(asked).strip())
    accepted = settings().accept_synthetic
    told = [{"system": named.system, "value": named.value}]
    year = datetime.now(UTC).year
    if wrong := check_patient(told, "person", accept_synthetic=accepted, year=year):
        raise output.Trouble(f"{wrong.text}.")
    return named


def _check_party(store: Store, role: Role, party: str | None, language: str) -> None:
    if (role is Role.OPERATOR) != (party is None):
        raise output.Trouble(texts.render("member.where", {}, language))
    if party is not None and store.party(party) is None:
        raise output.Trouble(f"no organisation has the key {party}.", "See 'carepath org list'.")


def _begin(day: date) -> datetime:
    return datetime.combine(day, time.min, texts.ZONE).astimezone(UTC)


def _end(day: date) -> datetime:
    return _begin(day + timedelta(days=1))


def _known_by(identifier: Identifier, language: str) -> str:
    """By what, and the value of all but national ids."""
    if identifier.system in {codes.FNR, codes.DNR}:
        return texts.render("member.national-id", {}, language)
    name = "HPR" if identifier.system == codes.HPR else identifier.system
    return f"{name} {identifier.value}"


def _row(one: Membership, language: str) -> tuple[str, ...]:
    return (
        one.id,
        one.name,
        texts.render(f"who.role.{one.role}", {}, language),
        one.party or "",
        _known_by(one.identifier, language),
        texts.moment(Moment(one.since), language),
        texts.moment(Moment(one.until), language) if one.until else "",
    )


def _json(one: Membership) -> dict[str, Any]:
    is_national = one.identifier.system in {codes.FNR, codes.DNR}
    return {
        "id": one.id,
        "name": one.name,
        "role": one.role,
        "party": one.party,
        "system": one.identifier.system,
        "value": None if is_national else one.identifier.value,
        "since": one.since,
        "until": one.until,
    }
