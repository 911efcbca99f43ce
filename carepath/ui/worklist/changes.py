"""What is done on the pages of the worklist: every form is a POST, and leads back to the list.

What somebody tells others is a message (``Data.send``), which the rules judge as everybody's; who takes a matter and
until when it is put off is the organisation's own.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from carepath import texts
from carepath.service import typed
from carepath.service.drafts import Draft, Matter, withdrawal
from carepath.service.typed import Typing
from carepath.store.times import instant
from carepath.ui.door import Door
from carepath.ui.forms import Form, form_of
from carepath.ui.rendering import HEADERS, language_of, page
from carepath.ui.values import Data, Fate, Visit
from carepath.ui.worklist.data import One, Row
from carepath.ui.worklist.pages import SNOOZE, at_work, guarded, kept, list_page, matter_page
from carepath.ui.worklist.words import codes_of
from pathways.access import Role
from pathways.deeds import About, Deed, had_by
from pathways.events import Activity, EventCode
from pathways.facts import InquiryFacts, ReceiptFacts
from pathways.messages import stable_id
from pathways.moments import Moment
from pathways.parties import Directory, PartyRef
from pathways.watched import Snooze, put_off, take

LONGEST: Final = 10_000
"""Characters of one field."""
LONGEST_NAME: Final = 200
AT_ONCE: Final = 200
"""So many can be taken or confirmed in one step: a page has no more rows."""


def routes(data: Data, door: Door) -> list[Route]:
    """What can be done; they come before the pages that take any id."""
    made = partial(guarded, door, data)
    at = "/worklist"
    return [
        Route(f"{at}/do", made(several), methods=["POST"], name="work-do"),
        Route(f"{at}/seen", made(seen), methods=["POST"], name="work-seen"),
        Route(f"{at}/undo", made(undo), methods=["POST"], name="work-undo"),
        Route(f"{at}/{{id}}/{{deed}}", made(act), methods=["POST"], name="work-act"),
    ]


def _back(request: Request, done: str, **more: str) -> Response:
    """To the list as it was left, which says what was done."""
    return RedirectResponse(f"/worklist{kept(request, done=done, **more)}", 303, headers=HEADERS)


# --- from the list


async def several(data: Data, request: Request) -> Response:
    """POST /worklist/do: take, let go, hand over or confirm some of them; ``take`` alone may name the one."""
    form, visit = await form_of(request), at_work(request)
    one = form.one("take")
    ids = [one] if one else form.many("row")[:AT_ONCE]
    what = "take" if one else form.one("do")
    if not ids:
        form.problems["row"] = texts.render("worklist.choose-rows", {}, language_of(request))
        return await list_page(data, request, form, status=400)
    if what == "read":
        return await _confirm(data, request, visit, ids)
    name = _holder(request, visit) if what == "take" else form.one("name")[:LONGEST_NAME] or None
    if what == "hand-over" and name is None:
        form.problems["name"] = texts.render("worklist.to-whom", {}, language_of(request))
        return await list_page(data, request, form, status=400)
    done = {"take": "taken", "hand-over": "handed-over", "let-go": "let-go"}.get(what)
    if done is None:
        return page(request, "problem.html", status=400, problem="worklist.unknown")
    given = None if what == "let-go" else name
    number = await run_in_threadpool(
        data.lists.change, visit, ids, lambda owed, _: take(owed, given)
    )
    return _back(request, done if number else "nothing")


def _holder(request: Request, visit: Visit) -> str:
    """Who takes something: in open mode nobody knows more than the organisation."""
    party = request.state.party
    return visit.actor.name or (
        party.name if party else texts.render("worklist.somebody", {}, language_of(request))
    )


async def _confirm(data: Data, request: Request, visit: Visit, ids: Sequence[str]) -> Response:
    """A person has read what asked for it: an acknowledgement for each, as a system that can tell sends it."""
    unread = await run_in_threadpool(data.lists.unread, visit, ids)
    for patient, message in unread.values():
        draft = Draft(
            code=EventCode.ACKNOWLEDGEMENT,
            facts=ReceiptFacts(about=message, response="ok", read_by_person=True),
            patient=patient,
            id=stable_id("read", visit.actor.party or "", message),
        )
        await data.send(visit, draft)
    return _back(request, "read" if unread else "nothing")


async def seen(data: Data, request: Request) -> Response:
    """POST /worklist/seen: all that was on the page when it was made."""
    form = await form_of(request)
    upto = form.one("upto")
    if not upto.isdecimal() or len(upto) > 17:
        return page(request, "problem.html", status=400, problem="worklist.unknown")
    await run_in_threadpool(data.lists.saw, at_work(request), instant(int(upto)))
    return _back(request, "seen")


async def undo(data: Data, request: Request) -> Response:
    """POST /worklist/undo: a message that takes back one of their own; everybody who got that gets it."""
    form, visit = await form_of(request), at_work(request)
    said = await run_in_threadpool(data.lists.said, visit, form.one("sent"))
    if said is None or said[0].activity is Activity.CANCEL:
        return page(request, "problem.html", status=404, problem="worklist.unknown")
    draft = withdrawal(*said)
    done = await data.send(visit, draft)
    if done.fate is Fate.REFUSED:
        form.problems[""] = done.why(language_of(request))
        return await list_page(data, request, form, status=409)
    return _back(request, "undone")


# --- one promise


async def act(data: Data, request: Request) -> Response:
    """POST /worklist/{id}/{deed}: it is done, or the page says why not and keeps what was typed."""
    form, visit = await form_of(request), at_work(request)
    one = await run_in_threadpool(data.lists.one, visit, request.path_params["id"])
    if one is None:
        return page(request, "problem.html", status=404, problem="worklist.unknown")
    name = request.path_params["deed"]
    if name == SNOOZE:
        return await _snooze(data, request, visit, form, one)
    visit, deed = _as_responsible(visit, one.row), one.row.deed(name)
    if deed is not None:
        return await _tell(data, request, visit, form, one, deed)
    if await run_in_threadpool(data.lists.said, visit, form.id):
        return _back(request, "again", sent=form.id)
    form.problems[""] = texts.render("worklist.not-now", {}, language_of(request))
    return await matter_page(data, request, form, 409)


async def _tell(
    data: Data, request: Request, visit: Visit, form: Form, one: One, deed: Deed
) -> Response:
    """The message, and what becomes of it."""
    draft = draft_of(deed, one, form, language_of(request))
    if draft is None:
        return await matter_page(data, request, form, 400)
    done = await data.send(visit, draft)
    if done.fate is Fate.REFUSED:
        form.problems[""] = done.why(language_of(request))
        return await matter_page(data, request, form, 409)
    said = {Fate.DONE: "sent", Fate.WAITS: "waits", Fate.AGAIN: "again"}[done.fate]
    return _back(request, said, sent=draft.id)


def _as_responsible(visit: Visit, row: Row) -> Visit:
    """In open mode, whoever looks at everybody's list acts for whoever owes it."""
    if visit.actor.role is not Role.OPEN or visit.actor.party is not None:
        return visit
    return replace(visit, actor=replace(visit.actor, party=row.promise.responsible))


def draft_of(deed: Deed, one: One, form: Form, language: str) -> Draft | None:
    """The message; ``None`` where something is wrong, which the form's problems say then."""
    row, now = one.row, datetime.now(UTC)
    settings = [f"{name}={text}" for name, text in deed.says.items()]
    settings += _filled(deed, row, one.directory, form, language)
    happened = _happened(form, now, language) if deed.code is EventCode.SETTLED_BY_PHONE else None
    if form.problems:
        return None
    facts = typed.facts(deed.code, settings, _typing(one.directory, now))
    if deed.about is About.PROMISE and isinstance(facts, InquiryFacts):
        facts = replace(facts, promise=row.id)
    thread = row.thread
    about = Matter(thread.id, thread.family) if thread and deed.about is About.MATTER else None
    return Draft(
        code=deed.code,
        facts=facts,
        patient=row.promise.patient,
        id=form.id,
        matter=about,
        activity=deed.activity,
        to=(row.promise.other,) if deed.about is About.OTHER_SIDE and row.promise.other else (),
        happened=happened,
    )


def _filled(deed: Deed, row: Row, directory: Directory, form: Form, language: str) -> list[str]:
    """What was filled in, field by field; what is wrong is kept beside it."""
    typing, kinds = _typing(directory, datetime.now(UTC)), typed.field_types(deed.code)
    found = []
    for name in deed.asks:
        text = form.one(name)[:LONGEST]
        if not text and name in deed.needs:
            form.problems[name] = texts.render("form.needed", {}, language)
        if not text:
            continue
        codes = codes_of(name, kinds[name])
        if codes and text not in codes:
            form.problems[name] = texts.render("form.choose", {}, language)
            continue
        if kinds[name] is PartyRef and (text not in directory.parties or text in _had(row)):
            form.problems[name] = texts.render("form.choose", {}, language)
            continue
        form.checked(name, kinds[name], text, typing, language)
        found.append(f"{name}={text}")
    return found


def _had(row: Row) -> frozenset[str]:
    had = had_by(row.thread) if row.thread else frozenset[str]()
    return had | {row.promise.responsible}


def _typing(directory: Directory, now: datetime) -> Typing:
    def party(key: str) -> PartyRef:
        found = directory.parties[key]
        return PartyRef(found.identifiers, found.name)

    return Typing(now, party)


def _happened(form: Form, now: datetime, language: str) -> Moment | None:
    """When somebody was called; now, where they do not say."""
    text = form.one("happened")
    if not text:
        return None
    at: Moment | None = form.checked("happened", Moment, text, _typing(Directory(), now), language)
    if at and at.at > now:
        form.problems["happened"] = texts.render("reason.future", {}, language)
    return at


async def _snooze(data: Data, request: Request, visit: Visit, form: Form, one: One) -> Response:
    """Nobody is told before then. It stays due when it was."""
    language, now = language_of(request), datetime.now(UTC)
    for name in ("until", "reason"):
        if not form.one(name):
            form.problems[name] = texts.render("form.needed", {}, language)
    until: Moment | None = None
    if text := form.one("until"):
        until = form.checked("until", Moment, text, _typing(one.directory, now), language)
    if until and until.at <= now:
        form.problems["until"] = texts.render("worklist.until-later", {}, language)
    if form.problems or until is None:
        return await matter_page(data, request, form, 400)
    wanted = Snooze(until.at, form.one("reason")[:LONGEST], _holder(request, visit))
    number = await run_in_threadpool(
        data.lists.change, visit, [one.row.id], lambda owed, by: put_off(owed, wanted, by)
    )
    return _back(request, "put-off" if number else "nothing")
