"""What coordination promises: the openings and conditions that the rows of ``pledges`` name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pathways.coordination import answers
from pathways.facts import CoordinatorFacts, Role
from pathways.messages import Record
from pathways.parties import Function
from pathways.promises import Duty, Opening, Promise

if TYPE_CHECKING:
    from pathways.pathway import Thread


def needed(_: Thread, record: Record) -> Iterator[Opening]:
    """A need, or a wish for another: the coordinating unit answers."""
    duty = Duty(record.asked) if record.asked else Duty(function=Function.KE)
    yield Opening(duty, record.sender, about=_role(record))


def handed(_: Thread, record: Record) -> Iterator[Opening]:
    """The next one says whether they take it."""
    said = record.facts.name if isinstance(record.facts, CoordinatorFacts) else None
    next_ = next(iter(record.named.get("party", ())), record.sender)
    yield Opening(Duty(next_, name=said), record.sender, about=_role(record))


def answered(promise: Promise, record: Record) -> bool:
    """There is a coordinator of the kind that was wanted."""
    return answers(_role(record), Role(promise.about) if promise.about else None)


def offered_anew(promise: Promise, _: Thread, record: Record) -> bool:
    """A baton is offered to one at a time."""
    return promise.about == _role(record)


def _role(record: Record) -> Role | None:
    return record.facts.role if isinstance(record.facts, CoordinatorFacts) else None
