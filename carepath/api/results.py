"""How the answer to a search is to be: order, number, what comes along and how much of each resource.

https://hl7.org/fhir/R4/search.html#modifyingresults
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from carepath.api.errors import bad_parameter
from carepath.api.parameters import Asking, check_characters, criterion
from carepath.store.criteria import Criterion
from carepath.store.search import Include, Order
from fhir_mappings.search_parameters import (
    PARAMETERS,
    PERSON,
    Kind,
    references,
    sortable,
)
from fhir_mappings.subsets import Summary

DEFAULT_COUNT: Final = 50
MOST: Final = 200
MOST_CRITERIA: Final = 100
"""Each is a condition of the statement, and databases take some hundred of them."""
SUMMARIES: Final = (*Summary, "count", "false")
TOTALS: Final = ("none", "estimate", "accurate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A search as it was understood; ``used`` are the parameters that count, for links."""

    criteria: tuple[Criterion, ...] = ()
    used: tuple[tuple[str, str], ...] = ()
    order: tuple[Order, ...] = (Order(),)
    count: int = DEFAULT_COUNT
    counted: bool = True  # the total is told
    includes: tuple[Include, ...] = ()
    summary: Summary | None = None
    elements: tuple[str, ...] = ()


def parse(type_: str, pairs: Sequence[tuple[str, str]], *, strict: bool, asking: Asking) -> Wanted:
    """The search in ``pairs``. Raises ``Refused`` for bad values, and when strict for what is unknown."""
    reading = _Reading(type_, strict)
    for name, value in pairs:
        check_characters(name, value)
        if name in _CONTROLS:
            reading.controls[name] = value
        elif name in _INCLUDES:
            reading.include(name, value)
        elif value:
            reading.search(name, value, asking)
        elif name not in _IGNORED and re.split("[:.]", name)[0] not in PARAMETERS[type_]:
            reading.unknown(name, f"not a search parameter of {type_} here")
    return reading.wanted()


_CONTROLS: Final = ("_sort", "_count", "_summary", "_elements", "_total")
_INCLUDES: Final = ("_include", "_include:iterate", "_revinclude", "_revinclude:iterate")
_IGNORED: Final = frozenset({"_format", "_pretty"})
_ELEMENT: Final = re.compile("[A-Za-z][A-Za-z0-9]{0,63}")


@dataclass(slots=True)
class _Reading:
    """A search while its parameters are read."""

    type: str
    strict: bool
    controls: dict[str, str] = field(default_factory=dict)
    criteria: list[Criterion] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    used: list[tuple[str, str]] = field(default_factory=list)

    def search(self, name: str, value: str, asking: Asking) -> None:
        """One search parameter."""
        if name in _IGNORED:
            return
        if len(self.criteria) == MOST_CRITERIA:
            raise bad_parameter(name, f"at most {MOST_CRITERIA} search parameters in one search")
        found = criterion(self.type, name, value, asking)
        if found is None:
            self.unknown(name, f"not a search parameter of {self.type} here")
        else:
            self.criteria.append(found)
            self.used.append((name, value))

    def include(self, name: str, value: str) -> None:
        """One value of ``_include`` or ``_revinclude``."""
        made = _led(self.type, value, reverse=name.startswith("_rev"), again=":" in name)
        if not value:
            return
        if made:
            self.includes += made
            self.used.append((name, value))
        else:
            self.unknown(name.partition(":")[0], "Type:parameter, as the CapabilityStatement lists")

    def unknown(self, name: str, text: str) -> None:
        """Refused when strict, else passed over."""
        if self.strict:
            raise bad_parameter(name, text)

    def wanted(self) -> Wanted:
        """All of it."""
        summary, alone = self._summary()
        order = self._order()
        count = 0 if alone else _count(self.controls.get("_count", str(DEFAULT_COUNT)))
        counted = self._one_of("_total", TOTALS, "accurate") != "none" or count == 0
        elements = self._elements()
        if summary is Summary.TEXT and self.includes:
            raise bad_parameter("_summary", "text cannot be had together with included resources")
        told = {
            "_sort": ",".join(f"{'-' * one.descending}{one.name}" for one in order),
            "_count": str(count),
            "_summary": self.controls.get("_summary"),
            "_elements": ",".join(elements),
            "_total": self.controls.get("_total"),
        }
        given = {*self.controls, "_count"}
        return Wanted(
            criteria=tuple(self.criteria),
            used=(*self.used, *((n, v) for n, v in told.items() if n in given and v)),
            order=order or (Order(),),
            count=count,
            counted=counted,
            includes=tuple(self.includes),
            summary=summary,
            elements=elements,
        )

    def _one_of(self, name: str, values: Collection[str], default: str) -> str:
        given = self.controls.get(name) or default
        if given not in values:
            raise bad_parameter(name, f"one of {', '.join(values)}")
        return given

    def _summary(self) -> tuple[Summary | None, bool]:
        """How much of each resource, and whether only their number is asked for."""
        given = self._one_of("_summary", SUMMARIES, "false")
        return Summary(given) if given in {*Summary} else None, given == "count"

    def _elements(self) -> tuple[str, ...]:
        names = tuple(filter(None, self.controls.get("_elements", "").split(",")))
        if not all(map(_ELEMENT.fullmatch, names)):
            raise bad_parameter("_elements", "names of elements, with commas between")
        return names

    def _order(self) -> tuple[Order, ...]:
        found = []
        for key in filter(None, self.controls.get("_sort", "").split(",")):
            name = key.removeprefix("-")
            if name in sortable(self.type):
                date = PARAMETERS[self.type][name].kind is Kind.DATE
                found.append(Order(name, descending=key != name, date=date))
            else:
                offered = ", ".join(sorted(sortable(self.type)))
                self.unknown("_sort", f"one of {offered}, or with '-' before it")
        return tuple(found)


def _count(given: str) -> int:
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise bad_parameter("_count", "a whole number from 0")
    return min(int(given), MOST)


# --- what comes along


def _led(type_: str, value: str, *, reverse: bool, again: bool) -> list[Include]:
    """What an include asks for, nothing when it is not offered. Only ``again`` may begin at another type."""
    source, *rest = value.split(":")
    name, target = (*rest, None, None)[:2] if len(rest) < 3 else (None, None)
    every = source == "*" and not rest
    sources = [*PARAMETERS] if every and reverse else [type_ if every else source]
    made = []
    for one in sources:
        if one not in PARAMETERS or not (reverse or again or one == type_):
            continue
        towards = target or (type_ if reverse and not again else None)
        names = _names(one, "*" if every else name, towards)
        if names:
            made.append(_include(one, names, target, reverse=reverse, again=again))
    return made


def _names(source: str, name: str | None, target: str | None) -> tuple[str, ...]:
    """The references of a type: the one, or every one, and only those that can lead to ``target``."""
    return tuple(
        known
        for known, parameter in references(source).items()
        if name in {known, "*"} and target in {None, *parameter.targets}
    )


def _include(
    source: str, names: tuple[str, ...], target: str | None, *, reverse: bool, again: bool
) -> Include:
    return Include(
        source=source,
        names=tuple(name for name in names if name not in PERSON),
        person=any(name in PERSON for name in names),
        target=target,
        reverse=reverse,
        again=again,
    )
