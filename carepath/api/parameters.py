"""Search parameters: from the query string to criteria. Nothing here touches the store.

https://hl7.org/fhir/R4/search.html
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from carepath.api.errors import Refused, bad_parameter, is_name
from carepath.store.criteria import (
    PREFIXES,
    ByBearer,
    ByDate,
    ById,
    ByIdentifier,
    ByParty,
    ByPatient,
    ByString,
    ByValue,
    Criterion,
    Missing,
    Not,
    Range,
    Token,
)
from carepath.store.times import micros
from fhir_mappings import spans
from fhir_mappings.identifiers import canonical
from fhir_mappings.indexing import HEAD, folded, referred, short
from fhir_mappings.search_parameters import (
    IDENTIFIER,
    PARAMETERS,
    PERSON,
    Kind,
    Parameter,
    chains,
)
from pathways.refusals import Reason, refuse

Values: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Absolute references below ``base_url`` are to ours; how near ``ap`` must be depends on ``now`` (aware)."""

    base_url: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A parameter as it was asked for; ``values`` are the alternatives, escapes as they were written."""

    name: str
    modifier: str
    chain: str
    parameter: Parameter
    values: Values
    asking: Asking

    @property
    def texts(self) -> Values:
        """The values without escapes."""
        return tuple(map(_unescaped, self.values))

    def bad(self, text: str) -> Refused:
        """It cannot be understood; ``text`` says how it should be."""
        return bad_parameter(f"{self.name}.{self.chain}" if self.chain else self.name, text)

    def not_offered(self) -> Refused:
        """An unknown modifier of a known parameter is always refused (R4 §3.1.1.5.4), and so is a chain."""
        asked = self.chain or self.modifier
        shown = f" '{asked}'" if is_name(asked) else ""  # what is none is not repeated
        what = f"the chain{shown}" if self.chain else f"the modifier{shown}"
        issue = Reason.MALFORMED, "not-supported", f"{what} is not offered", f"http.{self.name}"
        return Refused(refuse(*issue))


def criterion(type_: str, name: str, value: str, asking: Asking) -> Criterion | None:
    """What a parameter asks for, ``None`` for one that there is not. Raises ``Refused`` for values and modifiers."""
    stem, dot, chain = name.partition(".")
    stem, _, modifier = stem.partition(":")
    parameter = PARAMETERS[type_].get(stem)
    if parameter is None:
        return None
    asked = Asked(
        name=stem,
        modifier=modifier,
        chain=chain,
        parameter=parameter,
        values=split(value),
        asking=asking,
    )
    if dot:
        return _chained(asked)
    return _missing(asked) if modifier == "missing" else _READERS[parameter.kind](asked)


def split(value: str) -> Values:
    """The alternatives, by commas that are not escaped; empty ones are left out."""
    return tuple(part for part in _parts(value, ",") if part)


def check_characters(name: str, value: str) -> None:
    """Raises ``Refused`` for control characters, without repeating them."""
    if any(letter < " " for letter in value + name):
        shown = name if name.isprintable() else "a parameter"
        raise bad_parameter(shown, "control characters are not allowed")


def span(name: str, text: str) -> spans.Span:
    """The first instant of a date, dateTime or instant, and the first one after it, by its precision."""
    found = spans.span(text)
    if found is None:
        raise bad_parameter(name, "a date (2026, 2026-02, 2026-02-28) or a time with its zone")
    return found


def _parts(value: str, mark: str) -> list[str]:
    """The parts between marks; a backslash makes the next character one like others."""
    part = rf"{re.escape(mark)}((?:\\.|[^{re.escape(mark)}])*+)"
    return re.findall(part, mark + value, re.DOTALL)


def _unescaped(text: str) -> str:
    return re.sub(r"\\([,|$\\])", r"\1", text) if "\\" in text else text


# --- what is the same for every kind


def _missing(asked: Asked) -> Criterion:
    if asked.values not in {("true",), ("false",)}:
        raise asked.bad("true or false")
    if asked.parameter.paths:
        none: Criterion = Missing(asked.name)
    else:  # every resource has an id and a time
        none = Missing(None) if asked.name in PERSON else ById(())
    return none if asked.values == ("true",) else Not(none)


def _chained(asked: Asked) -> Criterion:
    """``patient.identifier``, ``owner.identifier``: by what the other side is known as everywhere."""
    of_type = asked.modifier in {"", *asked.parameter.targets}
    if asked.chain != IDENTIFIER or not of_type or not chains(asked.name, asked.parameter):
        raise asked.not_offered()
    if asked.name in PERSON:
        return ByBearer(_identifiers(asked))
    return ByParty(asked.name, _identifiers(asked))


def _identifiers(asked: Asked) -> tuple[Token, ...]:
    told = (_token(asked, value) for value in asked.values)
    return tuple(Token(one.system and canonical(one.system), one.value) for one in told)


def _token(asked: Asked, value: str) -> Token:
    *system, code = (_unescaped(part) for part in _parts(value, "|"))
    if not code and not any(system):
        raise asked.bad("code, system|code, |code or system|")
    return Token("|".join(system) if system else None, code or None)


# --- kinds


def _read_token(asked: Asked) -> Criterion:
    if asked.modifier not in {"", "not"}:
        raise asked.not_offered()
    found = _tokens(asked)
    return Not(found) if asked.modifier else found


def _tokens(asked: Asked) -> Criterion:
    if not asked.parameter.paths:
        return ById(asked.texts)
    if asked.name == IDENTIFIER:
        return ByIdentifier(_identifiers(asked))
    if asked.parameter.truth and not {*asked.values} <= {"true", "false"}:
        raise asked.bad("true or false")
    told = (_token(asked, value) for value in asked.values)
    return ByValue(asked.name, tuple(map(_kept, told)))


def _kept(token: Token) -> Token:
    """As the index has it."""
    system, value = token.system, token.value
    return Token(system and short(system), value and short(value))


def _read_string(asked: Asked) -> Criterion:
    if asked.modifier == "":
        return ByString(asked.name, tuple(folded(text)[:HEAD] for text in asked.texts))
    if asked.modifier == "contains":
        return ByString(asked.name, tuple(map(folded, asked.texts)), "contains")
    if asked.modifier == "exact":
        return ByString(asked.name, tuple(map(short, asked.texts)), "exact")
    raise asked.not_offered()


def _read_uri(asked: Asked) -> Criterion:
    if asked.modifier:
        raise asked.not_offered()
    return ByValue(asked.name, tuple(Token("", short(text)) for text in asked.texts))


def _read_reference(asked: Asked) -> Criterion:
    if asked.modifier == IDENTIFIER and asked.name not in PERSON:
        return ByIdentifier(_identifiers(asked), asked.name)
    if asked.modifier and asked.modifier not in asked.parameter.targets:
        raise asked.not_offered()
    tokens = tuple(_referred(asked, text) for text in asked.texts)
    if asked.name in PERSON:
        return ByPatient(tuple(str(one.value) for one in tokens if one.system == "Patient"))
    return ByValue(asked.name, tokens)


def _referred(asked: Asked, text: str) -> Token:
    targets = (asked.modifier,) if asked.modifier else asked.parameter.targets
    if _ID.fullmatch(text):
        return Token(targets[0] if len(targets) == 1 else None, text)
    type_, id_ = referred(text, asked.asking.base_url)
    if type_ in targets or (not type_ and _ELSEWHERE.match(text)):
        return _kept(Token(type_, id_))
    raise asked.bad(f"{'|'.join(targets)}/id, id, or a URL")


def _read_date(asked: Asked) -> Criterion:
    if asked.modifier:
        raise asked.not_offered()
    return ByDate(asked.name, tuple(_range(asked, text) for text in asked.texts))


def _range(asked: Asked, text: str) -> Range:
    prefix = text[:2] if text[:2].isalpha() else "eq"
    if prefix not in PREFIXES:
        raise asked.bad(f"a prefix must be one of {', '.join(sorted(PREFIXES))}")
    low, high = map(micros, span(asked.name, text.removeprefix(prefix)))
    if prefix == "ap":  # R4 recommends a tenth of the time between now and then
        near = abs(micros(asked.asking.now) - low) // 10
        low, high = low - near, high + near
    return Range(prefix, low, high)


_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_ELSEWHERE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^ ]")
_READERS: Final[Mapping[Kind, Callable[[Asked], Criterion]]] = {
    Kind.TOKEN: _read_token,
    Kind.STRING: _read_string,
    Kind.DATE: _read_date,
    Kind.REFERENCE: _read_reference,
    Kind.URI: _read_uri,
}
