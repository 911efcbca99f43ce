"""The facts of a plan, by name: for what says of one that it holds no more."""

from enum import StrEnum


class PlanFact(StrEnum):
    """What a plan can say, and then say no more: the names of its facts."""

    TITLE = "title"
    COORDINATOR = "coordinator"
    GOALS = "goals"
    PARTICIPANTS = "participants"
    BEGINS = "begins"
    ENDS = "ends"
    NOTE = "note"
