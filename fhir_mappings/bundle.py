"""The entries of one message Bundle: found by reference, and named when something is wrong with them.

Reading goes on after a fault, so that a sender learns all of them at once: readers call ``Resources.fault``
and return nothing; whoever assembles the message asks ``Resources.refusal`` at the end.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

from fhir_mappings.identifiers import canonical
from pathways.parties import Identifier
from pathways.refusals import Issue, Reason, Refusal

JSON: TypeAlias = dict[str, Any]
"""A parsed JSON object."""

_URN = "urn:uuid:"


class Resources:
    """An index of a Bundle that ``structure.check`` has passed; references resolve inside it only."""

    def __init__(self, bundle: JSON) -> None:
        self.bundle = bundle
        self.all: list[JSON] = []
        self._by_url: dict[str, JSON] = {}
        self._by_tail: dict[str, JSON] = {}
        self._by_type: dict[str, list[JSON]] = {}
        self._issues: list[Issue] = []
        self._reason = Reason.INVALID
        for entry in bundle.get("entry", ()):
            self._add(entry.get("resource") or {}, entry.get("fullUrl"))

    def _add(self, resource: JSON, url: str | None) -> None:
        kind = resource.get("resourceType", "")
        self.all.append(resource)
        self._by_type.setdefault(kind, []).append(resource)
        if "id" in resource:
            self._by_tail.setdefault(f"{kind}/{resource['id']}", resource)
        if url:
            self._by_url.setdefault(url, resource)
            self._by_tail.setdefault(f"{kind}/{last_segment(url)}", resource)

    @property
    def header(self) -> JSON:
        """The first entry: the MessageHeader (bdl-12)."""
        return self.all[0] if self.all else {}

    @property
    def message_id(self) -> str | None:
        """MessageHeader.id; from ``fullUrl`` when a client has dropped it (HAPI does)."""
        if own := self.header.get("id"):
            return str(own)
        url = self.bundle["entry"][0].get("fullUrl") if self.all else None
        return last_segment(url) if url else None

    @property
    def envelope(self) -> str | None:
        """Bundle.id, else Bundle.identifier."""
        own = self.bundle.get("id") or self.bundle.get("identifier", {}).get("value")
        return str(own) if own else None

    def of(self, kind: str) -> list[JSON]:
        """All entries of one resource type, in order."""
        return self._by_type.get(kind, [])

    def resolve(self, reference: JSON | None, holder: JSON | None = None) -> JSON | None:
        """The resource meant by a Reference: contained, by ``fullUrl``, or by ``Type/id``."""
        target = reference.get("reference") if reference else None
        if not target:
            return None
        if target[0] == "#":
            return _contained(holder, target[1:])
        target = target.partition("/_history/")[0]
        return self._by_url.get(target) or self._by_tail.get("/".join(target.rsplit("/", 2)[-2:]))

    def resolve_all(
        self, references: list[JSON] | None, holder: JSON | None = None
    ) -> Iterator[JSON]:
        """Those of the references that can be resolved."""
        for reference in references or ():
            if found := self.resolve(reference, holder):
                yield found

    def url_of(self, resource: JSON) -> str | None:
        """The ``fullUrl`` of an entry."""
        return next((url for url, one in self._by_url.items() if one is resource), None)

    def provenances(self) -> list[JSON]:
        """Those whose target is this message's header; earlier steps' are history."""
        header = self.header
        return [
            provenance
            for provenance in self.of("Provenance")
            if any(self.resolve(target) is header for target in provenance.get("target", ()))
        ]

    def where(self, resource: JSON, path: str = "") -> str:
        """The FHIRPath of an element of an entry, such as ``Bundle.entry[2].resource.period.start``."""
        tail = f".{path}" if path else ""
        if resource is self.bundle:
            return f"Bundle{tail}"
        for index, candidate in enumerate(self.all):
            if candidate is resource:
                return f"Bundle.entry[{index}].resource{tail}"
        return "Bundle"

    def place(self, element: JSON) -> str:
        """The FHIRPath of an object anywhere inside the entries. Looks at all of them: for what is wrong only."""
        left: list[tuple[str, Any]] = [(self.where(one), one) for one in reversed(self.all)]
        while left:
            path, value = left.pop()
            if value is element:
                return path
            if isinstance(value, dict):
                left.extend((f"{path}.{name}", inner) for name, inner in value.items())
            elif isinstance(value, list):
                left.extend((f"{path}[{index}]", inner) for index, inner in enumerate(value))
        return "Bundle"

    def fault(
        self,
        code: str,
        text: str,
        resource: JSON,
        path: str = "",
        *,
        reason: Reason = Reason.INVALID,
    ) -> None:
        """Note what is wrong, where."""
        self.note(Issue(code, text, self.where(resource, path)), reason)

    def note(self, issue: Issue, reason: Reason) -> None:
        """Note an issue. The first one's reason is the refusal's."""
        if not self._issues:
            self._reason = reason
        self._issues.append(issue)

    def refusal(self) -> Refusal | None:
        """Everything that was wrong, or ``None``."""
        issues = tuple(dict.fromkeys(self._issues))
        return Refusal(self._reason, issues) if issues else None


def last_segment(reference: str) -> str:
    """The id in a reference or URL: the last path segment, ``urn:uuid:`` removed."""
    return reference.rsplit("/", 1)[-1].removeprefix(_URN)


def identifier(element: JSON | None) -> Identifier | None:
    """A FHIR Identifier that has a value."""
    if not element or not (value := element.get("value")):
        return None
    return Identifier(canonical(element.get("system", "")), value)


def identifiers(elements: list[JSON] | JSON | None) -> tuple[Identifier, ...]:
    """The FHIR Identifiers that have a value, each once, in order."""
    listed = [elements] if isinstance(elements, dict) else elements or ()
    return tuple(dict.fromkeys(found for element in listed if (found := identifier(element))))


def _contained(holder: JSON | None, name: str) -> JSON | None:
    inside = holder.get("contained", ()) if holder else ()
    return next((resource for resource in inside if resource.get("id") == name), None)
