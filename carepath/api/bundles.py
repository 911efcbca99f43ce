"""Searchsets.

https://hl7.org/fhir/R4/bundle.html#searchset
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import uuid4

import orjson

from carepath.store.resources import Stored
from fhir_mappings.outcome import outcome
from pathways.refusals import Issue

JSON = dict[str, Any]


def entry(
    base_url: str, found: Stored, mode: str = "match", cut: Callable[[JSON], JSON] | None = None
) -> JSON:
    """A stored resource: its bytes as they are, or what ``cut`` leaves of it."""
    body = orjson.Fragment(found.body) if cut is None else cut(orjson.loads(found.body))
    return {
        "fullUrl": f"{base_url}/{found.type}/{found.id}",
        "resource": body,
        "search": {"mode": mode},
    }


def note(issue: Issue) -> JSON:
    """What the caller should know of the search itself."""
    id_ = str(uuid4())
    return {
        "fullUrl": f"urn:uuid:{id_}",
        "resource": outcome([issue], id=id_),
        "search": {"mode": "outcome"},
    }


def searchset(
    entries: Iterable[Mapping[str, Any]], *, total: int | None, links: Mapping[str, str]
) -> JSON:
    """The Bundle of a page. ``total`` counts the matches on all pages, if that is wanted; ``links`` by relation."""
    told = {} if total is None else {"total": total}
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        **told,
        "link": [{"relation": relation, "url": url} for relation, url in links.items()],
    }
    shown = list(entries)
    return {**bundle, "entry": shown} if shown else bundle
