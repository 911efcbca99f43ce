"""A "no" is a value with a reason; one place outside turns it into an HTTP status or a receipt."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why something was not done. The category decides the answer's status."""

    MALFORMED = "malformed"  # cannot be parsed at all
    TOO_LARGE = "too-large"
    INVALID = "invalid"  # parsed, but breaks a rule of structure or content
    UNKNOWN_EVENT = "unknown-event"
    PATIENT = "patient"  # none, two, or an identifier that cannot be right
    FUTURE = "future"  # said to have happened later than now
    CONFLICT = "conflict"  # same id with other content, or the rules say no in this state
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    UNKNOWN_RECEIVER = "unknown-receiver"
    TRANSIENT = "transient"  # our fault: send it again


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong: ``code`` from FHIR IssueType, ``where`` a FHIRPath like ``Bundle.entry[2]``.

    ``text`` never quotes a value that could be personal.
    """

    code: str
    text: str
    where: str | None = None
    severity: str = "error"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing was done, and why."""

    reason: Reason
    issues: tuple[Issue, ...]


def refuse(reason: Reason, code: str, text: str, where: str | None = None) -> Refusal:
    """A refusal with a single issue."""
    return Refusal(reason, (Issue(code, text, where),))
