"""What a message is built of, without anything that it says: for those who keep it moving and may not read it.

Whatever it is written in, it is shown as our own profile has it, so no name in it is the sender's. Every value is
masked but two that are of closed lists: types of resources, and the event.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from fhir_mappings import inbound, outbound
from fhir_mappings.options import Options
from pathways.refusals import Refusal

MASK: Final = "•••"
MOST: Final = 400
"""Lines that are shown."""
_INDENT: Final = "  "


def structure(source: bytes, received: datetime, base_url: str) -> list[str] | None:
    """A line for each element, indented by its depth, ``MOST`` at most; ``None``: it cannot be read at all."""
    options = Options(received=received, accept_synthetic=True, base_url=base_url)
    message = inbound.read(source, options)
    if isinstance(message, Refusal):
        return None
    bundle = outbound.write(message, base_url=base_url)
    lines = [f"Bundle ({message.code})"]
    for entry in bundle["entry"]:
        lines += _resource(entry["resource"], 1)
    return lines if len(lines) <= MOST else [*lines[: MOST - 1], "…"]


def _resource(resource: dict[str, Any], depth: int) -> Iterator[str]:
    yield f"{_INDENT * depth}{resource['resourceType']}"
    for name, value in resource.items():
        if name != "resourceType":
            yield from _element(name, value, depth + 1)


def _element(name: str, value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _element(name, one, depth)
    elif isinstance(value, dict) and "resourceType" in value:
        yield from _resource(value, depth)
    elif isinstance(value, dict):
        yield f"{_INDENT * depth}{name}"
        for inner, said in value.items():
            yield from _element(inner, said, depth + 1)
    else:
        yield f"{_INDENT * depth}{name}: {MASK}"
