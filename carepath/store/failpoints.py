"""Places where a test lets the process die, to see that nothing is lost or doubled.

``CAREPATH_FAILPOINT=name`` or ``name:n`` ends the process, as ``kill -9`` would, when the place is reached for the
n-th time. Unset, as always but in tests, a place costs one comparison.
"""

import os
from typing import Final

_NAME, _, _TIMES = os.environ.get("CAREPATH_FAILPOINT", "").partition(":")
_left = int(_TIMES or 1)

PLACES: Final = (
    "after_fetch",
    "after_parse",
    "before_commit",
    "after_commit_before_ack",
    "after_ack_before_offset",
    "after_outbox_publish_before_mark",
    "mid_webhook",
    "after_webhook_before_mark",
    "watch_after_claim",
    "watch_before_commit",
    "watch_after_commit",
    "before_audit",
    "seal_before_commit",
    "after_sent_before_mark",
    "edi_fetched",
    "edi_committed",
    "edi_answered",
    "edi_downloaded",
)


def reached(place: str) -> None:
    """The program is at ``place``; it may end here."""
    global _left  # noqa: PLW0603 -- the count of this process
    if place == _NAME:
        _left -= 1
        if _left == 0:
            os._exit(137)
