"""``carepath publish``: message files to the server, and its receipts."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.progress import track
from rich.text import Text

from carepath.cli import output, server
from carepath.cli.options import LOCAL, AsJson, Organisation, Url, settings
from fhir_mappings import formats, inbound
from fhir_mappings.kith.receipts import errors
from fhir_mappings.options import Options
from pathways.facts import ReceiptFacts
from pathways.messages import Message
from pathways.refusals import Refusal

_COLOURS = {"ok": "green", "transient-error": "yellow", "fatal-error": "red"}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of one file: ``answer`` is FHIR's ok, transient-error or fatal-error."""

    file: str
    answer: str
    message: str | None = None
    details: tuple[str, ...] = ()


def publish(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…", help="FHIR message Bundles, JSON or XML; Norwegian messages in XML."
        ),
    ],
    organisation: Organisation = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Map and check here; send nothing.")
    ] = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Send messages and show the receipts. Ends with 1 when one is refused, whatever became of the others.

    For example:

      carepath publish admission.json

      carepath publish --as slagen-akutt *.json

      carepath publish --dry-run admission.json

      carepath publish innlagt.xml
    """
    sources = [(str(path), read_file(path)) for path in files]
    receipts = list(_dry(sources) if dry_run else _sent(sources, url, organisation))
    show(receipts, as_json=as_json)


def read_file(path: Path) -> bytes:
    """A file's bytes. Raises ``Trouble``."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise output.Trouble(f"{path} cannot be read: {error.strerror}.") from None


def _dry(sources: Iterable[tuple[str, bytes]]) -> Iterator[Receipt]:
    """What the server's own reader says, without a server."""
    accept_synthetic = settings().accept_synthetic
    options = Options(received=datetime.now(UTC), accept_synthetic=accept_synthetic)
    for file, source in sources:
        found = inbound.read(source, options)
        if isinstance(found, Refusal):
            details = tuple(f"{issue.text} ({issue.where})" for issue in found.issues)
            yield Receipt(file, "fatal-error", None, details)
        else:
            yield Receipt(file, "ok", found.id, (f"{found.code} ({found.activity})",))


def _sent(
    sources: list[tuple[str, bytes]], url: str, organisation: str | None
) -> Iterator[Receipt]:
    """In the order given: a request may need what stands before it."""
    with server.connect(url, organisation) as client:
        several = track(
            sources, "Publishing", console=output.ERR, transient=True, disable=len(sources) < 2
        )
        for file, source in several:
            yield receipt(file, post(client, source))


def post(client: httpx.Client, source: bytes) -> httpx.Response:
    """One message to the server, at the door where its language is spoken."""
    type_ = formats.media_type(source)
    path = "/kith/messages" if type_ == formats.KITH_XML else "/fhir/$process-message"
    return client.post(path, content=source, headers={"Content-Type": type_})


def receipt(file: str, response: httpx.Response) -> Receipt:
    """The receipt in a response; an OperationOutcome is one too, and an AppRec."""
    if response.status_code == httpx.codes.NO_CONTENT:  # receipts are not answered
        return Receipt(file, "ok")
    if formats.media_type(response.content) == formats.KITH_XML:
        return _apprec(file, response.content)
    body = server.resource(response)
    headers = server.resources(body, "MessageHeader")
    said = headers[0].get("response", {}) if headers else {}
    later = response.status_code >= 500 or response.status_code == 429
    by_status = "ok" if response.is_success else "transient-error" if later else "fatal-error"
    details = tuple(server.told_issues(body))
    return Receipt(file, said.get("code", by_status), said.get("identifier"), details)


def _apprec(file: str, source: bytes) -> Receipt:
    """What an AppRec says: OK, OK with an error in part, or refused; with its errors in words."""
    told = errors(source)
    found = inbound.read(source, Options(received=datetime.now(UTC)))
    facts = found.facts if isinstance(found, Message) else None
    if not isinstance(facts, ReceiptFacts):
        raise output.Trouble(f"the answer about {file} is no AppRec.", "Is it a Carepath server?")
    return Receipt(file, facts.response or "fatal-error", facts.about, told)


def show(receipts: list[Receipt], *, as_json: bool) -> None:
    """The receipts as a table or as JSON. Ends with 1 when one is not ok."""
    if as_json:
        output.json([asdict(receipt) for receipt in receipts])
    else:
        _table(receipts)
    if any(receipt.answer != "ok" for receipt in receipts):
        raise typer.Exit(1)


def _table(receipts: list[Receipt]) -> None:
    rows = [
        (
            receipt.file,
            Text(receipt.answer, style=_COLOURS.get(receipt.answer, "")),
            receipt.message or "",
            "\n".join(receipt.details),
        )
        for receipt in receipts
    ]
    output.table(("File", "Answer", "Message", "Details"), rows, empty="Nothing was sent.")
