"""The quiet: people with a plan, a decision or an agreed follow-up, with whom nobody has been in contact for long."""

from collections.abc import Mapping
from datetime import datetime

from pathways.events import RULES, EventCode, Family
from pathways.facts import ApplicationFacts, PlanFacts
from pathways.moments import Moment
from pathways.pathway import Thread
from pathways.transitions import Status

RUNNING: Mapping[Family, frozenset[Status]] = {
    Family.PLAN: frozenset((Status.ACTIVE,)),
    Family.FOLLOW_UP: frozenset((Status.ACTIVE,)),
    Family.APPLICATION: frozenset((Status.GRANTED, Status.CONTESTED, Status.ENDING)),
}
"""How a matter stands in which somebody is to be in contact with the person."""

CONTACTS = frozenset(
    code for code, rule in RULES.items() if not rule.ours and code is not EventCode.ACKNOWLEDGEMENT
)
"""What counts as contact: all that people told of the person, nothing that the broker said itself."""


def is_running(thread: Thread, now: datetime) -> bool:
    """Whether the plan, the decision or the follow-up holds at that time."""
    if thread.status not in RUNNING.get(thread.family, ()):
        return False
    return all(end is None or end.at > now for end in _ends(thread))


def _ends(thread: Thread) -> tuple[Moment | None, ...]:
    match thread.facts:
        case PlanFacts(ends=ends):
            return (ends,)
        case ApplicationFacts(valid_to=valid_to, ends=ends):
            return (valid_to, ends)
        case _:
            return ()
