"""Messages as the broker meets them: stays told by the message, many at a time.

They are those of the tests' stories: our own profile, 6–9 resources, about 12 kB with generated narrative.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count, islice

import orjson

from tests.integration.stories import (
    OSLO,
    Matter,
    Resource,
    admission,
    capacity_answer,
    departure_planned,
    discharge,
    discharge_ready,
    discharge_report,
    early_notice,
    person,
    report,
)

_FIRST_PERSON = 1_000_000
"""People below this number are left to whoever wants a certain one."""
_people = count(_FIRST_PERSON)


def stay(number: int | None = None) -> Iterator[Resource]:
    """The eight messages of one stay, in order, about person ``number`` or somebody new."""
    begins = datetime.now(OSLO) - timedelta(days=5)
    matter = Matter(person(next(_people) if number is None else number), begins)
    day = timedelta(days=1)
    yield admission(matter)
    yield report("admission-report", matter, happened=begins + 1 * day)
    yield early_notice(matter, (begins + 3 * day).date(), happened=begins + 2 * day)
    yield discharge_ready(matter, happened=begins + 3 * day)
    yield capacity_answer(matter, begins + 4 * day, happened=begins + 3.1 * day)
    yield departure_planned(matter, begins + 4 * day, happened=begins + 3.2 * day)
    yield discharge(matter, happened=begins + 4 * day)
    yield discharge_report(matter, happened=begins + 4.1 * day)


def stream(stays: int = 50) -> Iterator[bytes]:
    """Messages without end from ``stays`` stays side by side, each at another point of its course."""
    running = [stay() for _ in range(stays)]
    for place, one in enumerate(running):
        for _ in islice(one, place % 8):
            pass
    while True:
        for place, one in enumerate(running):
            message = next(one, None)
            if message is None:
                running[place] = stay()
                message = next(running[place])
            yield orjson.dumps(message)


def messages(number: int, stays: int = 50) -> list[bytes]:
    """``number`` messages of a stream."""
    return list(islice(stream(stays), number))
