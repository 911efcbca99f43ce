"""OperationOutcome: what was wrong, and where.

https://hl7.org/fhir/R4/operationoutcome.html
"""

from collections.abc import Iterable

from fhir_mappings.bundle import JSON
from fhir_mappings.codes import REFUSAL
from pathways.refusals import Cause, Issue


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
            next((Cause(c["code"]) for c in issue["details"].get("coding", ())), None),
        )
        for issue in told["issue"]
    )


def _issue(issue: Issue) -> JSON:
    coding = {"coding": [{"system": REFUSAL, "code": str(issue.cause)}]} if issue.cause else {}
    told: JSON = {
        "severity": issue.severity,
        "code": issue.code,
        "details": {**coding, "text": issue.text},
    }
    return told if issue.where is None else {**told, "expression": [issue.where]}
