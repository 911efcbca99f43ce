"""Search parameters as OpenAPI tells them, from the table that they are read by."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from carepath.api.operation import JSON, NOT_CONTROL, TIME
from carepath.store.criteria import PREFIXES
from fhir_mappings.search_parameters import (
    IDENTIFIER,
    PARAMETERS,
    PERSON,
    Kind,
    Parameter,
    chains,
    includes,
    revincludes,
    sortable,
)

_ID: Final = r"[A-Za-z0-9.-]{1,64}"
_PART: Final = r"[^|,\\\u0000-\u001f]+"
_TOKEN: Final = rf"({_PART}(\|({_PART})?)?|\|{_PART})"
_DATE: Final = rf"({'|'.join(sorted(PREFIXES))})?{TIME}"
_URL: Final = r"[A-Za-z][A-Za-z0-9+.-]*:[^, \\\u0000-\u001f]+"
_PATTERNS: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.TOKEN: ("code, system|code, |code or system|", _TOKEN),
    Kind.DATE: ("a day, month, year, or time with its zone, after a prefix such as ge", _DATE),
    Kind.URI: ("the URL", r"[^,\\\u0000-\u001f]+"),
}
_TRUTH: Final = "(true|false)"


def searched(type_: str) -> Mapping[str, JSON]:
    """The schemas of a type's search parameters, by name with modifier and chain."""
    return {
        written: schema
        for name, parameter in PARAMETERS[type_].items()
        for written, schema in _written(name, parameter)
    }


def _written(name: str, parameter: Parameter) -> Iterator[tuple[str, JSON]]:
    plain = _schema(parameter)
    yield name, plain
    yield f"{name}:missing", _listed("true or false", _TRUTH, many=False)
    if parameter.kind is Kind.TOKEN:
        yield f"{name}:not", plain
    elif parameter.kind is Kind.STRING:
        yield f"{name}:exact", {**plain, "description": "The whole, as it is written."}
        yield f"{name}:contains", {**plain, "description": "Anywhere, whatever case and accents."}
    elif parameter.kind is Kind.REFERENCE:
        yield from _followed(name, parameter)


def _followed(name: str, parameter: Parameter) -> Iterator[tuple[str, JSON]]:
    identifier = _listed(*_PATTERNS[Kind.TOKEN])
    if name not in PERSON:
        yield f"{name}:{IDENTIFIER}", identifier
    if chains(name, parameter):
        yield f"{name}.{IDENTIFIER}", identifier
    for target in parameter.targets:
        yield f"{name}:{target}", _listed(f"{target}/id or id", rf"({target}/)?{_ID}")


def _schema(parameter: Parameter) -> JSON:
    if parameter.truth:
        return _listed("true or false", _TRUTH)
    if parameter.kind is Kind.REFERENCE:
        types = "|".join(parameter.targets)
        return _listed(f"{types}/id, id, or a URL", rf"((({types})/)?{_ID}|{_URL})")
    if parameter.kind is Kind.STRING:
        described = "How it begins, in any case; with commas between, any of them."
        return {"type": "string", "description": described, "pattern": NOT_CONTROL}
    return _listed(*_PATTERNS[parameter.kind])


def _listed(described: str, pattern: str, *, many: bool = True) -> JSON:
    more = rf"(,{pattern})*" if many else ""
    text = f"{described[0].upper()}{described[1:]}{'; with commas between, any of them' * many}."
    return {"type": "string", "description": text, "pattern": f"^({pattern}{more})?$"}


def controls(type_: str) -> Mapping[str, JSON]:
    """The schemas of what a search of a type can be sorted by, and of what can come along."""
    key = f"-?({'|'.join(sorted(sortable(type_)))})"
    made = {"_sort": _either(f"{key}(,{key})*", "By these, each with '-' before it from the last.")}
    for name, offered in (("_include", includes(type_)), ("_revinclude", revincludes(type_))):
        if offered:
            text = (
                "What the matches refer to."
                if name == "_include"
                else "What refers to the matches."
            )
            made[name] = _either("|".join(map(re.escape, offered)), text)
    return made


def _either(pattern: str, text: str) -> JSON:
    return {"type": "string", "description": text, "pattern": f"^({pattern})?$"}
