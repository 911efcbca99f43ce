"""The texts a person sees, in Norwegian bokmål and English, found by key.

The catalogues are ``locale/<language>/LC_MESSAGES/carepath.po`` and are read as they are, once, at first use.
A text names its parameters in braces; ``[a clause in brackets]`` is left out when one of its parameters is
missing, so a sparse message still makes a whole sentence::

    Innlagt[ ved {place}]   →   "Innlagt ved Slagen sykehus"   or   "Innlagt"

A text with plural forms is found as ``key`` and ``key.one``; its ``msgid_plural`` is the parameter that is counted::

    {amount} timer / {amount} time   →   "24 timer" or "1 time"

A corrected or cancelled entry has no text of its own: ``entry.admission.revise`` is the frame
``frame.revise`` around ``entry.admission``.
"""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, tzinfo
from enum import StrEnum
from functools import cache, lru_cache, singledispatch
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.core import negotiate_locale
from babel.dates import format_date, format_datetime
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef

LANGUAGES: Final = ("nb", "en")
FRAMES: Final = ("revise", "cancel")
ZONE: Final[tzinfo] = ZoneInfo("Europe/Oslo")

_CLAUSE = re.compile(r"\[([^\[\]]*)\]")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_ALIASES = {"no": "nb", "nn": "nb"}  # who reads nynorsk is better served by bokmål than by English
_LOCALES = {"nb": "nb_NO", "en": "en_GB"}
_INSTANT = {"nb": "EEE d. MMM y 'kl.' HH:mm", "en": "EEE d MMM y 'at' HH:mm"}
_MOST = 100  # languages of an Accept-Language that are read: nobody means more
_DAY = {"nb": "EEE d. MMM y", "en": "EEE d MMM y"}


def render(key: str, params: Mapping[str, str | Moment], language: str) -> str:
    """The text of ``key`` with its parameters put in; moments as local time in Europe/Oslo.

    Parameters are put in verbatim and as plain text: escaping is the page's. A parameter missing outside
    brackets leaves nothing in its place. Raises ``KeyError`` for an unknown key or language.
    """
    texts = catalogue(language)
    stem, _, frame = key.rpartition(".")
    if key not in texts and frame in FRAMES:
        return _fill(texts[f"frame.{frame}"], {"text": render(stem, params, language)}, language)
    single = params.get(_counted(language).get(key, "")) == "1"
    return _fill(texts[f"{key}.one" if single else key], params, language)


@lru_cache(maxsize=10_000)
def moment(value: Moment, language: str) -> str:
    """A moment as it is written in the language, in Europe/Oslo; without time when only its day is known."""
    pattern = _DAY if value.day else _INSTANT
    return format_datetime(value.at, pattern[language], tzinfo=ZONE, locale=_LOCALES[language])


def language(accept_language: str | None) -> str:
    """The best of our languages for an ``Accept-Language`` header (RFC 9110 §12.5.4); bokmål by default."""
    wanted = [_ALIASES.get(tag.split("-")[0], tag) for tag in _preferred(accept_language or "")]
    return negotiate_locale(wanted, LANGUAGES, sep="-") or LANGUAGES[0]


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """All texts of a language by key. Raises ``KeyError`` when it is not one of ours."""
    found: dict[str, str] = {}
    for entry in _entries(language):
        key, text = entry.id, entry.string
        if isinstance(key, str) and isinstance(text, str):
            found |= {key: text} if key and text else {}
        elif text:
            found |= {f"{key[0]}.one": text[0], key[0]: text[1]}
    return found


@cache
def _counted(language: str) -> Mapping[str, str]:
    """Which parameter decides between the forms of a text, by key."""
    return {entry.id[0]: entry.id[1] for entry in _entries(language) if isinstance(entry.id, tuple)}


@cache
def _entries(language: str) -> Catalog:
    if language not in LANGUAGES:
        raise KeyError(language)
    path = Path(__file__).parent / "locale" / language / "LC_MESSAGES" / "carepath.po"
    with path.open("rb") as file:
        return read_po(file, locale=language)


def told(facts: Any, language: str) -> list[str]:
    """Everything that facts say, a line for each: what it is called, and the words."""
    return [
        f"{catalogue(language)[f'field.{one.name}'].capitalize()}: {words(_named(one.name, value, language), language)}"
        for one in fields(facts)
        if (value := getattr(facts, one.name)) not in (None, (), "")
    ]


def _named(fact: str, value: object, language: str) -> object:
    """A code that stands as a mere text, or several: what it is called, where we know it."""
    if isinstance(value, tuple):
        return tuple(_named(fact, one, language) for one in value)
    known = catalogue(language).get(f"{_CODED[fact]}.{value}") if fact in _CODED else None
    return known or value


@singledispatch
def words(value: object, language: str) -> str:
    """One fact in words."""
    if not is_dataclass(value):
        return str(value)
    parts = (getattr(value, one.name) for one in fields(value))
    return ", ".join(words(part, language) for part in parts if part not in (None, (), ""))


@words.register
def _truth(value: bool, language: str) -> str:
    return catalogue(language)["word.yes" if value else "word.no"]


@words.register
def _day(value: date, language: str) -> str:
    return format_date(value, _DAY[language], locale=_LOCALES[language])


@words.register(tuple)
def _several(value: tuple[object, ...], language: str) -> str:
    return "; ".join(words(one, language) for one in value)


@words.register
def _moment(value: Moment, language: str) -> str:
    return moment(value, language)


@words.register
def _number(value: Identifier, _language: str) -> str:
    return value.value.removeprefix("urn:uuid:")


@words.register
def _party(value: PartyRef, language: str) -> str:
    return value.name or words(value.identifiers or value.endpoint or "", language)


@words.register
def _code(code: StrEnum, language: str) -> str:
    """What a code of ours is called."""
    return catalogue(language).get(code_key(code), str(code))


def code_key(code: StrEnum) -> str:
    """The key of what a code of ours is called."""
    kind = type(code).__name__
    return f"{_CODES.get(kind, kind.lower())}.{code}"


def placeholders(text: str) -> frozenset[str]:
    """The names of the parameters in a text."""
    return frozenset(_PLACEHOLDER.findall(text))


def _fill(text: str, params: Mapping[str, str | Moment], language: str) -> str:
    def clause(match: re.Match[str]) -> str:
        complete = all(params.get(name) for name in placeholders(match[1]))
        return match[1] if complete else ""

    def value(match: re.Match[str]) -> str:
        found = params.get(match[1], "")
        if isinstance(found, StrEnum):
            return _code(found, language)
        return moment(found, language) if isinstance(found, Moment) else found

    return _PLACEHOLDER.sub(value, _CLAUSE.sub(clause, text))


_CODED: Final = {
    "covers": "family",
    "encounter_class": "encounterclass",
    "kind": "promise",
    "priority": "priority",
    "reason_code": "declined",
    "services": "function",
}
"""Facts that are codes, and what these codes' texts are called."""
_CODES = {"PromiseKind": "promise", "PlanFact": "field"}
"""What a code's texts are called, where that is not as its class."""


def _preferred(header: str) -> list[str]:
    """The header's language tags in lower case, most wanted first; those with weight 0 left out."""
    weighted = [_weight(part) for part in header.lower().split(",", _MOST)[:_MOST]]
    kept = [(weight, tag) for weight, tag in weighted if weight > 0 and tag]
    return [tag for _, tag in sorted(kept, key=lambda pair: -pair[0])]


def _weight(part: str) -> tuple[float, str]:
    tag, _, parameter = part.partition(";")
    weight = parameter.strip().removeprefix("q=") or "1"
    valid = re.fullmatch(r"[01](\.\d{0,3})?", weight)
    return (float(weight) if valid else 0.0, tag.strip())
