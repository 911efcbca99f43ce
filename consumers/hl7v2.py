"""What is done with a message that came in an MLLP frame: taken in by the service, and answered in HL7 v2."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog

from carepath.delivery.frames import Broken, Fault
from carepath.delivery.gather import Gather
from carepath.service import Answer, Submission, answers
from fhir_mappings.formats import HL7_V2, media_type
from fhir_mappings.hl7v2.acknowledgement import acknowledgements
from fhir_mappings.hl7v2.answers import code_of
from pathways.refusals import Reason, refuse

log = structlog.get_logger()

_NO_MESSAGE: Final = refuse(
    Reason.MALFORMED, "structure", "a message begins with MSH and its separators", "MSH"
)
_TRANSIENT: Final = refuse(
    Reason.TRANSIENT, "exception", "something went wrong on our side; send it again", "MSH"
)
_BROKEN: Final = {
    Fault.CUT_OFF: refuse(
        Reason.MALFORMED, "structure", "the frame was cut off: nothing of it was taken in", "MSH"
    ),
    Fault.TOO_LONG: refuse(
        Reason.TOO_LARGE, "too-long", "the message is too long: nothing of it was taken in", "MSH"
    ),
}


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Intake:
    """Messages go through the gathering window that requests go through, too. ``seen`` is told each answer's MSA-1."""

    gather: Gather
    seen: Callable[[str], None] = lambda _: None
    now: Callable[[], datetime] = _utc_now

    async def answer(self, content: bytes) -> tuple[bytes, ...]:
        """What the sender is told, once it is committed. Raises nothing."""
        if media_type(content) != HL7_V2:
            return self._told(content, answers.refused(_NO_MESSAGE))
        try:
            answer = await self.gather.take(Submission(content, HL7_V2))
        except Exception as fault:  # noqa: BLE001 -- whatever it is, the sender has to send it again
            log.error("not taken in", fault=type(fault).__name__)  # noqa: TRY400 -- the text could be personal
            answer = answers.refused(_TRANSIENT)
        return self._told(content, answer)

    def refuse(self, broken: Broken) -> tuple[bytes, ...]:
        """What the sender of a broken frame is told, as far as the frame says whose it was."""
        return self._told(_whole_fields(broken.begin), answers.refused(_BROKEN[broken.fault]))

    def _told(self, content: bytes, answer: Answer) -> tuple[bytes, ...]:
        told = acknowledgements(content, answers.reply(answer, content, self.now()))
        self.seen(code_of(told[-1]) if told else "none")
        return told


def _whole_fields(begin: bytes) -> bytes:
    """Without a field of the header that may have been cut off: half a number is somebody else's."""
    begin = begin.lstrip()
    return begin if b"\r" in begin else begin[: max(begin.rfind(begin[3:4]), 0)]
