"""The worklist: what an organisation owes, the most pressing first, and each matter of it.

What is done there is in ``worklist_changes``. Nothing counts as seen because the page was looked at: people say so.
An address has what the list is narrowed to, in codes and ids of ours; who is searched for is posted.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import Final, TypeVar
from urllib.parse import quote, urlencode
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carepath.ui.door import Door, visit_of
from carepath.ui.forms import Form, form_of
from carepath.ui.navigation import WORKERS
from carepath.ui.rendering import language_of, page
from carepath.ui.streaming import updates
from carepath.ui.values import Data, Visit
from carepath.ui.words import Words
from carepath.ui.worklist.data import Asked, Row, Who
from carepath.ui.worklist.words import (
    countdown,
    differences,
    form_fields,
    gist,
    looks,
    told_in,
)
from pathways.access import Role
from pathways.deeds import Deed
from pathways.events import Activity
from pathways.parties import Directory, Party
from pathways.promises import PromiseKind
from pathways.worklist import Group

WEEKS: Final = 4
MOST_WEEKS: Final = 520
_KEPT: Final = ("of", "group", "kind", "who", "matter", "patient")
"""What every address keeps of the one somebody came from."""
_BRIEF: Final = 2
"""So many of what can be done stand in the row itself."""
NAMES: Final = frozenset(
    {"work", "work-search", "work-changes", "work-quiet", "work-matter", "work-deed"}
    | {"work-do", "work-seen", "work-undo", "work-open", "work-opened", "work-act"}
)
"""The names of the routes, with those of what is done."""
C = TypeVar("C", bound=StrEnum)


Endpoint = Callable[[Data, Request], Awaitable[Response]]


def guarded(door: Door, data: Data, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """The page, for people at work, as an organisation that there is: others owe nothing as one."""

    async def for_workers(request: Request) -> Response:
        if request.state.actor.role not in WORKERS:
            return page(request, "problem.html", status=403, problem="worklist.not-yours")
        request.state.party = await run_in_threadpool(data.lists.party, at_work(request))
        if request.query_params.get("of") and request.state.party is None:
            return page(request, "problem.html", status=404, problem="worklist.no-such-unit")
        return await endpoint(data, request)

    return door.guarded(for_workers)


def routes(data: Data, door: Door) -> list[Route]:
    """What can be looked at."""
    made = partial(guarded, door, data)
    at = "/worklist"
    return [
        Route(at, made(worklist), name="work"),
        Route(at, made(search), methods=["POST"], name="work-search"),
        Route(f"{at}/changes", made(changes), name="work-changes"),
        Route(f"{at}/quiet", made(quiet), name="work-quiet"),
        Route(f"{at}/{{id}}", made(matter), name="work-matter"),
        Route(f"{at}/{{id}}/{{deed}}", made(matter), name="work-deed"),
    ]


def at_work(request: Request) -> Visit:
    """Who looks: in open mode for the organisation that they chose, if they did."""
    visit = visit_of(request)
    chosen = request.query_params.get("of")
    if visit.actor.role is Role.OPEN and chosen:
        return replace(visit, actor=replace(visit.actor, party=chosen))
    return visit


def kept(request: Request, **other: str) -> str:
    """The query of an address that leads back here, and more; with its question mark."""
    told = {name: request.query_params.get(name, "") for name in _KEPT} | other
    query = urlencode({name: value for name, value in told.items() if value})
    return f"?{query}" if query else ""


# --- the list


async def worklist(data: Data, request: Request) -> Response:
    """GET /worklist?of=&group=&kind=&who=&matter=&patient=: the list; what is not known narrows nothing."""
    return await list_page(data, request)


async def search(data: Data, request: Request) -> Response:
    """POST /worklist: what is owed about a patient of that name or number, among all that is on the list."""
    return await list_page(data, request, await form_of(request), searched=True)


async def list_page(
    data: Data,
    request: Request,
    form: Form | None = None,
    *,
    searched: bool = False,
    status: int = 200,
) -> Response:
    """The page. ``form``: as it was sent, with what is wrong with it."""
    visit, filled = at_work(request), form or Form()
    asked = replace(asked_of(request), text=filled.one("text") if searched else "")
    shown = await run_in_threadpool(data.lists.shown, visit, asked)
    done = await _done(data, request, visit)
    return await run_in_threadpool(
        partial(
            page,
            request,
            "worklist.html",
            status=status,
            shown=shown,
            at=shown.at,
            asked=asked,
            searched=searched,
            filled=filled,
            done=done,
            groups=[*Group],
            who=[*Who],
            sections=_sections(shown.rows),
            units=_units(shown.directory) if visit.actor.role is Role.OPEN else [],
            brief=_BRIEF,
            **_words(request, shown.directory),
        )
    )


def asked_of(request: Request) -> Asked:
    """What the address narrows the list to."""
    told = request.query_params
    return Asked(
        group=_code(Group, told.get("group")),
        kind=_code(PromiseKind, told.get("kind")),
        who=_code(Who, told.get("who")),
        matter=told.get("matter") or None,
        patient=told.get("patient") or None,
    )


def _code(kind: type[C], text: str | None) -> C | None:
    try:
        return kind(text or "")
    except ValueError:
        return None


def _sections(rows: Sequence[Row]) -> list[tuple[Group, list[Row]]]:
    """The rows under the first of their groups, in the order of the list."""
    found: dict[Group, list[Row]] = {}
    for row in rows:
        found.setdefault(row.groups[0], []).append(row)
    return [*found.items()]


def _units(directory: Directory) -> list[Party]:
    return sorted(directory.parties.values(), key=lambda party: party.name.casefold())


async def changes(data: Data, request: Request) -> Response:
    """GET /worklist/changes: server-sent events that say *that* the list is another, never what."""
    return updates(request, data.changed, partial(data.lists.version, at_work(request)))


async def quiet(data: Data, request: Request) -> Response:
    """GET /worklist/quiet?weeks=: people with whom nobody has been in contact for so long, though somebody is to be."""
    told = request.query_params.get("weeks", "")
    weeks = int(told) if told.isdecimal() and len(told) < 5 else WEEKS
    weeks = min(max(weeks, 1), MOST_WEEKS)
    rows = await run_in_threadpool(data.lists.quiet, at_work(request), weeks)
    return page(request, "worklist-quiet.html", rows=rows, weeks=weeks, kept=kept(request))


# --- one matter


async def matter(data: Data, request: Request) -> Response:
    """GET /worklist/{id}/{deed}: one promise, why it is on the list, what can be done; the form of one of those."""
    return await matter_page(data, request)


async def matter_page(
    data: Data, request: Request, form: Form | None = None, status: int = 200
) -> Response:
    """The page. ``form``: as it was sent, with what is wrong with it."""
    one = await run_in_threadpool(data.lists.one, at_work(request), request.path_params["id"])
    if one is None:
        return page(request, "problem.html", status=404, problem="worklist.unknown")
    name = request.path_params.get("deed", "")
    deed = one.row.deed(name)
    words = _words(request, one.directory)
    language = language_of(request)
    asked = form_fields(deed, one.row, one.directory, language) if deed else []
    if name and deed is None and not (name == SNOOZE and one.row.promise.is_open):
        status = max(status, 409 if form else 404)
    return page(
        request,
        "worklist-matter.html",
        status=status,
        at=one.at,
        row=one.row,
        sent=one.sent,
        directory=one.directory,
        told=told_in(one.row, language),
        name=name,
        deed=deed,
        fields=asked,
        chosen_by_button=chosen_by_button(deed, [one.shape for one in asked]),
        form=form or Form({"id": [str(uuid4())]}),
        **words,
    )


SNOOZE: Final = "snooze"
"""What is no event: the promise is put off."""


def chosen_by_button(deed: Deed | None, shapes: Sequence[str]) -> bool:
    """Whether the one thing that is needed is chosen: the choice itself sends the form then.

    Not where Enter in another field would press the first of the buttons.
    """
    if deed is None or len(deed.needs) != 1 or shapes[0] not in ("choice", "party"):
        return False
    return all(shape == "textarea" for shape in shapes[1:])


def _words(request: Request, directory: Directory) -> dict[str, object]:
    """What the templates put rows into words with."""
    language = language_of(request)
    words = Words(language, directory.parties)
    return {
        "words": words,
        "countdown": partial(countdown, words=words),
        "differences": partial(differences, language=language),
        "gist": partial(gist, language=language),
        "looks": looks,
        "kept": partial(kept, request),
        "party": request.state.party,
        "path": lambda id_, deed="": "/".join(
            ("/worklist", quote(id_, safe=""), *([deed] if deed else []))
        ),
    }


async def _done(data: Data, request: Request, visit: Visit) -> dict[str, object] | None:
    """What was done before this page: said, and to be undone where it was a message that stands."""
    what = request.query_params.get("done", "")
    if what not in DONE:
        return None
    sent = request.query_params.get("sent", "")
    said = await run_in_threadpool(data.lists.said, visit, sent) if sent else None
    undoable = said is not None and what == "sent" and said[0].activity is not Activity.CANCEL
    return {"what": what, "undo": sent if undoable else None}


DONE: Final = frozenset(
    {"sent", "again", "waits", "undone"}
    | {"taken", "let-go", "handed-over", "read", "put-off", "seen", "nothing"}
)
"""What the page says was done, after it was: the last part of the texts' keys."""
