"""The operations that make lists and sums of what is known; ``operations`` has the others."""

from collections.abc import Mapping
from typing import Final

from carepath.api.negotiation import TYPES
from carepath.api.operation import Interaction, Operation
from carepath.api.payment_days import payment_days_
from carepath.api.quiet import quiet_
from carepath.api.statistics import statistics_
from carepath.api.worklist import worklist_, worklist_by_parameters

_FHIR: Final = ("organisation", "format", "pretty")

LISTS: Final[Mapping[Interaction, Operation]] = {
    worklist_: Operation(
        id="worklist",
        summary="What the caller has to do, the most pressing first: overdue, due today, unread, new, changed.",
        parameters=(*_FHIR, "prefer", "changed-since", "page-size"),
        gives=("Bundle",),
        answers={200: "A searchset of Tasks; tags say why each is on the list."},
        refuses=(400, 406, 503),
    ),
    worklist_by_parameters: Operation(
        id="worklistByParameters",
        summary="The same, asked for with the parameters _since, _count and person: theirs, and nobody's.",
        takes=TYPES,
        receives="Parameters",
        parameters=(*_FHIR, "prefer"),
        gives=("Bundle",),
        answers={200: "A searchset of Tasks; tags say why each is on the list."},
        refuses=(400, 406, 413, 415, 422, 503),
    ),
    quiet_: Operation(
        id="quiet",
        summary="Who has a plan, a decision or a follow-up, and heard from nobody for some weeks.",
        parameters=(*_FHIR, "prefer", "weeks", "page-size"),
        gives=("Parameters",),
        answers={200: "A person for each, those of the longest silence first."},
        refuses=(400, 406, 503),
    ),
    statistics_: Operation(
        id="statistics",
        summary="How it went in a period: the caller's own figures, or every unit's for the operator.",
        parameters=(*_FHIR, "prefer", "period-start", "period-end"),
        gives=("Parameters",),
        answers={200: "A row for each figure; one without a value would rest on fewer than five."},
        refuses=(400, 406, 503),
    ),
    payment_days_: Operation(
        id="paymentDays",
        summary="The days that the municipality pays for, what they follow from, and what is said against them.",
        parameters=_FHIR,
        gives=("Parameters",),
        answers={
            200: "Every day of waiting, owed or not; a year whose rate is not known is named."
        },
        refuses=(400, 404, 406, 503),
    ),
}
