"""Which of FHIR's formats a caller sends and wants: Accept, ``_format``, Content-Type, and nothing of a request else.

https://hl7.org/fhir/R4/http.html#mime-type
https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fhir_mappings.formats import FHIR_JSON, FHIR_XML


class Format(StrEnum):
    """A format of FHIR, by the media type of what is answered in it."""

    JSON = FHIR_JSON
    XML = FHIR_XML


JSON_TYPES: Final = frozenset((FHIR_JSON, "application/json", "application/json+fhir"))
XML_TYPES: Final = frozenset((FHIR_XML, "application/xml", "application/xml+fhir", "text/xml"))
_OF_TYPE: Final[Mapping[str, Format]] = {
    **dict.fromkeys((*JSON_TYPES, "text/json"), Format.JSON),
    **dict.fromkeys(XML_TYPES, Format.XML),
}
_OF_FORMAT: Final = {**_OF_TYPE, "json": Format.JSON, "xml": Format.XML}
TYPES: Final = tuple(sorted(JSON_TYPES | XML_TYPES))
"""What a body may be called."""
NAMES: Final = tuple(sorted(_OF_FORMAT))
"""What ``_format`` may be."""
_WILD: Final = ("application/*", "*/*")
_VERSIONS: Final = frozenset((None, "4.0", "4.0.0", "4.0.1"))
_CHARSETS: Final = {
    Format.JSON: frozenset((None, "utf-8", "utf8", "us-ascii")),
    Format.XML: frozenset((None, "utf-8", "utf8", "us-ascii", "utf-16")),
}
_MOST: Final = 100
"""Ranges of an Accept that are read: nobody means more, and each costs its time."""
_WEIGHT: Final = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type or range with its parameters, in small letters; ``fhirVersion`` is ``fhirversion``."""

    name: str
    parameters: Mapping[str, str]

    @property
    def of_our_version(self) -> bool:
        """Whether it asks for no other version of FHIR than R4."""
        return self.parameters.get("fhirversion") in _VERSIONS

    @property
    def weight(self) -> float:
        """``q``: 1 where it is not said, or not so that it can be read."""
        told = self.parameters.get("q", "1")
        return float(told) if _WEIGHT.fullmatch(told) else 1.0


def media_type(text: str) -> MediaType:
    """One media type, as Content-Type has it."""
    name, *parameters = (part.strip() for part in text.lower().split(";"))
    pairs = (parameter.partition("=") for parameter in parameters)
    return MediaType(name, {key.strip(): value.strip().strip('"') for key, _, value in pairs})


def sent(content_type: str) -> Format | None:
    """The format of a body; ``None`` where it is not FHIR R4 in an encoding that is read here."""
    given = media_type(content_type)
    found = _OF_TYPE.get(given.name)
    if found is None or not given.of_our_version:
        return None
    return found if given.parameters.get("charset") in _CHARSETS[found] else None


def wanted(accept: str | None, format_: str | None, default: Format) -> Format | None:
    """The format to answer in, ``default`` where the caller likes both the same; ``None``: the caller takes neither.

    ``format_``, the parameter, counts more than Accept; in an address a plus sign may have become a space.
    """
    if format_ is not None:
        name, semicolon, parameters = format_.strip().partition(";")
        given = media_type(name.rstrip().replace(" ", "+") + semicolon + parameters)
        return _OF_FORMAT.get(given.name) if given.of_our_version else None
    liked = _weights(accept or "*/*")
    best = max(liked.values())
    if not best:
        return None
    return default if liked[default] == best else max(liked, key=lambda one: liked[one])


def named(accept: str | None, format_: str | None) -> frozenset[Format]:
    """The formats that a caller takes who wants FHIR and nothing else; empty for all other callers."""
    if format_ is not None:
        found = wanted(None, format_, Format.JSON)
        return frozenset((found,)) if found else frozenset()
    ranges = [*_ranges(accept or "*/*")]
    if any(one.name not in _OF_TYPE for one in ranges):
        return frozenset()
    return frozenset(_OF_TYPE[one.name] for one in ranges if one.weight)


def _ranges(accept: str) -> Iterator[MediaType]:
    """The ranges that we could answer in, and those that are no FHIR."""
    read = accept.split(",", _MOST)[:_MOST]
    named = filter(str.strip, read)  # a list may have empty elements: RFC 9110 §5.6.1
    return (one for part in named if (one := media_type(part)).of_our_version)


def _weights(accept: str) -> dict[Format, float]:
    """How much each format is liked: as its types are where they are named, else as the ranges that hold them."""
    by_name: dict[str, float] = {}
    for one in _ranges(accept):
        by_name[one.name] = max(by_name.get(one.name, 0.0), one.weight)
    wild = next((by_name[one] for one in _WILD if one in by_name), 0.0)
    liked = {}
    for format_ in Format:
        own = [by_name[name] for name, of in _OF_TYPE.items() if of is format_ and name in by_name]
        liked[format_] = max(own, default=wild)
    return liked
