"""What became of a message."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from carepath_client import reading
from carepath_client.errors import Issue, Refused, Unavailable

State = Literal["accepted", "kept", "published"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a message that was not refused.

    ``accepted``: it is on the timeline. ``kept``: it cannot be placed yet, and is when it can. ``published``: the
    broker has it, and the answer comes in the updates. ``issues`` are remarks.
    """

    state: State
    message_id: str | None
    issues: tuple[Issue, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether it is known to be on the timeline."""
        return self.state == "accepted"


@dataclass(frozen=True, slots=True)
class Answer:
    """A receipt as a message brings it; ``code`` is ok, transient-error or fatal-error."""

    message_id: str
    code: str
    issues: tuple[Issue, ...] = ()

    def receipt(self) -> Receipt:
        """As ``publish`` gives it. Raises ``Refused``, and ``Unavailable`` when it failed for now."""
        if self.code == "fatal-error":
            raise Refused(self.issues, message_id=self.message_id)
        if self.code != "ok":
            raise Unavailable(f"message {self.message_id} met a fault of the server; send it again")
        return Receipt("accepted", self.message_id, self.issues)


def answer(bundle: Mapping[str, Any]) -> Answer | None:
    """The receipt that a message is; ``None`` when it is none."""
    response = reading.header(bundle).get("response", {})
    about, code = response.get("identifier"), response.get("code")
    return Answer(about, code, reading.issues(bundle)) if about and code else None
