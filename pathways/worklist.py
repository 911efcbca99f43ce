"""What an organisation has to do, the most pressing first: open promises, and what changed since somebody looked."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pathways.deadlines import ACUTE
from pathways.watched import Watched


class Group(StrEnum):
    """Why somebody should look at it, the most pressing first; codes of ``CodeSystem/worklist-group``."""

    OVERDUE = "overdue"
    DUE = "due"  # today
    UNREAD = "unread"  # nobody has read, or taken from the mailbox, the message that asked for it
    NEW = "new"  # since the last look
    CHANGED = "changed"  # since the last look, its end too
    LATER = "later"


_ORDER = {group: place for place, group in enumerate(Group)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A promise on the list. ``entered`` and ``changed``: when its Task came to be, and last became another."""

    promise: Watched
    entered: datetime
    changed: datetime
    unread: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody looks at ``now``, on a day that ends at ``tonight``; the last time was ``since``."""

    now: datetime
    tonight: datetime
    since: datetime | None = None

    def groups(self, item: Item) -> tuple[Group, ...]:
        """All that is to be said of it, the most pressing first; nothing of what is closed and was seen."""
        due, is_open = item.promise.due, item.promise.is_open
        seen = self.since is None or item.changed <= self.since
        new = self.since is not None and item.entered > self.since
        said = {
            Group.OVERDUE: is_open and due < self.now,
            Group.DUE: is_open and self.now <= due <= self.tonight,
            Group.UNREAD: is_open and item.unread,
            Group.NEW: is_open and new,
            Group.CHANGED: not seen and not (is_open and new),
        }
        found = tuple(group for group, holds in said.items() if holds)
        return found or ((Group.LATER,) if is_open else ())


Listed = tuple[Item, tuple[Group, ...]]


def worklist(items: Iterable[Item], look: Look, person: str | None = None) -> list[Listed]:
    """The list: by group, what is acute before the rest, then by due time.

    ``person``: what they have taken, and what nobody has.
    """
    told = ((item, look.groups(item)) for item in items if _concerns(item, person))
    return sorted((one for one in told if one[1]), key=_pressing)


def _concerns(item: Item, person: str | None) -> bool:
    holder = item.promise.holder
    return person is None or holder is None or holder.casefold() == person.casefold()


def _pressing(one: Listed) -> tuple[int, bool, datetime, str]:
    item, groups = one
    promise = item.promise
    return _ORDER[groups[0]], promise.kind not in ACUTE, promise.due, promise.id
