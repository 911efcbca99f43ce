"""FHIR messages and outcomes read as plain values. Everything is optional: what is not there is not told."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from carepath_client.errors import Issue
from carepath_client.values import Identifier

JSON: TypeAlias = Mapping[str, Any]


def parsed(source: bytes) -> dict[str, Any]:
    """A JSON object. Raises ``ValueError`` for anything else."""
    found = json.loads(source)
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 -- it is about the bytes
    return found


def resources(bundle: JSON, kind: str) -> list[dict[str, Any]]:
    """The resources of one FHIR type in a Bundle, in order."""
    inside = (entry.get("resource", {}) for entry in bundle.get("entry", ()))
    return [one for one in inside if one.get("resourceType") == kind]


def header(bundle: JSON) -> dict[str, Any]:
    """The MessageHeader; empty when there is none."""
    return next(iter(resources(bundle, "MessageHeader")), {})


def message_id(bundle: JSON) -> str | None:
    """MessageHeader.id, else the end of its ``fullUrl``."""
    if own := header(bundle).get("id"):
        return str(own)
    first: JSON = next(iter(bundle.get("entry", ())), {})
    url = str(first.get("fullUrl", "")).removeprefix("urn:uuid:").rpartition("/")[2]
    return url if url and header(bundle) else None


def referred(bundle: JSON, reference: JSON | None) -> dict[str, Any]:
    """The resource a Reference means: by ``fullUrl``, or by ``Type/id``; empty when it is not in the Bundle."""
    target = str((reference or {}).get("reference", ""))
    for entry in bundle.get("entry", ()) if target else ():
        one: dict[str, Any] = entry.get("resource", {})
        if target in (entry.get("fullUrl"), f"{one.get('resourceType')}/{one.get('id')}"):
            return one
    return {}


def identifiers(elements: object) -> tuple[Identifier, ...]:
    """FHIR Identifiers that have a value; one or a list of them."""
    listed = elements if isinstance(elements, list) else [elements]
    known = (one for one in listed if isinstance(one, dict) and one.get("value"))
    return tuple(
        Identifier.model_construct(system=one.get("system", ""), value=one["value"])
        for one in known
    )


def issues(body: JSON) -> tuple[Issue, ...]:
    """What the OperationOutcome, or those in a Bundle, say."""
    outcomes = [body, *resources(body, "OperationOutcome")]
    return tuple(one for outcome in outcomes for one in _issues(outcome))


def _issues(outcome: JSON) -> Iterator[Issue]:
    for issue in outcome.get("issue", ()):
        code = issue.get("code", "")
        text = issue.get("details", {}).get("text") or issue.get("diagnostics") or code
        where = next(iter(issue.get("expression", ())), None)
        yield Issue(issue.get("severity", "error"), code, text, where)
