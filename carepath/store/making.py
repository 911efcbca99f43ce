"""How somebody makes what shows a matter, or a part of it: the store keeps the records, the mappings know FHIR."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from sqlalchemy import Connection

from carepath.store.indexing import Found, Place
from pathways.messages import Record


@dataclass(frozen=True)
class Made:
    """A resource without version. ``index`` says what one is found by, which few are asked for."""

    resource: dict[str, Any]
    index: Callable[[dict[str, Any]], Found]

    @cached_property
    def found(self) -> Found:
        """What it is found by."""
        return self.index(self.resource)


Part: TypeAlias = tuple[str, tuple[Record, ...]]
"""The id of a matter, and the records of it that somebody knows."""
Making: TypeAlias = Callable[[Connection, Sequence[Part]], Sequence[Mapping[Place, Made]]]
"""What shows each of these parts of matters."""


def nothing(_: Connection, parts: Sequence[Part]) -> Sequence[Mapping[Place, Made]]:
    """Who can make nothing of parts sees none."""
    return [{} for _ in parts]
