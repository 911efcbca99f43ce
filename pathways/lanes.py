"""The lanes of a picture: one for each organisation or unit, by level of care, in an order that nothing changes."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pathways.parties import Directory, Kind, Party


class Level(StrEnum):
    """Where in the health service a lane is; the order is that of the picture, from the top."""

    GP = "gp"
    EMERGENCY = "emergency"  # legevakt
    SPECIALIST = "specialist"
    MUNICIPAL = "municipal"
    OTHER = "other"
    BROKER = "broker"


class Grain(StrEnum):
    """What a lane is of."""

    UNIT = "unit"
    ORGANISATION = "organisation"


BROKER: Final = "carepath"
"""The directory key of the broker itself."""
_LEVELS: Final = {
    Kind.GP: Level.GP,
    Kind.LEGEVAKT: Level.EMERGENCY,
    Kind.HOSPITAL: Level.SPECIALIST,
    Kind.MUNICIPALITY: Level.MUNICIPAL,
    Kind.HOME: Level.MUNICIPAL,
}
_RANK: Final = {level: place for place, level in enumerate(Level)}


@dataclass(frozen=True, slots=True)
class Lane:
    """``key`` is the directory's; ``organisation`` the name of the one a unit belongs to."""

    key: str
    level: Level
    name: str
    organisation: str | None = None


@dataclass(frozen=True, slots=True)
class Lanes:
    """Which lane a party is in, and how lanes are ordered: by the directory alone."""

    directory: Directory
    grain: Grain = Grain.UNIT

    def key(self, party: str) -> str:
        """The lane's key."""
        if self.grain is Grain.UNIT:
            return party
        return self.directory.house(party)

    def order(self, keys: Iterable[str], names: Iterable[tuple[str, str]] = ()) -> list[Lane]:
        """The lanes from the top. ``names``: of parties, by key, that the directory does not know."""
        told = dict(names)
        return [self._lane(key, told) for key in sorted({*keys}, key=self._place)]

    def _place(self, key: str) -> tuple[int, str, str, bool, str, str]:
        root = self.directory.house(key)
        name, of = self._name(key), self._name(root)
        return _RANK[self._level(key)], of.casefold(), root, key != root, name.casefold(), key

    def _name(self, key: str) -> str:
        party = self.directory.parties.get(key)
        return party.name if party else ""

    def _level(self, key: str) -> Level:
        if key == BROKER:
            return Level.BROKER
        own = self.directory.parties.get(key)
        root = self.directory.parties.get(self.directory.house(key))
        kinds = (party.kind for party in (own, root) if party)
        return next((_LEVELS[kind] for kind in kinds if kind in _LEVELS), Level.OTHER)

    def _lane(self, key: str, told: dict[str, str]) -> Lane:
        party = self.directory.parties.get(key)
        root = self.directory.parties.get(self.directory.root(key) or "")
        name = party.name if party else told.get(key, key)
        if party is None or root is None or root is party:
            return Lane(key, self._level(key), name)
        return Lane(key, self._level(key), _own(party, root), root.name)


def _own(party: Party, root: Party) -> str:
    """The unit's name without that of its organisation: ``Solvik kommune, hjemmesykepleien``."""
    shorter = party.name.removeprefix(root.name).lstrip(" ,–-")
    return (shorter[:1].upper() + shorter[1:]) or party.name


def grain_for(lanes: Collection[str], most: int) -> Grain:
    """Units, as long as there are few enough of them to be seen at once."""
    return Grain.UNIT if len(lanes) <= most else Grain.ORGANISATION
