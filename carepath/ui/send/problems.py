"""Why a message was refused, beside the fields of the form that made it."""

from collections.abc import Iterator, Mapping
from typing import Final

from carepath import texts
from carepath.service.drafts import Draft
from fhir_mappings.profile import SHAPES
from pathways.refusals import Cause, Issue, Reason, Refusal

_FIELDS: Final[Mapping[Cause | Reason, tuple[str, ...]]] = {
    Reason.FUTURE: ("happened",),
    Reason.UNKNOWN_RECEIVER: ("to",),
    Cause.NO_NEW_DATE: ("due",),
    Cause.DUE_IN_THE_PAST: ("due",),
    Cause.NOT_SAID_WHY: ("reason",),
    Cause.REASON_NEEDED: ("reason",),
    Cause.IN_CIRCLES: ("reason",),
    Cause.ENDS_BEFORE_IT_BEGINS: ("ends", "until", "valid_to"),
    Cause.NOBODY_NAMED: ("name", "owner", "performer", "proposed"),
    Cause.UNKNOWN_ORGANISATION: ("party", "substitute_party"),
    Cause.OWN_SUBSTITUTE: ("substitute",),
    Cause.NOT_REGISTERED: ("person",),
    Cause.NOT_NOW: ("matter",),
    Cause.NOT_ASKED: ("matter",),
}
"""Where to look, of those of these fields that a form has."""


def problems_of(draft: Draft, refusal: Refusal, language: str) -> dict[str, str]:
    """By the name of the field; nothing where the form as a whole is refused."""
    causes = [issue.cause for issue in refusal.issues if issue.cause]
    found = {
        name: texts.render(f"refusal.{cause}", {}, language)
        for cause in causes
        for name in _FIELDS.get(cause, ())
        if _has(draft, name)
    }
    wrong = texts.render(f"reason.{refusal.reason}", {}, language)
    places = () if causes else _FIELDS.get(refusal.reason, ())
    found |= dict.fromkeys(places, wrong)
    return found | {name: wrong for issue in refusal.issues for name in _of_element(draft, issue)}


def _has(draft: Draft, name: str) -> bool:
    return hasattr(draft.facts, name) or hasattr(draft, name)


def _of_element(draft: Draft, issue: Issue) -> Iterator[str]:
    """The facts that stand in the element that is wrong."""
    where = issue.where or ""
    for resource in SHAPES[draft.code].values():
        for one in resource:
            if where.endswith(f".{one.slot.path}") and _has(draft, one.name):
                yield one.name
