"""What went wrong, told as a page to people who look at pages; programs get the answer as it is."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from carepath.ui.rendering import page

_PROGRAMS: Final = (
    "/fhir",
    "/kith",
    "/auth",
    "/events",
    "/openapi",
    "/livez",
    "/readyz",
    "/metrics",
)
_TEXTS: Final[Mapping[int, str]] = {
    404: "page.nothing-here",
    405: "page.nothing-here",
    500: "page.fault",
    503: "page.away",
}
_KEPT: Final = frozenset({"allow", "retry-after"})


def readable(request: Request, answer: Response) -> Response:
    """The answer, or a page with its status that says the same in the reader's language."""
    asked_for = request.headers.get("accept", "")
    if request.url.path.startswith(_PROGRAMS) or "text/html" not in asked_for:
        return answer
    key = _TEXTS.get(answer.status_code, "page.cannot")
    made = page(request, "problem.html", status=answer.status_code, problem=key)
    made.headers.update({name: text for name, text in answer.headers.items() if name in _KEPT})
    return made
