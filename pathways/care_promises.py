"""What coordination promises: the openings and conditions that the rows of ``pledges`` name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pathways.coordination import answers
from pathways.facts import CoordinatorFacts, Role, known_as
from pathways.messages import Record
from pathways.parties import Function
from pathways.promises import Duty, Opening, Promise, asked_of

if TYPE_CHECKING:
    from pathways.pathway import Thread


def needed(_: Thread, record: Record) -> Iterator[Opening]:
    """A need, or a wish for another: the coordinating unit answers."""
    yield Opening(asked_of(record, Function.KE), record.sender, about=_role(record))


def handed(_: Thread, record: Record) -> Iterator[Opening]:
    """The next one says whether they take it."""
    said = known_as(CoordinatorFacts, record.facts).name
    next_ = next(iter(record.named.get("party", ())), record.sender)
    yield Opening(Duty(next_, name=said), record.sender, about=_role(record))


def answered(promise: Promise, record: Record) -> bool:
    """There is a coordinator of the kind that was wanted."""
    return answers(_role(record), Role(promise.about) if promise.about else None)


def offered_anew(promise: Promise, _: Thread, record: Record) -> bool:
    """A baton is offered to one at a time."""
    return promise.about == _role(record)


def _role(record: Record) -> Role | None:
    return known_as(CoordinatorFacts, record.facts).role
