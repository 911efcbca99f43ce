"""A page as bytes: a template in the reader's language, under a content policy without inline script or style."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from carepath import texts
from carepath.ui.navigation import places
from carepath.ui.words import dated
from pathways.moments import Moment
from pathways.pathway import Header

HERE: Final = Path(__file__).parent
DESIGN: Final = HERE / "static" / "design"
"""Designsystemet, where it was brought in (``make design``); without it our own stylesheet is all there is."""
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self';"
        " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # with none, the search form would have no Origin
    "Vary": "Accept-Language",
    "X-Content-Type-Options": "nosniff",
}


def language_of(request: Request) -> str:
    """What the reader is spoken to in."""
    return texts.language(request.headers.get("accept-language"))


def page(request: Request, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """A template rendered in the reader's language; it knows the ``request``."""
    language = language_of(request)

    def text(
        key: str, params: Mapping[str, str | Moment] | None = None, **more: str | Moment
    ) -> str:
        return texts.render(key, {**(params or {}), **more}, language)

    def moment(value: Moment | datetime) -> str:
        return texts.moment(value if isinstance(value, Moment) else Moment(value), language)

    shared: dict[str, Any] = {
        "request": request,
        "language": language,
        "text": text,
        "moment": moment,
        "design": has_design(),
        "places": places,
    }
    html = templates().get_template(template).render(shared, **values)
    return HTMLResponse(html, status, {**HEADERS, "Content-Language": language})


@cache
def has_design() -> bool:
    """Whether Designsystemet is here."""
    return (DESIGN / "theme.css").is_file()


def full_name(header: Header) -> str:
    """The patient's full name, empty when nobody has told it."""
    return " ".join(part for name in ("given", "family") if (part := header.told(name)))


def birthday(written: str, language: str) -> str:
    """A date of birth as it is written in the language; as it came, where it is not one."""
    try:
        return dated(date.fromisoformat(written), language)
    except ValueError:
        return written


@cache
def templates() -> Environment:
    """The templates; what a sender wrote is escaped, a name that is missing is a fault."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["name"] = full_name
    made.filters["birthday"] = birthday
    return made
