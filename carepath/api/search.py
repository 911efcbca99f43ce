"""GET /fhir/{type} and POST /fhir/{type}/_search.

https://hl7.org/fhir/R4/http.html#search

A page's link to the next one is sealed: it repeats the whole search, and a search may hold a national id,
which must not stand in addresses that end up in logs.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode

import orjson
from cryptography.exceptions import InvalidTag
from starlette.requests import Request
from starlette.responses import Response

from carepath.api.bundles import entry, searchset
from carepath.api.context import Context, context_of
from carepath.api.errors import bad_parameter
from carepath.api.exchange import (
    check_accepted,
    check_content_type,
    fhir_response,
    viewer_of,
    whole_body,
)
from carepath.api.parameters import Asked, parse
from carepath.store.resources import Stored
from carepath.store.search import Cursor, Search, cursor, page, total

Pairs: TypeAlias = Sequence[tuple[str, str]]

_CONTINUE = "_continue"
_ABOUT = b"search"
_FORM = "application/x-www-form-urlencoded"
_FORM_LIMIT = 64 * 1024


async def search(request: Request) -> Response:
    """200 with a searchset in pages, empty when nothing matches; 400 for values that cannot be read."""
    check_accepted(request)
    return await _answer(request, parse_qsl(request.url.query, keep_blank_values=True))


async def search_by_form(request: Request) -> Response:
    """The same with the parameters in the body, where they leave no trace in logs."""
    check_accepted(request)
    check_content_type(request, _FORM)
    body = await whole_body(request, _FORM_LIMIT)
    form = parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
    return await _answer(request, [*parse_qsl(request.url.query), *form])


async def _answer(request: Request, pairs: Pairs) -> Response:
    context, type_ = context_of(request), request.path_params["type"]
    wanted, after = _unsealed(context, type_, pairs)
    strict = "handling=strict" in request.headers.get("prefer", "").replace(" ", "")
    asked = parse(type_, wanted, strict=strict)
    search_ = Search(
        type=type_,
        criteria=asked.criteria,
        viewer=viewer_of(request),
        newest_first=asked.newest_first,
    )
    matches, found = await context.ask(_find, context, search_, asked.count, after)
    hidden = request.method == "POST"  # it may name a person: no address of ours shall
    return fhir_response(_bundle(context, type_, asked, matches, found, hidden=hidden))


def _find(
    conn: Any, context: Context, search_: Search, count: int, after: Cursor | None
) -> tuple[list[Stored], int]:
    """The page, one match more when another page follows; and how many there are on all pages."""
    keys = context.database.keys
    matches = page(conn, keys, search_, count=count + 1, after=after) if count else []
    return matches, total(conn, keys, search_)


def _bundle(
    context: Context,
    type_: str,
    asked: Asked,
    matches: list[Stored],
    found: int,
    *,
    hidden: bool,
) -> dict[str, Any]:
    url = f"{context.base_url}/{type_}"
    sealed = f"{_CONTINUE}={_sealed(context, type_, asked, None)}" if hidden else ""
    links = {"self": f"{url}?{sealed or urlencode(asked.used)}"}
    shown = matches[: asked.count]
    if len(matches) > len(shown) > 0:
        links["next"] = f"{url}?{_CONTINUE}={_sealed(context, type_, asked, cursor(shown[-1]))}"
    entries = (entry(context.base_url, match) for match in shown)
    return searchset(entries, total=found, links=links)


def _sealed(context: Context, type_: str, asked: Asked, after: Cursor | None) -> str:
    place = [after.updated, after.id] if after else None
    told = orjson.dumps([type_, asked.used, place]).decode()
    return urlsafe_b64encode(context.database.keys.seal(told, _ABOUT)).decode()


def _unsealed(context: Context, type_: str, pairs: Pairs) -> tuple[Pairs, Cursor | None]:
    """The search that a link to the next page goes on with, and from where."""
    token = dict(pairs).get(_CONTINUE)
    if token is None:
        return pairs, None
    try:
        told = context.database.keys.unseal(urlsafe_b64decode(token), _ABOUT)
    except (InvalidTag, ValueError):
        raise bad_parameter(_CONTINUE, "this is no link to a next page of ours") from None
    searched, used, place = orjson.loads(told)
    if searched != type_:
        raise bad_parameter(_CONTINUE, f"this link goes on with a search of {searched}")
    return [(name, value) for name, value in used], Cursor(*place) if place else None
