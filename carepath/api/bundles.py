"""Searchsets.

https://hl7.org/fhir/R4/bundle.html#searchset
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from carepath.store.resources import Stored


def entry(base_url: str, found: Stored, mode: str = "match") -> dict[str, Any]:
    """A stored resource, its bytes as they are."""
    return {
        "fullUrl": f"{base_url}/{found.type}/{found.id}",
        "resource": orjson.Fragment(found.body),
        "search": {"mode": mode},
    }


def searchset(
    entries: Iterable[Mapping[str, Any]], *, total: int, links: Mapping[str, str]
) -> dict[str, Any]:
    """The Bundle of a page; ``total`` counts the matches on all pages, ``links`` are URLs by relation."""
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": total,
        "link": [{"relation": relation, "url": url} for relation, url in links.items()],
    }
    shown = list(entries)
    return {**bundle, "entry": shown} if shown else bundle
