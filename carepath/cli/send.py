"""``carepath send``: any event from plain values, as a FHIR message."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Final
from urllib.parse import quote

import httpx
import orjson
import typer

from carepath import texts
from carepath.cli import output, publish, server
from carepath.cli.options import LOCAL, AsJson, Organisation, Url, settings
from carepath.cli.output import Trouble
from carepath.service import composing
from carepath.service import typed as told
from carepath.service.composing import Typed, Who
from carepath.service.typed import Typing, Unfit
from fhir_mappings import inbound, outbound
from fhir_mappings.bundle import JSON, identifiers
from fhir_mappings.options import Options
from pathways.events import RULES, Activity
from pathways.messages import Message
from pathways.parties import PartyRef
from pathways.refusals import Refusal

_BASE: Final = "http://127.0.0.1:8000/fhir"
_Event = Annotated[str | None, typer.Argument(metavar="EVENT", help="An event's code: see --list.")]
_Patient = Annotated[
    str | None, typer.Option(metavar="NUMBER", help="A national id, or 'system|value'.")
]
_Municipality = Annotated[
    str | None, typer.Option(metavar="NUMBER", help="The patient's kommunenummer.")
]
_From = Annotated[
    str | None,
    typer.Option("--from", metavar="ORG", help="Who sends: key, organisation number, her:ID."),
]
_To = Annotated[list[str] | None, typer.Option("--to", metavar="ORG", help="A receiver.")]
_Copy = Annotated[
    list[str] | None, typer.Option("--copy", metavar="ORG", help="A receiver for information.")
]
_Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="FIELD=VALUE", help="A fact: see --list. A list is emptied by FIELD=."
    ),
]
_About = Annotated[
    list[str] | None,
    typer.Option(
        "--about", metavar="[FAMILY=]NUMBER", help="The matter's number; of a call its family too."
    ),
]
_Author = Annotated[str | None, typer.Option(metavar="NAME", help="Who writes.")]
_Happened = Annotated[str | None, typer.Option(metavar="T", help="When.", show_default="now")]
_Does = Annotated[Activity, typer.Option("--activity", help="What the message does.")]
_Target = Annotated[
    str | None, typer.Option(metavar="MESSAGE", help="What it corrects, forwards or answers.")
]
_Id = Annotated[str | None, typer.Option("--id", help="Its id.", show_default="a new one")]
_List = Annotated[bool, typer.Option("--list", help="Show events and their fields; send nothing.")]
_Dry = Annotated[bool, typer.Option("--dry-run", help="Print the FHIR message; send nothing.")]


def send(  # noqa: PLR0913, PLR0917 -- an option is an argument
    event: _Event = None,
    patient: _Patient = None,
    municipality: _Municipality = None,
    sender: _From = None,
    to: _To = None,
    copies: _Copy = None,
    sets: _Set = None,
    about: _About = None,
    author: _Author = None,
    happened: _Happened = None,
    activity: _Does = Activity.NEW,
    target: _Target = None,
    id_: _Id = None,
    shows_list: _List = False,
    dry_run: _Dry = False,
    organisation: Organisation = None,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Send any event from plain values, and show the receipt.

    For example:

      carepath send --list

      carepath send inquiry --patient 12824212447 --from bjorkelia-lunge --set text='Når?'
    """
    if shows_list:
        output.table(("Event", "What", "Fields"), _rows(event), empty="There is no such event.")
        return
    who = Who(patient, municipality, sender, to or (), copies or ())
    what = Typed(event, who, sets or (), about or (), author, happened, activity, target, id_)
    if dry_run:
        output.json(_written(_compose(what, Typing(_now(), lambda key: PartyRef(name=key)))))
        return
    with server.connect(url, organisation) as client:
        bundle = _written(_compose(what, Typing(_now(), lambda key: _party(client, key))))
        answer = publish.post(client, orjson.dumps(bundle))
        publish.show([publish.receipt(event or "", answer)], as_json=as_json)


def _compose(what: Typed, typing: Typing) -> Message:
    try:
        return composing.compose(what, typing)
    except Unfit as unfit:
        raise Trouble(str(unfit), "See 'carepath send --list'.") from None


def _now() -> datetime:
    return datetime.now(UTC)


def _written(message: Message) -> JSON:
    """The message as FHIR, if the server's own reader takes it."""
    bundle = outbound.write(message, base_url=_BASE)
    accept_synthetic = settings().accept_synthetic
    options = Options(received=message.written, accept_synthetic=accept_synthetic)
    found = inbound.read(orjson.dumps(bundle), options)
    if isinstance(found, Refusal):
        raise Trouble("; ".join(f"{issue.text} ({issue.where})" for issue in found.issues))
    return bundle


def _party(client: httpx.Client, key: str) -> PartyRef:
    """How the directory knows an organisation that is named by its key."""
    response = client.get(f"/fhir/Organization/{quote(key, safe='')}")
    if response.status_code == httpx.codes.NOT_FOUND:
        raise Trouble(f"{key!r} is not in the directory.", "See 'carepath org list'.")
    found = server.answer(response)
    return PartyRef(identifiers(found.get("identifier")), found.get("name"))


def _rows(event: str | None) -> Iterator[tuple[str, str, str]]:
    """An event in both languages, then each of its fields."""
    for code, rule in RULES.items():
        if rule.ours or event not in (None, str(code)):
            continue
        yield str(code), _said(f"entry.{code}"), ""
        for name, kind in told.field_types(code).items():
            yield "", f"  {name}: {_said(f'field.{name}')}", told.described(kind)


def _said(key: str) -> str:
    return " / ".join(texts.render(key, {}, language) for language in texts.LANGUAGES)
