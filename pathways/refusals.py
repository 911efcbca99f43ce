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


class Cause(StrEnum):
    """The rule that says no to a request: codes of ``CodeSystem/refusal``. People read the text ``refusal.<code>``."""

    NOT_OFFERED = "not-offered"
    OFFERED_TO_ANOTHER = "offered-to-another"
    NOT_THE_HOLDER = "not-the-holder"
    UNKNOWN_ORGANISATION = "unknown-organisation"
    NOBODY_NAMED = "nobody-named"
    OWN_SUBSTITUTE = "own-substitute"
    ENDS_BEFORE_IT_BEGINS = "ends-before-it-begins"
    NOT_REGISTERED = "not-registered"
    NOT_NOW = "not-now"
    NOT_ASKED = "not-asked"
    TO_ITSELF = "to-itself"
    IN_CIRCLES = "in-circles"
    REASON_NEEDED = "reason-needed"
    FIXED_BY_LAW = "fixed-by-law"
    TIME_IS_NAMED = "time-is-named"
    WITH_ITSELF = "with-itself"
    NO_TIME = "no-time"
    AGREED_ALREADY = "agreed-already"
    ENDED_ALREADY = "ended-already"
    NOT_ENTITLED = "not-entitled"
    DUE_IN_THE_PAST = "due-in-the-past"
    NO_NEW_DATE = "no-new-date"
    NOT_SAID_WHY = "not-said-why"
    CONTROLLER_OUTSIDE = "controller-outside"
    NO_LEGAL_BASIS = "no-legal-basis"
    GLASS_NOT_FOR_YOU = "glass-not-for-you"
    SHUT_BY_PATIENT = "shut-by-patient"
    CHECKED_ALREADY = "checked-already"
    OWN_CHECK = "own-check"
    CHANGED_MEANWHILE = "changed-meanwhile"


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong: ``code`` from FHIR IssueType, ``where`` a FHIRPath like ``Bundle.entry[2]``.

    ``text`` never quotes a value that could be personal. ``cause``: which rule it is, where a rule says no.
    """

    code: str
    text: str
    where: str | None = None
    severity: str = "error"
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing was done, and why. ``format``: what the message was in (``Message.format``), where that can be told."""

    reason: Reason
    issues: tuple[Issue, ...]
    format: str | None = None


def refuse(reason: Reason, code: str, text: str, where: str | None = None) -> Refusal:
    """A refusal with a single issue."""
    return Refusal(reason, (Issue(code, text, where),))


def no(cause: Cause, text: str, reason: Reason = Reason.CONFLICT) -> Refusal:
    """A request that the rules refuse."""
    where = "Bundle.entry[0].resource.eventCoding"
    return Refusal(reason, (Issue("business-rule", text, where, cause=cause),))
