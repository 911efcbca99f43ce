"""Sending an event by hand, for those who have no system that does it: choose the event, fill in, see the receipt.

It takes two steps and no script. What was typed is kept until it is taken in; a form is sent once, however often its
button is pressed, because the message's id is made with the form.
"""

from dataclasses import replace
from functools import partial
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from carepath import texts
from carepath.service.composing import named
from carepath.service.drafts import Draft, Matter
from carepath.store.times import instant, now
from carepath.ui.door import Door, visit_of
from carepath.ui.forms import Form, form_of
from carepath.ui.rendering import HEADERS, language_of, page
from carepath.ui.send.problems import problems_of
from carepath.ui.send.values import Book, Reader
from carepath.ui.send.view import (
    COPIES,
    HAPPENED,
    SENDER,
    TO,
    Sheet,
    Step,
    corrected,
    grouped,
    steps,
)
from carepath.ui.values import Data, Done, Fate, Visit
from carepath.ui.words import Words
from fhir_mappings.identifiers import is_possible
from pathways.access import Role
from pathways.events import RULES, EventCode
from pathways.messages import stable_id
from pathways.parties import Directory, Identifier, PartyRef
from pathways.refusals import Reason

NAMES: Final = frozenset({"send", "sending", "sent"})
"""The names of the routes."""


def routes(data: Data, door: Door) -> list[BaseRoute]:
    """The addresses of sending by hand."""
    return [
        Route("/send", door.guarded(partial(begin, data)), methods=["GET"], name="send"),
        Route("/send", door.guarded(partial(go_on, data)), methods=["POST"], name="sending"),
        Route("/send/{id}", door.guarded(partial(sent, data)), methods=["GET"], name="sent"),
    ]


async def begin(data: Data, request: Request) -> Response:
    """GET /send?patient=&event=&matter=&plan=: what is to be told, or its form where that is said already."""
    form = Form({name: [value] for name, value in request.query_params.items() if name in _LINKED})
    return await run_in_threadpool(_form, data, request, form, fresh=True)


_LINKED: Final = frozenset(("patient", "event", "matter", "plan"))


async def go_on(data: Data, request: Request) -> Response:
    """POST /send: the form of what was chosen; what it says is sent when its own button is pressed."""
    form = await form_of(request)
    if form.one("act") != "send":
        return await run_in_threadpool(_form, data, request, form)
    found = await run_in_threadpool(_draft, data, request, form)
    if isinstance(found, Response):
        return found
    return await answered(data, request, *found)


async def answered(data: Data, request: Request, sheet: Sheet, draft: Draft) -> Response:
    """To the receipt of what was sent; else the form again, with why it was refused."""
    draft, done = await taken_in(data, visit_of(request), draft)
    if done.fate is not Fate.REFUSED:
        return to_receipt(draft, done)
    language = sheet.words.language
    told = problems_of(draft, done.refusal, language) if done.refusal else {}
    sheet = sheet.anew()
    status = 422 if done.refusal and done.refusal.reason is Reason.INVALID else 409
    return filling(request, sheet.with_problems(told, done.why(language)), status)


def to_receipt(draft: Draft, done: Done) -> Response:
    """What was sent, and whether it had been before."""
    again = "?again=1" if done.fate is Fate.AGAIN else ""
    return RedirectResponse(f"/send/{draft.id}{again}", status_code=303, headers=HEADERS)


async def taken_in(data: Data, visit: Visit, draft: Draft) -> tuple[Draft, Done]:
    """What becomes of it. What was refused and is sent once more is another message, the same one each time."""
    done = await data.send(visit, draft)
    while (
        done.fate is Fate.AGAIN
        and await run_in_threadpool(data.writing.receipt, visit, draft.id) is None
    ):
        draft = replace(draft, id=stable_id("again", draft.id))
        done = await data.send(visit, draft)
    return draft, done


async def sent(data: Data, request: Request) -> Response:
    """GET /send/{id}: the receipt of a message, by its id."""
    return await run_in_threadpool(receipt_page, data, request)


def receipt_page(data: Data, request: Request, why: str = "") -> Response:
    """What became of it; ``why`` it could not be taken back."""
    visit, id_ = visit_of(request), request.path_params["id"]
    receipt = data.writing.receipt(visit, id_)
    if receipt is None:
        return page(request, "problem.html", status=404, problem="page.unknown")
    directory = Directory(data.writing.parties())
    language, record = language_of(request), receipt.record
    return page(
        request,
        "send-receipt.html",
        status=409 if why else 200,
        why=why,
        record=record,
        words=Words(language, directory.parties),
        told=texts.told(record.facts, language) if record else (),
        again="again" in request.query_params,
        fate=Fate.DONE if record else Fate.WAITS,
        correctable=corrected(receipt, steps(visit.actor, directory)) is not None,
        stands=receipt.stands,
    )


# --- choosing and filling in


def _form(data: Data, request: Request, form: Form, *, fresh: bool = False) -> Response:
    sheet = _begun(data, request, form)
    if isinstance(sheet, Response):
        return sheet
    return filling(request, sheet.begun() if fresh else sheet)


def _begun(data: Data, request: Request, form: Form) -> Sheet | Response:
    """The form to fill in; else what is to be chosen first, or that nothing is theirs to send."""
    directory = Directory(data.writing.parties())
    allowed = steps(visit_of(request).actor, directory)
    if not allowed:
        return page(request, "problem.html", status=403, problem="send.not-yours")
    sheet = _sheet(data, directory, allowed, request, form)
    return sheet or _choosing(data, request, allowed, directory, form)


def _choosing(
    data: Data, request: Request, allowed: list[Step], directory: Directory, form: Form
) -> Response:
    words = Words(language_of(request), directory.parties)
    key = form.one("patient")
    shown = data.page(visit_of(request), key, None) if key else None
    if key and shown is None:
        return page(request, "problem.html", status=404, problem="page.unknown")
    groups = grouped(allowed, words)
    status = 422 if form.problems else 200
    return page(request, "send.html", status=status, form=form, groups=groups, shown=shown, key=key)


def filling(request: Request, sheet: Sheet, status: int = 200) -> Response:
    """The form to fill in."""
    status = 422 if status == 200 and sheet.form.problems else status
    values = {"to": TO, "copies": COPIES, "happened": HAPPENED, "sender": SENDER}
    return page(request, "send-form.html", status=status, sheet=sheet, form=sheet.form, **values)


def _sheet(
    data: Data, directory: Directory, allowed: list[Step], request: Request, form: Form
) -> Sheet | None:
    """The form to fill in; ``None`` where it is not said, or not usable, what it is about: the problems say what."""
    visit, language = visit_of(request), language_of(request)
    step = next((step for step in allowed if step.key == form.one("event")), None)
    chosen = bool(form.one("act"))
    if step is None and chosen:
        form.problems["event"] = texts.render("send.no-event", {}, language)
    key, whom = form.one("patient"), None
    if not key and (chosen or form.one("whom")):
        whom = _person(form.one("whom"))
        if whom is None:
            form.problems["whom"] = texts.render("send.no-whom", {}, language)
    if step is None or form.problems or not (key or whom):
        return None
    key = key or (whom and data.find(visit, _written(whom))) or ""
    shown = data.page(visit, key, None) if key else None
    if shown is None and whom is None:
        return None
    return Sheet(
        step=step,
        form=replace(form, fields={**form.fields, "id": [form.id]}),
        book=Book(directory.parties, instant(now())),
        words=Words(language, directory.parties),
        patient=key if shown else "",
        shown=shown,
        whom=form.one("whom"),
        asks_sender=visit.actor.role is Role.OPEN,
    )


def _written(whom: Identifier) -> str:
    return f"{whom.system}|{whom.value}" if whom.system else whom.value


def _person(text: str) -> Identifier | None:
    """A national number whose control digits hold, or ``system|number``."""
    system, bar, value = text.rpartition("|")
    one = named(Identifier(system if bar else "", value))
    if not one.system or not one.value:
        return None
    return one if is_possible(one, instant(now()).year) else None


# --- what it says


def _draft(data: Data, request: Request, form: Form) -> tuple[Sheet, Draft] | Response:
    """The message that a form makes; else the form again, with what is wrong beside its fields."""
    sheet = _begun(data, request, form)
    if isinstance(sheet, Response):
        return sheet
    draft = draft_of(sheet)
    return (sheet, draft) if draft else filling(request, sheet, 422)


def draft_of(sheet: Sheet) -> Draft | None:
    """What the form says; ``None`` where its problems say why it cannot be used."""
    form, step = sheet.form, sheet.step
    reader = Reader(form, sheet.book, sheet.words.language)
    told = reader.values(sheet.layout.all)
    if step.code is EventCode.PLAN_CREATED:
        told = {"identifiers": (Identifier("", f"urn:uuid:{UUID(form.id)}"),), **told}
    happened = reader.value(HAPPENED, HAPPENED.name)
    to, copies = (reader.value(one, one.name) for one in (TO, COPIES))
    sender = reader.value(SENDER, SENDER.name) if sheet.asks_sender else None
    if form.problems:
        return None
    thread = sheet.chosen()
    whom = _person(sheet.whom)
    return Draft(
        code=step.code,
        facts=RULES[step.code].facts(**told),
        patient=sheet.patient or ((whom,) if whom else ()),
        id=form.id,
        matter=Matter(thread.id, thread.family) if thread else None,
        activity=step.activity,
        happened=happened,
        to=_keys(sheet.book, to),
        copies=_keys(sheet.book, copies),
        sender=next(iter(_keys(sheet.book, (sender,))), None) if sender else None,
    )


def _keys(book: Book, told: tuple[PartyRef, ...]) -> tuple[str, ...]:
    """Each of them once."""
    found = (book.find(book.label(one)) for one in told)
    return tuple(dict.fromkeys(party.key for party in found if party))


def link(**told: str) -> str:
    """The address of a form with this in it."""
    return f"/send?{urlencode(told)}"
