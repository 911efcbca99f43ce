"""SMART scopes, version 2: what a client may do with which FHIR types.

``system/Type.cruds``: letters in this order, a part of them or all; ``*`` stands for every type. The forms of version 1
(``read``, ``write``, ``*``) are translated. What is not understood is refused, never guessed.
https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from typing_extensions import override

LETTERS: Final = "cruds"
"""Create; read, a version, an instance's history; update; delete; search, a type's history."""
EVERY: Final = "*"
_SCOPE: Final = re.compile(r"(patient|user|system)/([A-Z][A-Za-z]{1,63}|\*)\.([a-z]+|\*)")
_VERSION_1: Final[Mapping[str, str]] = {"read": "rs", "write": "cud", "*": LETTERS}


class NoScope(ValueError):
    """It is no scope that counts here."""


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """``letters`` of ``cruds``, in that order; ``type``: of FHIR, or ``*``; ``context``: patient, user or system."""

    context: str
    type: str
    letters: str

    @override
    def __str__(self) -> str:
        return f"{self.context}/{self.type}.{self.letters}"

    def allows(self, type_: str, letter: str) -> bool:
        """Whether it covers an interaction with a type; ``*``: with whatever type."""
        return self.type in (EVERY, type_) and letter in self.letters


@lru_cache(1024)
def scope(text: str) -> Scope:
    """One scope. Raises ``NoScope``."""
    if "?" in text:
        raise NoScope("scopes with search parameters are not offered")
    found = _SCOPE.fullmatch(text)
    if found is None:
        raise NoScope("a scope is written as system/Type.cruds")
    context, type_, written = found.groups()
    letters = _VERSION_1.get(written, written)
    if not letters or letters != "".join(each for each in LETTERS if each in letters):
        raise NoScope("a scope's letters are some of c, r, u, d, s, each once and in that order")
    return Scope(context, type_, letters)


def scopes(text: str) -> frozenset[Scope]:
    """Scopes that are separated by spaces. Raises ``NoScope``, also when there is none."""
    found = frozenset(map(scope, text.split()))
    if not found:
        raise NoScope("name at least one scope")
    return found


def known(texts: Iterable[str]) -> frozenset[Scope]:
    """Those that are SMART scopes: another issuer's tokens have scopes of other kinds beside them."""
    found = set()
    for text in texts:
        try:
            found.add(scope(text))
        except NoScope:
            continue
    return frozenset(found)


def granted(asked: Iterable[Scope], registered: Iterable[Scope]) -> frozenset[Scope]:
    """What is both asked for and registered: for each type the letters that both have."""
    registered = (*registered,)
    letters: dict[tuple[str, str], set[str]] = {}
    for one in asked:
        for other in registered:
            type_ = _common(one.type, other.type)
            if type_ is not None and one.context == other.context:
                both = {*one.letters} & {*other.letters}
                letters.setdefault((one.context, type_), set()).update(both)
    return frozenset(
        Scope(context, type_, written)
        for (context, type_), each in letters.items()
        if (written := "".join(letter for letter in LETTERS if letter in each))
    )


def _common(one: str, other: str) -> str | None:
    if EVERY in (one, other):
        return other if one == EVERY else one
    return one if one == other else None


def text_of(scopes_: Iterable[Scope]) -> str:
    """The scopes as OAuth writes them, always in the same order."""
    return " ".join(map(str, sorted(scopes_)))


def allow(texts: Iterable[str], type_: str, letter: str) -> bool:
    """Whether an actor's scopes cover an interaction with a type."""
    return any(scope(text).allows(type_, letter) for text in texts)
