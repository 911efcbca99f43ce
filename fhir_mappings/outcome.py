"""OperationOutcome: what was wrong, and where.

https://hl7.org/fhir/R4/operationoutcome.html
"""

from collections.abc import Iterable

from fhir_mappings.bundle import JSON
from pathways.refusals import Issue


def outcome(issues: Iterable[Issue], *, id: str | None = None) -> JSON:  # noqa: A002 — FHIR's name
    """The issues as a resource; one that says all is well when there are none."""
    told = [_issue(issue) for issue in issues]
    fine = Issue("informational", "All is well.", severity="information")
    own = {} if id is None else {"id": id}
    return {"resourceType": "OperationOutcome", **own, "issue": told or [_issue(fine)]}


def issues(told: JSON) -> tuple[Issue, ...]:
    """The issues of an outcome that ``outcome`` made."""
    return tuple(
        Issue(
            issue["code"],
            issue["details"]["text"],
            next(iter(issue.get("expression", ())), None),
            issue["severity"],
        )
        for issue in told["issue"]
    )


def _issue(issue: Issue) -> JSON:
    told: JSON = {
        "severity": issue.severity,
        "code": issue.code,
        "details": {"text": issue.text},
    }
    return told if issue.where is None else {**told, "expression": [issue.where]}
