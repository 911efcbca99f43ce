"""Telling anew, or taking back, what one has sent by hand: messages that name it, which all who were told it get."""

from dataclasses import replace
from functools import partial
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from carepath.service.drafts import Draft, Matter, withdrawal
from carepath.store.times import instant, now
from carepath.ui.door import Door, visit_of
from carepath.ui.forms import Form, form_of
from carepath.ui.rendering import language_of, page
from carepath.ui.send.fields import Widget
from carepath.ui.send.pages import (
    answered,
    draft_of,
    filling,
    receipt_page,
    taken_in,
    to_receipt,
)
from carepath.ui.send.values import Book, filled, is_same, moment_fields
from carepath.ui.send.view import HAPPENED, Sheet, corrected, steps
from carepath.ui.values import Data, Fate
from carepath.ui.words import Words
from pathways.events import Activity
from pathways.messages import Record
from pathways.parties import Directory

NAMES: Final = frozenset({"correct", "correcting", "withdraw"})
"""The names of the routes."""


def routes(data: Data, door: Door) -> list[BaseRoute]:
    """The addresses of correcting and taking back."""
    anew, back = "/send/{id}/correct", "/send/{id}/withdraw"
    return [
        Route(anew, door.guarded(partial(correct, data)), methods=["GET"], name="correct"),
        Route(anew, door.guarded(partial(keep, data)), methods=["POST"], name="correcting"),
        Route(back, door.guarded(partial(withdraw, data)), methods=["POST"], name="withdraw"),
    ]


async def correct(data: Data, request: Request) -> Response:
    """GET /send/{id}/correct: what was sent, as a form."""
    return await run_in_threadpool(_correct, data, request)


def _correct(data: Data, request: Request) -> Response:
    found = _sheet(data, request, Form())
    if isinstance(found, Response):
        return found
    sheet, record, _ = found
    told = filled(sheet.layout.all, record.facts, sheet.book)
    happened = moment_fields(HAPPENED.name, record.happened)
    return filling(request, replace(sheet, form=Form({**sheet.form.fields, **told, **happened})))


async def keep(data: Data, request: Request) -> Response:
    """POST /send/{id}/correct: what it says now holds in place of what was sent; to its receipt.

    What nobody touched stays exactly as it was: a form knows times to the minute alone.
    """
    form = await form_of(request)
    found = await run_in_threadpool(_changed, data, request, form)
    return found if isinstance(found, Response) else await answered(data, request, *found)


def _changed(data: Data, request: Request, form: Form) -> tuple[Sheet, Draft] | Response:
    found = _sheet(data, request, form)
    if isinstance(found, Response):
        return found
    sheet, record, matter = found
    if form.one("act") != "send":
        return filling(request, sheet)
    draft = draft_of(sheet)
    if draft is None:
        return filling(request, sheet, 422)
    kept = {
        one.name: getattr(record.facts, one.name)
        for one in sheet.layout.all
        if one.widget is not Widget.CHOICES  # what is not ticked is not posted
        and is_same(form, filled((one,), record.facts, sheet.book), one.name)
    }
    then = moment_fields(HAPPENED.name, record.happened)
    same = is_same(form, then, HAPPENED.name)
    return sheet, replace(
        draft,
        facts=replace(draft.facts, **kept),
        happened=record.happened if same else draft.happened,
        matter=matter,
        activity=Activity.REVISE,
        target=record.message_id,
        sender=record.sender,
    )


def _sheet(
    data: Data, request: Request, form: Form
) -> tuple[Sheet, Record, Matter | None] | Response:
    """The form, and what it corrects, in which matter; a message that they cannot correct has none."""
    visit = visit_of(request)
    receipt = data.writing.receipt(visit, request.path_params["id"])
    directory = Directory(data.writing.parties())
    step = corrected(receipt, steps(visit.actor, directory)) if receipt else None
    record = receipt.record if receipt else None
    shown = data.page(visit, record.patient, None) if record and step else None
    if receipt is None or record is None or step is None or shown is None:
        return page(request, "problem.html", status=404, problem="page.unknown")
    sheet = Sheet(
        step=step,
        form=replace(form, fields={**form.fields, "id": [form.id]}),
        book=Book(directory.parties, instant(now())),
        words=Words(language_of(request), directory.parties),
        patient=record.patient,
        shown=shown,
        corrects=record,
    )
    return sheet, record, receipt.matter


async def withdraw(data: Data, request: Request) -> Response:
    """POST /send/{id}/withdraw: it does not hold; to the receipt of that."""
    visit = visit_of(request)
    receipt = await run_in_threadpool(data.writing.receipt, visit, request.path_params["id"])
    if receipt is None or receipt.record is None or receipt.record.activity is Activity.CANCEL:
        return page(request, "problem.html", status=404, problem="page.unknown")
    draft, done = await taken_in(data, visit, withdrawal(receipt.record, receipt.matter))
    if done.fate is Fate.REFUSED:
        why = done.why(language_of(request))
        return await run_in_threadpool(receipt_page, data, request, why)
    return to_receipt(draft, done)
