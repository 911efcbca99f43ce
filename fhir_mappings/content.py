"""What makes two sendings the same content."""

import hashlib
from codecs import BOM_UTF8

import orjson

from fhir_mappings import formats, narrative
from fhir_mappings.bundle import JSON

_CHANGES_ON_RESEND = frozenset(("id", "timestamp", "meta", "identifier"))


def content_hash(bundle: JSON) -> bytes:
    """16 bytes over the Bundle with its members in order, without what a resend may change.

    A resend has a new Bundle.id, Bundle.identifier or timestamp; the entries stay as they were. Narratives count as
    the XML that they are: a message is the same in JSON and in XML.
    """
    return _hash(_told(bundle))


def hash_of_old(source: bytes) -> bytes | None:
    """What releases without XML kept of a message in JSON: narratives counted as strings."""
    if formats.media_type(source) != formats.FHIR_JSON:
        return None
    return _hash(orjson.loads(source.removeprefix(BOM_UTF8)))


def _hash(bundle: JSON) -> bytes:
    kept = {name: value for name, value in bundle.items() if name not in _CHANGES_ON_RESEND}
    canonical = orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(canonical, digest_size=16).digest()


def _told(part: JSON) -> JSON:
    """A resource, or a section of one, with every narrative in it written in the one way."""
    changed: JSON = {}
    if div := part.get("text", {}).get("div"):
        changed["text"] = {**part["text"], "div": narrative.normal(div)}
    for name in ("contained", "section"):
        if inner := part.get(name):
            changed[name] = [_told(one) for one in inner]
    if part.get("resourceType") == "Bundle":
        changed["entry"] = [_entry(one) for one in part.get("entry", ())]
    return {**part, **changed} if changed else part


def _entry(entry: JSON) -> JSON:
    resource = entry.get("resource")
    return {**entry, "resource": _told(resource)} if resource else entry
