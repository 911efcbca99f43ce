"""GET /fhir/{type} and POST /fhir/{type}/_search.

https://hl7.org/fhir/R4/http.html#search

A page's link to the next one is sealed: it repeats the whole search, and a search may hold a national id,
which must not stand in addresses that end up in logs. So is its link to itself where it was asked for by identifier.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, urlencode

import orjson
from cryptography.exceptions import InvalidTag
from starlette.requests import Request
from starlette.responses import Response

from carepath.api import bundles
from carepath.api.bounds import PARAMETERS
from carepath.api.context import Context, context_of
from carepath.api.errors import bad_parameter
from carepath.api.exchange import (
    check_accepted,
    check_content_type,
    check_form,
    fhir_response,
    format_parameter,
    readable,
    viewer_of,
    whole_body,
)
from carepath.api.parameters import Asking
from carepath.api.results import Wanted, parse
from carepath.store import search as store
from carepath.store.resources import Stored, Viewer
from carepath.store.search import Cursor, Match, Search
from fhir_mappings.search_parameters import IDENTIFIER
from fhir_mappings.subsets import summarised, with_elements
from pathways.refusals import Issue

JSON: TypeAlias = dict[str, Any]
Pairs: TypeAlias = Sequence[tuple[str, str]]

MOST_INCLUDED: Final = 1000
_CONTINUE: Final = "_continue"
_ABOUT: Final = b"search"
_FORM: Final = "application/x-www-form-urlencoded"
_FORM_LIMIT: Final = 64 * 1024
_STRICT: Final = re.compile(r'(?:^|[,;])\s*handling\s*=\s*"?strict"?\s*(?:$|[,;])', re.IGNORECASE)
_CUT_SHORT: Final = Issue(
    "too-costly",
    f"more than {MOST_INCLUDED} resources would be included: ask with a smaller _count",
    where="http._include",
    severity="warning",
)


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page begins, and when the search did."""

    pairs: Pairs
    after: Cursor | None
    began: datetime


@dataclass(frozen=True, slots=True)
class Result:
    """The matches, one more when another page follows; what comes with them; how many there are on all pages."""

    matches: list[Match]
    included: list[Stored]
    total: int | None


async def search(request: Request) -> Response:
    """200 with a searchset in pages, empty when nothing matches; 400 for values that cannot be read."""
    check_accepted(request)
    return await _answer(request, parse_qsl(request.url.query, keep_blank_values=True))


async def search_by_form(request: Request) -> Response:
    """The same with the parameters in the body, where they leave no trace in logs."""
    check_accepted(request)
    check_content_type(request, _FORM)
    body = await whole_body(request, _FORM_LIMIT)
    try:
        form = parse_qsl(
            body.decode(errors="replace"), keep_blank_values=True, max_num_fields=PARAMETERS
        )
    except ValueError:
        raise bad_parameter("form", f"at most {PARAMETERS} parameters") from None
    check_form(request, dict(form))
    return await _answer(request, [*parse_qsl(request.url.query), *form])


async def _answer(request: Request, pairs: Pairs) -> Response:
    context, type_ = context_of(request), request.path_params["type"]
    page = _page(context, type_, pairs)
    strict = _STRICT.search(request.headers.get("prefer", "")) is not None
    asking = Asking(base_url=context.base_url, now=page.began)
    wanted = parse(type_, page.pairs, strict=strict, asking=asking)
    viewer = viewer_of(request)
    types = readable(request)
    found = await context.ask_as(viewer, _find, context, type_, wanted, page.after, viewer, types)
    answer = _Answer(context, type_, wanted, page.began, format_parameter(request))
    hidden = request.method == "POST" or any(map(_may_name_a_person, page.pairs))
    return fhir_response(answer.bundle(found, hidden=hidden))


def _may_name_a_person(pair: tuple[str, str]) -> bool:
    """Whether a parameter asks by identifier, of whomever: no address of ours repeats one."""
    return IDENTIFIER in re.split("[:.]", pair[0])


def _find(  # noqa: PLR0913, PLR0917 -- what a search is about
    conn: Any,
    context: Context,
    type_: str,
    wanted: Wanted,
    after: Cursor | None,
    viewer: Viewer,
    types: Collection[str] | None,
) -> Result:
    keys = context.database.keys
    asked = Search(type=type_, criteria=wanted.criteria, viewer=viewer, order=wanted.order)
    count = wanted.count
    matches = store.page(conn, keys, asked, count=count, after=after, more=1) if count else []
    shown = [match.found for match in matches[: wanted.count]]
    included = store.included(
        conn, shown, wanted.includes, viewer, limit=MOST_INCLUDED + 1, types=types
    )
    return Result(matches, included, store.total(conn, keys, asked) if wanted.counted else None)


@dataclass(frozen=True, slots=True)
class _Answer:
    """Makes the Bundle of a page. ``format`` is what the address asked for, which its links repeat."""

    context: Context
    type: str
    wanted: Wanted
    began: datetime
    format: str | None

    def bundle(self, result: Result, *, hidden: bool) -> JSON:
        """The page; ``hidden``: its own link is sealed, too, and leads to the same."""
        shown = result.matches[: self.wanted.count]
        links = {"self": self._sealed(None) if hidden else self._link(*self.wanted.used)}
        if len(result.matches) > len(shown) > 0:
            links["next"] = self._sealed(shown[-1].place)
        entries = self._entries([match.found for match in shown], result.included)
        return bundles.searchset(entries, total=result.total, links=links)

    def _entries(self, matches: Sequence[Stored], included: Sequence[Stored]) -> Iterator[JSON]:
        base_url, cut = self.context.base_url, self._cut()
        yield from (bundles.entry(base_url, one, cut=cut) for one in matches)
        with_them = included[:MOST_INCLUDED]
        yield from (bundles.entry(base_url, one, "include", cut) for one in with_them)
        if len(included) > MOST_INCLUDED:
            yield bundles.note(_CUT_SHORT)

    def _cut(self) -> Callable[[JSON], JSON] | None:
        if self.wanted.summary is not None:
            return partial(summarised, summary=self.wanted.summary)
        if self.wanted.elements:
            return partial(with_elements, names=self.wanted.elements)
        return None

    def _link(self, *pairs: tuple[str, str]) -> str:
        own = [("_format", self.format)] if self.format else []
        return f"{self.context.base_url}/{self.type}?{urlencode([*pairs, *own])}"

    def _sealed(self, place: Cursor | None) -> str:
        told = orjson.dumps([self.type, self.wanted.used, place, self.began]).decode()
        sealed = self.context.database.keys.seal(told, _ABOUT)
        return self._link((_CONTINUE, urlsafe_b64encode(sealed).decode()))


def _page(context: Context, type_: str, pairs: Pairs) -> Page:
    """The search that a link to the next page goes on with, and from where; else one that begins now."""
    token = dict(pairs).get(_CONTINUE)
    if token is None:
        return Page(pairs, None, datetime.now(UTC))
    try:
        told = context.database.keys.unseal(urlsafe_b64decode(token), _ABOUT)
        searched, used, place, began = orjson.loads(told)
    except (InvalidTag, ValueError):
        raise bad_parameter(_CONTINUE, "this is no link to a next page of ours") from None
    if searched != type_:
        raise bad_parameter(_CONTINUE, f"this link goes on with a search of {searched}")
    after = tuple(place) if place else None
    return Page([(name, value) for name, value in used], after, datetime.fromisoformat(began))
