"""How an interaction is described: what it takes, what it can answer, and the parameters that many share."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from carepath.api.errors import FHIR_JSON
from carepath.api.exchange import ORGANISATION
from carepath.api.negotiation import NAMES
from carepath.api.results import SUMMARIES, TOTALS

JSON = dict[str, Any]
Interaction = Callable[[Request], Awaitable[Response]]

FORM: Final = "application/x-www-form-urlencoded"
TEXT: Final = "text/plain"
PLAIN_JSON: Final = "application/json"
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
    """One interaction. ``gives``: the FHIR types of 200's body; ``{type}`` is the type in the address.

    ``media``: of that body; ``takes``: of the request's, and ``receives`` its FHIR type, if it has one, ``asked``
    and ``told`` what may stand in the request's and in 200's; ``answers``: by status, in words, those with a body
    of their own; ``refuses``: the other statuses, besides 403 and 500 which every address can answer; ``searches``:
    it also takes the search parameters of the type, in the query or as a form; ``fields``: those of another form.
    """

    id: str
    summary: str
    gives: tuple[str, ...] = ()
    media: tuple[str, ...] = (FHIR_JSON,)
    answers: Mapping[int, str]
    refuses: tuple[int, ...] = ()
    parameters: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    receives: str = "Bundle"
    asked: Callable[[], JSON] | None = None
    told: Callable[[], JSON] | None = None
    searches: bool = False
    fields: tuple[str, ...] = ()


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
        enum=[*NAMES],
    ),
    "pretty": _parameter(
        "query",
        "_pretty",
        "true: indented, for people to read.",
        type="string",
        enum=["true", "false"],
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
    "if-none-exist": _parameter(
        "header",
        "If-None-Exist",
        "Search parameters: nothing is made where one is found, and the answer is that one.",
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
    "after": _parameter(
        "query",
        "_after",
        "What follows this number of the feed; the link to the next page has it.",
        type="string",
        pattern=r"^[0-9]{1,18}$",
    ),
    "before": _parameter(
        "query",
        "_before",
        "Versions below this one; the link to the next page has it.",
        type="integer",
        minimum=0,
        maximum=9_999_999_999,
    ),
    "summary": _parameter(
        "query",
        "_summary",
        "How much of each resource; count: only how many there are.",
        type="string",
        enum=[*SUMMARIES],
    ),
    "elements": _parameter(
        "query",
        "_elements",
        "These elements only, and the mandatory ones.",
        type="string",
        pattern="^([A-Za-z][A-Za-z0-9]{0,63}(,[A-Za-z][A-Za-z0-9]{0,63})*)?$",
    ),
    "total": _parameter(
        "query", "_total", "none: do not count the matches.", type="string", enum=[*TOTALS]
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
    "if-match": _parameter(
        "header",
        "If-Match",
        'The version that is meant, such as W/"2": 412 when it is no longer the newest.',
        type="string",
        pattern=NOT_CONTROL,
    ),
    "return": _parameter(
        "header",
        "Prefer",
        "return=minimal, return=representation or return=OperationOutcome: what the answer has in its body.",
        type="string",
        pattern=NOT_CONTROL,
    ),
    "subscription-ids": _parameter(
        "query",
        "id",
        "Ids of Subscriptions; with commas between, any of them.",
        type="string",
        pattern=r"^([A-Za-z0-9.-]{1,64}(,[A-Za-z0-9.-]{1,64})*)?$",
    ),
    "subscription-statuses": _parameter(
        "query",
        "status",
        "How they stand: requested, active, error or off; with commas between, any of them.",
        type="string",
        pattern=r"^((requested|active|error|off)(,(requested|active|error|off))*)?$",
    ),
    "care-start": _parameter(
        "query",
        "start",
        "Only care that was still given on this date or later.",
        type="string",
        pattern=f"^({TIME})?$",
    ),
    "care-end": _parameter(
        "query",
        "end",
        "Only care that had begun on this date; not before start.",
        type="string",
        pattern=f"^({TIME})?$",
    ),
    "weeks": _parameter(
        "query",
        "weeks",
        "For how many weeks nobody was in contact.",
        type="integer",
        minimum=1,
        maximum=520,
        default=4,
    ),
    "period-start": _parameter(
        "query", "start", "The first day of the period.", type="string", pattern=f"^{TIME}$"
    )
    | {"required": True},
    "period-end": _parameter(
        "query",
        "end",
        "Its last day, within a year of the first.",
        type="string",
        pattern=f"^{TIME}$",
    )
    | {"required": True},
    "changed-since": _parameter(
        "query",
        "_since",
        "Only what has changed since then.",
        type="string",
        pattern=f"^({TIME})?$",
    ),
    "types": _parameter(
        "query",
        "_type",
        "Only these types of resources, with commas between.",
        type="string",
        pattern=r"^([A-Z][A-Za-z]{1,63}(,[A-Z][A-Za-z]{1,63})*)?$",
    ),
    "page-size": _parameter(
        "query",
        "_count",
        "How many on a page; never more than 500 are given.",
        type="integer",
        minimum=0,
        maximum=999_999_999,
        default=500,
    ),
    "line": _parameter(
        "query",
        "_page",
        "Lines before this one; the link to the next page has it.",
        type="string",
        pattern=r"^([0-9a-f]{16}-[0-9a-f]{16})?$",
    ),
    "lines-since": _parameter(
        "query",
        "_since",
        "Only lines from this moment on; a day from its beginning.",
        type="string",
        pattern=f"^({TIME})?$",
    ),
    "log-patient": _parameter(
        "query",
        "patient",
        "Patient/id or id: whose log.",
        type="string",
        pattern=r"^((Patient/)?[A-Za-z0-9.-]{1,64})?$",
    ),
    "log-date": _parameter(
        "query",
        "date",
        "When: a date, or eq, ge, gt, le or lt before one.",
        type="string",
        pattern=f"^((eq|ge|gt|le|lt)?{TIME})?$",
    ),
    "page": _parameter(
        "query",
        "_page",
        "What follows this resource; the link to the next page has it.",
        type="string",
        pattern=r"^([A-Z][A-Za-z]{1,63}/[A-Za-z0-9.-]{1,64})?$",
    ),
    "events-since": _parameter(
        "query",
        "eventsSinceNumber",
        "The number of the first event; without it, 1.",
        type="string",
        pattern=r"^[0-9]{1,18}$",
    ),
    "events-until": _parameter(
        "query",
        "eventsUntilNumber",
        "The number of the last event; without it, the newest.",
        type="string",
        pattern=r"^[0-9]{1,18}$",
    ),
    "content": _parameter(
        "query",
        "content",
        "How much is told, if less than was subscribed to.",
        type="string",
        enum=["empty", "id-only", "full-resource"],
    ),
}
"""Parameters by the name that operations call them."""
