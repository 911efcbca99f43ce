"""What can go wrong, as types. No text says anything of a patient."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing the server says: FHIR's severity and issue code, its words, and the FHIRPath it is about."""

    severity: str
    code: str
    text: str
    where: str | None = None


class CarepathError(Exception):
    """Everything this package raises for what others said or did not say."""


class Refused(CarepathError):
    """The answer is no, and would be again. ``status`` is HTTP's, where it came so."""

    def __init__(
        self, issues: tuple[Issue, ...], *, status: int | None = None, message_id: str | None = None
    ) -> None:
        told = "; ".join(_words(one) for one in issues) or f"HTTP {status}"
        super().__init__(told)
        self.issues, self.status, self.message_id = issues, status, message_id


class NotFound(CarepathError):
    """No such patient, or none that one may see; or several have that identifier."""


class Unavailable(CarepathError):
    """Nobody answered within the time limit. Try again with the same message: it counts once."""


class Unanswered(CarepathError):
    """The broker has the message, but its receipt did not come in time. It comes in the updates."""

    def __init__(self, message_id: str) -> None:
        super().__init__(f"no receipt in time for message {message_id}")
        self.message_id = message_id


class Gap(CarepathError):
    """Updates ``first`` to ``last`` can no longer be had. Begin with ``since=last`` to go on without them."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__(f"updates {first} to {last} are missing and cannot be fetched")
        self.first, self.last = first, last


def _words(one: Issue) -> str:
    return f"{one.text} ({one.where})" if one.where else one.text
