"""What makes two sendings the same content."""

import hashlib

import orjson

from fhir_mappings.bundle import JSON

_CHANGES_ON_RESEND = frozenset(("id", "timestamp", "meta", "identifier"))


def content_hash(bundle: JSON) -> bytes:
    """16 bytes over the Bundle with its members in order, without what a resend may change.

    A resend has a new Bundle.id, Bundle.identifier or timestamp; the entries stay as they were.
    """
    kept = {name: value for name, value in bundle.items() if name not in _CHANGES_ON_RESEND}
    canonical = orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(canonical, digest_size=16).digest()
