"""The invariants bdl-1 to bdl-12 of hl7.org/fhir/R4/bundle.html, as far as they bind a message Bundle.

bdl-6 and bdl-10 to bdl-11 are about documents or are implied by the structure; a rule is skipped where the
JSON has not even the right shape, which the structure check reports.
"""

from collections.abc import Iterator
from typing import Any

from pathways.refusals import Issue

_OTHERS = {
    "search": "bdl-2: only a search result has entry.search",
    "request": "bdl-3: a message has no entry.request",
    "response": "bdl-4: a message has no entry.response",
}


def broken(bundle: dict[str, Any]) -> Iterator[Issue]:
    """What a Bundle breaks as a message."""
    if bundle.get("type") != "message":
        yield Issue("invalid", "the Bundle's type must be message", "Bundle.type")
    if "total" in bundle:
        yield Issue("invariant", "bdl-1: only a search result has a total", "Bundle.total")
    listed = bundle.get("entry")
    entries = listed if isinstance(listed, list) else []
    yield from _first(entries)
    seen: set[tuple[str, str | None]] = set()
    for index, entry in enumerate(entries):
        if isinstance(entry, dict):
            yield from _entry(entry, f"Bundle.entry[{index}]", seen)


def _first(entries: list[Any]) -> Iterator[Issue]:
    """bdl-12."""
    resource = entries[0].get("resource") if entries and isinstance(entries[0], dict) else None
    if not isinstance(resource, dict) or resource.get("resourceType") != "MessageHeader":
        text = "bdl-12: a message's first entry must be a MessageHeader"
        yield Issue("invariant", text, "Bundle.entry[0]" if entries else "Bundle.entry")


def _entry(entry: dict[str, Any], where: str, seen: set[tuple[str, str | None]]) -> Iterator[Issue]:
    """bdl-2 to bdl-5, bdl-7 and bdl-8; ``seen`` collects the fullUrls."""
    for name, text in _OTHERS.items():
        if name in entry:
            yield Issue("invariant", text, f"{where}.{name}")
    resource = entry.get("resource")
    if resource is None:
        yield Issue("invariant", "bdl-5: the entry has no resource", where)
    url = entry.get("fullUrl")
    if not isinstance(url, str):
        return
    if "/_history/" in url:
        text = "bdl-8: fullUrl cannot name a version"
        yield Issue("invariant", text, f"{where}.fullUrl")
    key = (url, _version(resource))
    if key in seen:
        text = "bdl-7: fullUrl must be unique in the Bundle"
        yield Issue("invariant", text, f"{where}.fullUrl")
    seen.add(key)


def _version(resource: Any) -> str | None:
    """``meta.versionId``: two versions of a resource may share their fullUrl."""
    meta = resource.get("meta") if isinstance(resource, dict) else None
    version = meta.get("versionId") if isinstance(meta, dict) else None
    return version if isinstance(version, str) else None
