"""What each interaction takes and how it can answer: the half of ``/openapi.json`` that no route tells.

Every answer that is no success is an OperationOutcome, so an operation names their statuses only.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from carepath.api.binary import binary
from carepath.api.errors import FHIR_JSON
from carepath.api.events import events
from carepath.api.exchange import JSON_TYPES, ORGANISATION
from carepath.api.health import livez, metrics, readyz
from carepath.api.history import history
from carepath.api.metadata import metadata
from carepath.api.process_message import process_message
from carepath.api.read import read
from carepath.api.search import search, search_by_form
from carepath.api.summary import summary
from carepath.api.timeline import timeline
from carepath.api.vread import vread
from carepath.api.where import where_
from carepath.service import STATUS

JSON = dict[str, Any]
Interaction = Callable[[Request], Awaitable[Response]]

FORM: Final = "application/x-www-form-urlencoded"
TEXT: Final = "text/plain"
STREAM: Final = "text/event-stream"
ANY: Final = "*/*"
NOT_CONTROL: Final = r"^[^\u0000-\u001f]*$"
KEY: Final = r"^[A-Za-z0-9._-]{1,64}$"
TIME: Final = (
    r"[1-9][0-9]{3}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01])"
    r"(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9]))?)?)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One interaction. ``gives``: the FHIR types of 200's body in FHIR JSON; ``{type}`` is the type in the address.

    ``media``: of that body; ``takes``: of the request's; ``answers``: successes by status, in words; ``refuses``:
    the other statuses, besides 403 and 500 which every address can answer; ``searches``: it also takes the search
    parameters of the type, in the query or as a form.
    """

    id: str
    summary: str
    gives: tuple[str, ...] = ()
    media: tuple[str, ...] = (FHIR_JSON,)
    answers: Mapping[int, str]
    refuses: tuple[int, ...] = ()
    parameters: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    searches: bool = False


def _parameter(place: str, name: str, description: str, **schema: Any) -> JSON:
    return {"in": place, "name": name, "description": description, "schema": schema}


COMMON: Final[Mapping[str, JSON]] = {
    "organisation": _parameter(
        "header",
        ORGANISATION,
        "Who asks: a directory key. Without it, open mode answers the operator.",
        type="string",
        pattern=KEY,
    ),
    "format": _parameter(
        "query",
        "_format",
        "Counts more than Accept.",
        type="string",
        enum=sorted({*JSON_TYPES, "json", "text/json"}),
    ),
    "language": _parameter(
        "header",
        "Accept-Language",
        "The language of the sentences that people read: nb or en.",
        type="string",
        pattern=NOT_CONTROL,
    ),
    "if-none-match": _parameter(
        "header",
        "If-None-Match",
        'The versions that the caller has, such as W/"2": 304 when the newest is among them.',
        type="string",
        pattern=NOT_CONTROL,
    ),
    "if-modified-since": _parameter(
        "header",
        "If-Modified-Since",
        "An HTTP date: 304 when nothing has changed since.",
        type="string",
        pattern=NOT_CONTROL,
    ),
    "prefer": _parameter(
        "header",
        "Prefer",
        "handling=strict refuses parameters that are not known.",
        type="string",
        pattern=NOT_CONTROL,
    ),
    "async": _parameter(
        "query",
        "async",
        "The answer is sent to the sender's registered endpoint instead.",
        type="string",
        enum=["true", "false"],
    ),
    "response-url": _parameter(
        "query",
        "response-url",
        "Where the answer is sent, at or below the registered endpoint; only with async=true.",
        type="string",
        format="uri",
    ),
    "as-of": _parameter(
        "query",
        "asOf",
        "What was known at a moment; a day counts to its end.",
        type="string",
        pattern=f"^({TIME})?$",
    ),
    "count": _parameter(
        "query",
        "_count",
        "How many on a page; never more than 200 are given.",
        type="integer",
        minimum=0,
        maximum=999_999_999,
        default=50,
    ),
    "before": _parameter(
        "query",
        "_before",
        "Versions below this one; the link to the next page has it.",
        type="integer",
        minimum=0,
        maximum=9_999_999_999,
    ),
    "sort": _parameter(
        "query",
        "_sort",
        "By when it was changed: oldest first, or with '-' newest first.",
        type="string",
        enum=["_lastUpdated", "-_lastUpdated"],
    ),
    "summary": _parameter(
        "query", "_summary", "count: only how many.", type="string", enum=["count", "false"]
    ),
    "org": _parameter(
        "query",
        "org",
        f"Whose feed: a directory key, where {ORGANISATION} does not say it; * is the operator's own.",
        type="string",
        pattern=rf"^(\*|{KEY[1:-1]})$",
    ),
    "since": _parameter(
        "query",
        "since",
        "The last number of the feed that the caller has: what follows is sent. Without it, what comes from now on.",
        type="string",
        pattern=r"^[0-9]{1,18}$",
    ),
    "last-event-id": _parameter(
        "header",
        "Last-Event-ID",
        "As since, and counts more: a browser that connects again sends it.",
        type="string",
        pattern=r"^[0-9]{1,18}$",
    ),
}
"""Parameters by the name that operations call them."""

_FHIR: Final = ("organisation", "format")
_CONDITIONS: Final = ("if-none-match", "if-modified-since")
_SEARCH: Final = (*_FHIR, "prefer", "count", "sort", "summary")
_STATE: Final = "The resource. ETag is its version, Last-Modified when it became so."
_KNOWN: Final = "The caller has this version already."

OPERATIONS: Final[Mapping[Interaction, Operation]] = {
    process_message: Operation(
        id="processMessage",
        summary="Take a message in. The answer is definitive: what it says is committed.",
        takes=tuple(sorted(JSON_TYPES)),
        parameters=(*_FHIR, "async", "response-url"),
        gives=("Bundle",),
        answers={
            200: "Taken in: the response message; a repeat gets the same bytes. Without a body when async=true.",
            202: "Kept until it can be placed: an OperationOutcome says why.",
            204: "An acknowledgement was taken in; it is never answered.",
        },
        refuses=(*sorted({*STATUS.values(), 406, 415, 503} - {403, 500}),),
    ),
    metadata: Operation(
        id="capabilities",
        summary="What this server can do.",
        parameters=("format",),
        gives=("CapabilityStatement",),
        answers={200: "The CapabilityStatement."},
        refuses=(406,),
    ),
    timeline: Operation(
        id="timeline",
        summary="What happened to the patient, oldest first: a Provenance for each entry, then the current resources.",
        parameters=(*_FHIR, "as-of", "language"),
        gives=("Bundle",),
        answers={200: "A searchset; its sentences in the language of Content-Language."},
        refuses=(400, 404, 406, 503),
    ),
    summary: Operation(
        id="summary",
        summary="The handover document, as of now.",
        parameters=(*_FHIR, "language"),
        gives=("Bundle",),
        answers={200: "A document in the language of Content-Language."},
        refuses=(400, 404, 406, 503),
    ),
    where_: Operation(
        id="where",
        summary="How far a message has come with each receiver.",
        parameters=_FHIR,
        gives=("Parameters",),
        answers={
            200: "One message for each that bears the id, with one receiver for each it went to."
        },
        refuses=(400, 404, 406, 503),
    ),
    binary: Operation(
        id="original",
        summary="A message as its sender wrote it, byte for byte.",
        parameters=("organisation",),
        media=(FHIR_JSON, ANY),
        gives=("Bundle", "Binary"),
        answers={200: "The very bytes, in their own media type."},
        refuses=(400, 404, 410, 503),
    ),
    search: Operation(
        id="search{type}",
        summary="Find resources of this type.",
        searches=True,
        parameters=_SEARCH,
        gives=("Bundle",),
        answers={200: "A searchset in pages, empty when nothing matches."},
        refuses=(400, 406, 503),
    ),
    search_by_form: Operation(
        id="search{type}ByForm",
        summary="The same, with the parameters where they leave no trace in logs.",
        searches=True,
        takes=(FORM,),
        parameters=_SEARCH,
        gives=("Bundle",),
        answers={200: "A searchset in pages, empty when nothing matches."},
        refuses=(400, 406, 413, 415, 503),
    ),
    read: Operation(
        id="read{type}",
        summary="The resource as it stands now.",
        parameters=(*_FHIR, *_CONDITIONS),
        gives=("{type}",),
        answers={200: _STATE, 304: _KNOWN},
        refuses=(400, 404, 406, 410, 503),
    ),
    history: Operation(
        id="history{type}",
        summary="Every version of the resource, newest first.",
        parameters=(*_FHIR, "count", "before"),
        gives=("Bundle",),
        answers={200: "A history in pages."},
        refuses=(400, 404, 406, 503),
    ),
    vread: Operation(
        id="version{type}",
        summary="The resource as it was.",
        parameters=(*_FHIR, *_CONDITIONS),
        gives=("{type}",),
        answers={200: _STATE, 304: _KNOWN},
        refuses=(400, 404, 406, 410, 503),
    ),
    events: Operation(
        id="events",
        summary="A receiver's feed as server-sent events, which schemas/generated/asyncapi.json describes.",
        media=(STREAM,),
        parameters=("organisation", "org", "since", "last-event-id"),
        answers={
            200: "Events without end: id is the feed number, event the code, data a CloudEvent."
        },
        refuses=(400, 503),
    ),
    livez: Operation(
        id="live", summary="Whether the process answers.", media=(TEXT,), answers={200: "It does."}
    ),
    readyz: Operation(
        id="ready",
        summary="Whether the store answers too.",
        media=(TEXT,),
        answers={200: "It does."},
        refuses=(503,),
    ),
    metrics: Operation(
        id="metrics",
        summary="The figures of this process, in Prometheus' text format.",
        media=(TEXT,),
        answers={200: "The figures."},
        refuses=(503,),
    ),
}
"""Every interaction of ``app.ROUTES`` but the document's own."""
