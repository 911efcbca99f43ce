"""The channel of a FHIR Subscription: where notifications go, how, and how much they say.

https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/channels.html
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from fhir_mappings.bundle import JSON
from fhir_mappings.codes import BACKPORT
from pathways.refusals import Issue
from pathways.subscriptions import Channel, ChannelType, Content

CHANNEL_TYPE: Final = f"{BACKPORT}/backport-channel-type"
PAYLOAD_CONTENT: Final = f"{BACKPORT}/backport-payload-content"
HEARTBEAT: Final = f"{BACKPORT}/backport-heartbeat-period"
TIMEOUT: Final = f"{BACKPORT}/backport-timeout"
MAX_COUNT: Final = f"{BACKPORT}/backport-max-count"

MEDIA_TYPES: Final = frozenset(
    {"application/fhir+json", "application/json", "application/fhir+xml", "application/xml"}
)
_VERSIONS: Final = frozenset({"4.0", "4.0.1"})
_LONGEST: Final = {HEARTBEAT: 7 * 24 * 3600, TIMEOUT: 300, MAX_COUNT: 2**31 - 1}
"""Seconds, seconds, events; the least is always 1."""
_WHERE: Final = "Subscription.channel"

_HEADER: Final = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([!-~]([ -~\t]*[!-~])?)?")
_HEADERS: Final = 20
_HEADER_LENGTH: Final = 4096
_OURS: Final = re.compile(
    r"host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|content-.*"
)
"""Headers of the connection or the body; https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1"""


def read_channel(
    channel: JSON, endpoint_problem: Callable[[str], str | None], issues: list[Issue]
) -> Channel | None:
    """The channel; what is wrong goes to ``issues``, and there is none when something essential is."""
    type_ = _type(channel, issues)
    content = _content(channel, issues)
    media_type = _media_type(channel, issues)
    endpoint = _endpoint(channel, type_, endpoint_problem, issues)
    made = Channel(
        type=type_ or ChannelType.WEBSOCKET,
        endpoint=endpoint,
        headers=_headers(channel, issues),
        media_type=media_type,
        content=content or Content.EMPTY,
        heartbeat=_number(channel, HEARTBEAT, "valueUnsignedInt", issues),
        timeout=_number(channel, TIMEOUT, "valueUnsignedInt", issues),
        max_count=_number(channel, MAX_COUNT, "valuePositiveInt", issues),
    )
    return made if type_ and content else None


def _type(channel: JSON, issues: list[Issue]) -> ChannelType | None:
    for where, _ in _extensions(channel.get("_type"), CHANNEL_TYPE, f"{_WHERE}.type"):
        issues.append(Issue("not-supported", "no channel type but R4's own is known here", where))
        return None
    try:
        return ChannelType(channel.get("type", ""))
    except ValueError:
        text = f"offered are {', '.join(ChannelType)}"
        issues.append(Issue("not-supported", text, f"{_WHERE}.type"))
        return None


def _endpoint(
    channel: JSON,
    type_: ChannelType | None,
    endpoint_problem: Callable[[str], str | None],
    issues: list[Issue],
) -> str | None:
    """Where a rest-hook goes; a websocket is opened by the client."""
    if type_ is not ChannelType.REST_HOOK:
        return None
    endpoint: str | None = channel.get("endpoint")
    if endpoint is None:
        issues.append(Issue("required", "a rest-hook needs an endpoint", f"{_WHERE}.endpoint"))
    elif problem := endpoint_problem(endpoint):
        issues.append(Issue("value", f"the endpoint {problem}", f"{_WHERE}.endpoint"))
    return endpoint


def _media_type(channel: JSON, issues: list[Issue]) -> str:
    told: str | None = channel.get("payload")
    where = f"{_WHERE}.payload"
    if told is None:
        text = "say in which format: application/fhir+json or application/fhir+xml"
        issues.append(Issue("required", text, where))
        return ""
    essence, *parameters = (part.strip().lower() for part in told.split(";"))
    if essence not in MEDIA_TYPES:
        text = "offered are application/fhir+json and application/fhir+xml"
        issues.append(Issue("not-supported", text, where))
    problems = filter(None, map(_parameter_problem, parameters))
    issues += (Issue("not-supported", problem, where) for problem in problems)
    return told.strip()


def _parameter_problem(parameter: str) -> str | None:
    name, _, value = (part.strip().strip('"') for part in parameter.partition("="))
    if name == "fhirversion":
        return None if value in _VERSIONS else "only FHIR 4.0 can be sent"
    if name == "charset":
        return None if value in {"utf-8", "utf8"} else "only UTF-8 can be sent"
    return "the only parameters are fhirVersion and charset"


def _content(channel: JSON, issues: list[Issue]) -> Content | None:
    told = [*_extensions(channel.get("_payload"), PAYLOAD_CONTENT, f"{_WHERE}.payload")]
    if len(told) != 1:
        text = f"exactly one extension {PAYLOAD_CONTENT} has to say how much notifications tell"
        issues.append(Issue("required", text, f"{_WHERE}.payload"))
        return None
    where, extension = told[0]
    try:
        return Content(str(extension.get("valueCode")))
    except ValueError:
        text = f"the valueCode is one of {', '.join(Content)}"
        issues.append(Issue("not-supported", text, f"{where}.valueCode"))
        return None


def _number(channel: JSON, url: str, element: str, issues: list[Issue]) -> int | None:
    """A limit that the client names; 0 in no case."""
    told = [*_extensions(channel, url, _WHERE)]
    if len(told) > 1:
        issues.append(Issue("structure", "this extension stands here twice", told[1][0]))
    for where, extension in told[:1]:
        value = extension.get(element)
        if type(value) is int and 1 <= value <= _LONGEST[url]:
            return value
        text = f"{element} is a whole number from 1 to {_LONGEST[url]}"
        issues.append(Issue("value", text, f"{where}.{element}"))
    return None


def _headers(channel: JSON, issues: list[Issue]) -> tuple[str, ...]:
    told: list[str] = channel.get("header", [])
    if len(told) > _HEADERS:
        issues.append(Issue("too-long", f"at most {_HEADERS} headers", f"{_WHERE}.header"))
        return ()
    for index, line in enumerate(told):
        if problem := _header_problem(line):
            issues.append(Issue("value", problem, f"{_WHERE}.header[{index}]"))
    return tuple(told)


def _header_problem(line: str | None) -> str | None:
    match = _HEADER.fullmatch(line or "")
    if match is None or len(match[0]) > _HEADER_LENGTH:
        return f"not 'Name: value' in visible ASCII of at most {_HEADER_LENGTH} characters"
    if _OURS.fullmatch(match[1].lower()):
        return "this header is the server's own to send"
    return None


def _extensions(element: JSON | None, url: str, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The extensions with this URL, each with its place."""
    for index, extension in enumerate((element or {}).get("extension", ())):
        if extension.get("url") == url:
            yield f"{where}.extension[{index}]", extension
