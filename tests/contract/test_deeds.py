"""What the worklist offers is never refused, on both stores: every kind of promise, all that can be done about it."""

from collections.abc import Iterator

import pytest

from carepath.store.disclosures import Disclosures
from carepath.ui.forms import Form
from carepath.ui.values import Fate, Visit
from carepath.ui.worklist.changes import draft_of
from carepath.ui.worklist.data import One, Row
from carepath.ui.worklist.words import Field, form_fields
from pathways.access import Actor, Role
from pathways.deeds import ALWAYS, DEEDS, Deed
from pathways.promises import PromiseKind
from tests.contract.door import closed_door
from tests.contract.owing import OPENINGS, Desk, at, operator

_TEXT = {"date": "2100-01-11", "datetime-local": "2100-01-11T10:30"}


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    """A directory, and nobody who owes anything yet."""
    with closed_door(database_url) as broker:
        yield Desk(broker)


def filled(field: Field) -> str:
    """Something that the form lets people choose or write."""
    options = [*field.near, *field.options]
    return options[0][0] if options else _TEXT.get(field.shape, "Det avtalte vi.")


def typed(desk: Desk, one: One, deed: Deed, *, all_of_it: bool) -> Form:
    """The form as somebody fills it in: only what is needed, or all there is."""
    asked = form_fields(deed, one.row, desk.lists.directory(), "nb")
    told = {field.name: [filled(field)] for field in asked if all_of_it or field.needed}
    return Form(told)


def test_what_is_offered_is_taken_in(desk: Desk) -> None:
    """To somebody who signs in where it is owed; what is done most settles it, also with the least that is needed."""
    for turn, kind in enumerate(PromiseKind):
        names = [deed.name for deed in desk.open(kind).deeds]
        own = [deed.name for deed in DEEDS[kind]]
        assert names[: len(own)] == own
        always = [name for name in names if name not in own]
        assert {*always} <= {deed.name for deed in ALWAYS}
        for name in (*own, always[turn % len(always)]):  # each of those with every third kind
            do(desk, desk.open(kind), name, all_of_it=True)
        after = do(desk, desk.open(kind), [*own, "phone"][0], all_of_it=False)
        assert after is not None, kind
        assert not after.promise.is_open, kind
        assert after.deeds == ()


def do(desk: Desk, row: Row, name: str, *, all_of_it: bool) -> Row | None:
    """How it stands once it is done; ``None``: it is another's now."""
    visit = at(row.promise.responsible)
    one = desk.lists.one(visit, row.id)
    assert one is not None
    deed = one.row.deed(name)
    assert deed is not None, f"{name} is offered to nobody who signs in"
    draft = draft_of(deed, one, typed(desk, one, deed, all_of_it=all_of_it), "nb")
    assert draft is not None
    done = desk.send(visit, draft)
    assert done.fate is Fate.DONE, (row.promise.kind, name, done)
    after = desk.lists.one(visit, row.id)
    return after.row if after else None


def test_every_kind_has_its_opening_and_its_deeds() -> None:
    """A new kind of promise needs both."""
    assert {*OPENINGS} == {*DEEDS} == {*PromiseKind}
    assert [kind for kind, deeds in DEEDS.items() if not deeds] == [PromiseKind.RECEIPT]


@pytest.mark.parametrize("kind", [PromiseKind.REVIEW, PromiseKind.CAPACITY_ANSWER])
def test_who_may_not_send_it_is_not_offered_it(desk: Desk, kind: PromiseKind) -> None:
    """A school at the same desk: nothing of health; whoever looks in open mode: all."""
    row = desk.open(kind)
    actor = Actor(role=Role.NON_HEALTH, party=row.promise.responsible, name="Kari Moe")
    one = desk.lists.one(Visit(actor, Disclosures()), row.id)
    assert one is not None
    assert one.row.deeds == ()
    whole = desk.lists.one(operator(), row.id)
    assert whole is not None
    assert whole.row.deeds
