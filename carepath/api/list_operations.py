"""The operations that make lists and sums of what is known; ``operations`` has the others."""

from collections.abc import Mapping
from typing import Final

from carepath.api import examples
from carepath.api.access_log import access_log_, audit_event_, audit_events
from carepath.api.break_glass import break_glass_
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
    break_glass_: Operation(
        id="breakGlass",
        summary="A clinician reads of a patient of whom they were told nothing, and says why; it is checked afterwards.",
        takes=TYPES,
        receives="Parameters",
        asked=examples.broken,
        parameters=_FHIR,
        gives=("Parameters",),
        answers={200: "The patient, until when it lasts, and the id under which it is checked."},
        refuses=(400, 404, 406, 413, 415, 422, 503),
    ),
    statistics_: Operation(
        id="statistics",
        summary="How it went in a period: the caller's own figures, or every unit's for the operator.",
        parameters=(*_FHIR, "prefer", "period-start", "period-end"),
        gives=("Parameters",),
        answers={200: "A row for each figure; one without a value would rest on fewer than five."},
        refuses=(400, 406, 503),
    ),
    access_log_: Operation(
        id="accessLog",
        summary="Who received and who read what of the patient, and why; newest first.",
        parameters=(*_FHIR, "language", "prefer", "lines-since", "count", "line"),
        gives=("Bundle",),
        answers={200: "A searchset of AuditEvents, each with what it says in words."},
        refuses=(400, 404, 406, 503),
    ),
    audit_events: Operation(
        id="searchAuditEvents",
        summary="The access log of those whose log the caller may read; newest first.",
        parameters=(*_FHIR, "language", "prefer", "log-patient", "log-date", "count", "line"),
        gives=("Bundle",),
        answers={200: "A searchset of AuditEvents."},
        refuses=(400, 404, 406, 503),
    ),
    audit_event_: Operation(
        id="readAuditEvent",
        summary="One line of the access log.",
        parameters=(*_FHIR, "language"),
        gives=("AuditEvent",),
        answers={200: "The AuditEvent: nobody can change it, so it has no versions."},
        refuses=(400, 404, 406, 503),
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
