"""Changing a plan: two people may at once, and nobody's words are lost (``pathways.plan_merge``)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from carepath.service.drafts import Draft, Matter
from carepath.store.times import instant, now
from carepath.ui.door import Door, visit_of
from carepath.ui.forms import Form, form_of
from carepath.ui.plan.edit import Editor, PlanSheet, chosen, clashes_of, written
from carepath.ui.plan.view import PlanView
from carepath.ui.rendering import HEADERS, language_of, page
from carepath.ui.send.pages import taken_in
from carepath.ui.send.values import Book, Reader
from carepath.ui.send.view import SENDER, Step, steps
from carepath.ui.values import Data, Done, Fate, History, PlanPage
from carepath.ui.words import Words
from pathways.access import Role
from pathways.events import EventCode, Family
from pathways.facts import PlanFacts
from pathways.messages import stable_id
from pathways.parties import Directory
from pathways.pathway import Thread
from pathways.plan_merge import Clash, Edited, merged, says_anything, told, unchanged
from pathways.plan_versions import Version
from pathways.refusals import Cause

_TRIES: Final = 5
"""How often somebody else may be faster before it is told."""


def routes(data: Data, door: Door) -> list[BaseRoute]:
    """The addresses of changing a plan."""
    there = "/patients/{id}/plan/{thread}"
    return [
        Route(there, door.guarded(partial(edit, data)), methods=["GET"], name="edit-plan"),
        Route(there, door.guarded(partial(keep, data)), methods=["POST"], name="keep-plan"),
    ]


@dataclass(frozen=True, slots=True)
class Open:
    """A plan that whoever asks may change, as it is now."""

    key: str
    thread: Thread
    found: PlanPage
    history: History
    book: Book
    words: Words
    asks_sender: bool

    @property
    def newest(self) -> Version:
        """How it stands."""
        return self.history.versions[-1]

    @property
    def who(self) -> str:
        """Who wrote that."""
        name = self.words.name(self.newest.sender)
        return ", ".join(filter(None, (self.newest.author, name)))

    def version(self, id_: str) -> Version:
        """One version; of an unknown one, the first: all that came later was then written by others."""
        told = self.history.versions
        return next((one for one in told if one.id == id_), told[0])

    def sheet(self, form: Form) -> PlanSheet:
        """The form, with what stands in it."""
        return PlanSheet(
            step=Step(EventCode.PLAN_UPDATED),
            form=form,
            book=self.book,
            words=self.words,
            patient=self.key,
            shown=self.found.shown,
            asks_sender=self.asks_sender,
            thread=self.thread.id,
            base=self.newest.id,
            who=self.who,
        )


async def edit(data: Data, request: Request) -> Response:
    """GET /patients/{id}/plan/{thread}: the plan as a form."""
    return await run_in_threadpool(_edit, data, request)


def _edit(data: Data, request: Request) -> Response:
    found = _open(data, request)
    if isinstance(found, Response):
        return found
    fields = written(unchanged(found.newest.facts), found.book)
    owner = found.book.labels.get(found.thread.owner or "", "")
    form = Form({**fields, "id": [Form().id], "sender": [owner]})
    return _shown(request, found, found.sheet(form))


def _open(data: Data, request: Request) -> Open | Response:
    visit = visit_of(request)
    key, id_ = request.path_params["id"], request.path_params["thread"]
    found = data.writing.plans(visit, key)
    threads = found.shown.threads if found else ()
    thread = next((t for t in threads if t.id == id_ and t.family is Family.PLAN), None)
    history = found.histories.get(id_) if found else None
    if found is None or thread is None or history is None or not history.versions:
        return page(request, "problem.html", status=404, problem="page.unknown")
    parties = found.shown.parties
    allowed = steps(visit.actor, Directory(parties))
    if Step(EventCode.PLAN_UPDATED) not in allowed or not history.whole:
        return page(request, "problem.html", status=403, problem="plan.not-yours")
    words = Words(language_of(request), parties)
    book = Book(parties, instant(now()))
    return Open(key, thread, found, history, book, words, visit.actor.role is Role.OPEN)


async def keep(data: Data, request: Request) -> Response:
    """POST /patients/{id}/plan/{thread}: what was changed is told; where somebody else was faster, they choose."""
    return await _kept(data, request, await form_of(request), _TRIES)


async def _kept(data: Data, request: Request, form: Form, tries: int) -> Response:
    made = await run_in_threadpool(_changed, data, request, form)
    if isinstance(made, Response):
        return made
    found, sheet, draft = made
    _, done = await taken_in(data, visit_of(request), draft)
    if _overtaken(done) and tries > 1:
        return await _kept(data, request, form, tries - 1)
    if done.fate is Fate.REFUSED:
        return _shown(request, found, replace(sheet, refused=done.why(found.words.language)), 409)
    return _back(found, "kept")


def _overtaken(done: Done) -> bool:
    issues = done.refusal.issues if done.refusal else ()
    return any(issue.cause is Cause.CHANGED_MEANWHILE for issue in issues)


def _changed(data: Data, request: Request, form: Form) -> tuple[Open, PlanSheet, Draft] | Response:
    """The message that says what they changed, upon what the plan says now."""
    found = _open(data, request)
    if isinstance(found, Response):
        return found
    base = found.version(form.one("base"))
    form = chosen(form, base.facts, found.book, found.words.language)
    edited = Editor(form, base.facts, found.book, found.words.language).edited()
    sender = _sender(found, form)
    sheet = replace(found.sheet(form), base=base.id, clashes=clashes_of(form, base.facts))
    if form.one("act").startswith("more."):
        return _shown(request, found, replace(sheet, form=replace(form, problems={})))
    if form.problems:
        return _shown(request, found, sheet, 422)
    both = merged(base.facts, edited, found.newest.facts)
    if both.clashes:
        return _clashing(request, found, form, both.result, both.clashes)
    facts = told(found.newest.facts, both.result.facts)
    if not says_anything(facts):
        return _back(found, "kept-nothing")
    return found, sheet, _draft(found, form, facts, sender)


def _sender(found: Open, form: Form) -> str | None:
    if not found.asks_sender:
        return None
    ref = Reader(form, found.book, found.words.language).value(SENDER, SENDER.name)
    party = found.book.find(found.book.label(ref)) if ref else None
    return party.key if party else None


def _draft(found: Open, form: Form, facts: PlanFacts, sender: str | None) -> Draft:
    return Draft(
        code=EventCode.PLAN_UPDATED,
        facts=facts,
        patient=found.key,
        id=stable_id("plan", form.id, found.history.last),
        matter=Matter(found.thread.id, Family.PLAN),
        sender=sender,
        after=found.history.last,
    )


def _clashing(
    request: Request, found: Open, form: Form, result: Edited, clashes: Sequence[Clash]
) -> Response:
    """Both their words, side by side: the form is one of the newest version now."""
    sheet = found.sheet(form).with_fields(written(result, found.book))
    return _shown(request, found, replace(sheet, clashes=clashes), 409)


def _shown(request: Request, found: Open, sheet: PlanSheet, status: int = 200) -> Response:
    view = PlanView(found.key, found.found, found.words, visit_of(request).actor)
    return page(
        request,
        "plan-edit.html",
        status=status,
        sheet=sheet,
        form=sheet.form,
        view=view,
        sender=SENDER,
    )


def _back(found: Open, done: str) -> Response:
    there = f"/patients/{found.key}/plan?done={done}#plan-{found.thread.id}"
    return RedirectResponse(there, status_code=303, headers=HEADERS)
