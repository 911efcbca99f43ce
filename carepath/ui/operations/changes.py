"""What is done on the pages of deliveries and operations: every form is a POST, and leads back to its page.

Who may is tried by ``operations.guarded``, whose it is by looking it up as the page does. A form that is sent twice
does nothing twice (``service.changes``).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from carepath import texts
from carepath.service import changes
from carepath.service.changes import Change
from carepath.service.deliveries import Feed, Hook, NotGiven, Start, Way
from carepath.store.parked import State
from carepath.ui.door import Door, visit_of
from carepath.ui.forms import Form, form_of
from carepath.ui.operations.data import Subscriber
from carepath.ui.operations.pages import Desk, delivery_page, guarded, parked_page
from carepath.ui.rendering import HEADERS, language_of, page
from pathways.access_log import who

MOST_REASON: Final = 500
"""Characters."""
_DIGITS: Final = 18  # of a number of a feed


def routes(desk: Desk, door: Door) -> list[Route]:
    """What can be done."""
    made = partial(guarded, door, desk)
    at = "/operations"
    return [
        Route(f"{at}/deliveries/{{key}}", made(deliver), methods=["POST"], name="deliver"),
        Route(f"{at}/parked/{{id}}", made(settle), methods=["POST"], name="settle"),
    ]


async def deliver(desk: Desk, request: Request) -> Response:
    """POST /operations/deliveries/{key}: pause, resume, replay, ask-anew; of a ``hook``, or what is sent ``over``."""
    form = await form_of(request)
    key = request.path_params["key"]
    found = await run_in_threadpool(desk.operations.subscriber, visit_of(request), key)
    change = _change(request, form)
    if found is None or change is None:
        return _refused(request, unknown=found is None)
    way = _way(found.one, form)
    if way is None:
        return _refused(request, unknown=True)
    if form.one("do") == "replay":
        return await _replay(desk, request, form, change, way)
    work = _work(desk, way, form.one("do"))
    if work is None:
        return _refused(request, unknown=True)
    await run_in_threadpool(work, change)
    return _back(f"deliveries/{quote(key, safe='')}", form.one("do"))


def _way(one: Subscriber, form: Form) -> Way | None:
    """What the form is about; ``None``: nothing of theirs."""
    id_, over = form.one("hook"), form.one("over")
    if id_:
        return next((Hook(hook.one) for hook in one.hooks if hook.one.id == id_), None)
    return next((Feed(sent) for sent in one.sent if sent.over == over), None)


def _work(desk: Desk, way: Way, act: str) -> Callable[[Change], None] | None:
    """What has no fields of its own; ``None``: it cannot be done with this."""
    if act in {"pause", "resume"}:
        return partial(desk.operations.pause, way=way, paused=act == "pause")
    if act == "ask-anew" and isinstance(way, Hook):
        return partial(desk.operations.ask_anew, hook=way)
    return None


async def _replay(desk: Desk, request: Request, form: Form, change: Change, way: Way) -> Response:
    words = partial(_text, request)
    start = _start(form, words)
    if start is not None:
        why = await run_in_threadpool(desk.operations.replay, change, way, start)
        if why is None:
            return _back(f"deliveries/{quote(request.path_params['key'], safe='')}", "replay")
        field = "since" if isinstance(start, datetime) else "from"
        form.problems[field] = words(_WHY[why], upto=str(way.given), last=str(way.last))
    sent = form.one("hook") or form.one("over")
    return await delivery_page(desk, request, form, sent, status=422)


_WHY: Final = {
    NotGiven.BEYOND: "operations.wrong.beyond",
    NotGiven.NOT_YET: "operations.wrong.not-yet",
}


def _start(form: Form, words: Callable[[str], str]) -> Start | None:
    """The number or the time in the form; ``None``: its problems say what is wrong."""
    number, since = form.one("from"), form.one("since")
    if bool(number) == bool(since):
        form.problems["from"] = words("operations.wrong.one-of")
        return None
    if number:
        plain = number.isascii() and number.isdigit() and len(number) <= _DIGITS
        if plain and int(number) > 0:
            return int(number)
        form.problems["from"] = words("operations.wrong.number")
        return None
    try:
        read = datetime.fromisoformat(since)
        return (read if read.tzinfo else read.replace(tzinfo=texts.ZONE)).astimezone(UTC)
    except (ValueError, OverflowError):
        form.problems["since"] = words("operations.wrong.time")
        return None


async def settle(desk: Desk, request: Request) -> Response:
    """POST /operations/parked/{id}: retry, or drop with a reason."""
    form = await form_of(request)
    id_, act = request.path_params["id"], form.one("do")
    ask = partial(desk.operations.parked_one, visit_of(request), id_, whole=False)
    found = await run_in_threadpool(ask)
    change = _change(request, form)
    if found is None or change is None or act not in ("retry", "drop"):
        return _refused(request, unknown=found is None)
    there = f"parked/{quote(id_, safe='')}"
    if found.one.state is not State.OPEN:
        return _back(there, "already")
    if act == "retry":
        answer = await run_in_threadpool(desk.operations.retry, change, id_)
        return _back(there, f"retry-{answer.verdict}" if answer else "already")
    reason = form.one("reason")
    if not reason or len(reason) > MOST_REASON:
        wrong = "operations.wrong.long" if reason else "operations.wrong.reason"
        form.problems["reason"] = _text(request, wrong, most=str(MOST_REASON))
        return await parked_page(desk, request, form, status=422)
    await run_in_threadpool(desk.operations.drop, change, id_, reason)
    return _back(there, "drop")


def _change(request: Request, form: Form) -> Change | None:
    """Who does it, with which form; ``None``: none of ours, or one that is too old."""
    told = form.one("form")
    return Change(who=who(request.state.actor), form=told) if changes.is_form(told) else None


def _text(request: Request, key: str, **params: str) -> str:
    language = language_of(request)
    return texts.render(key, params, language)


def _refused(request: Request, *, unknown: bool) -> Response:
    if unknown:
        return page(request, "problem.html", status=404, problem="operations.unknown")
    return page(request, "problem.html", status=400, problem="operations.wrong.form")


def _back(path: str, done: str) -> Response:
    return RedirectResponse(f"/operations/{path}?done={done}", 303, headers=HEADERS)
