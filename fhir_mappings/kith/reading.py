"""An XML message while it is read: elements by their names, and every fault with its place.

Only elements in the namespaces that go with the message are seen; what other vocabularies put beside them is
skipped. Reading goes on after a fault, so that a sender learns all of them at once.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime, tzinfo
from functools import cache
from typing import TypeAlias

from lxml import etree

from fhir_mappings.kith import local_times
from fhir_mappings.times import Unreadable
from pathways.moments import Moment
from pathways.refusals import Issue, Reason, Refusal

Element: TypeAlias = etree._Element  # noqa: SLF001 -- the only name that lxml has for it


class Reading:
    """``namespaces``: those that are seen; ``zone``: of what is written without one."""

    def __init__(self, root: Element, namespaces: frozenset[str], zone: tzinfo) -> None:
        self.root, self.zone = root, zone
        self._seen = namespaces
        self._issues: list[Issue] = []
        self._reason = Reason.INVALID

    # elements

    def all(self, parent: Element | None, path: str) -> list[Element]:
        """The elements at ``path``, such as ``RefDoc/Content``, below ``parent``."""
        found = [] if parent is None else [parent]
        for name in path.split("/"):
            tags = _tags(self._seen, name)
            found = [child for one in found for child in one if child.tag in tags]
        return found

    def one(self, parent: Element | None, path: str) -> Element | None:
        """The first of them."""
        return next(iter(self.all(parent, path)), None)

    def content(self, parent: Element | None) -> Element | None:
        """The first element inside another, whatever it is called."""
        return next(iter(parent), None) if parent is not None else None

    def need(self, parent: Element | None, path: str) -> Element | None:
        """The first at ``path``; a fault when there is none."""
        found = self.one(parent, path)
        if found is None and parent is not None:
            self.lacks(parent, path)
        return found

    # what they say

    def text(self, parent: Element | None, path: str) -> str | None:
        """The attribute V of the first element at ``path``, else its text."""
        return said(self.one(parent, path))

    def needed(self, parent: Element | None, path: str) -> str | None:
        """``text``; a fault when there is none."""
        found = said(self.need(parent, path))
        if found is None and (there := self.one(parent, path)) is not None:
            self.fault("required", "It is empty.", there)
        return found

    def name(self, parent: Element | None, path: str) -> str | None:
        """What a code is called: the attribute DN, else OT, else what ``text`` gives."""
        found = self.one(parent, path)
        return called(found) if found is not None else None

    def moment(self, element: Element | None, written: datetime) -> Moment | None:
        """When the element says; a fault when that is no time."""
        text = said(element)
        if element is None or text is None:
            return None
        try:
            return local_times.moment(text, self.zone, written)
        except Unreadable as wrong:
            self.fault("value", f"The value {wrong}.", element)
            return None

    # faults

    def lacks(self, parent: Element, path: str, reason: Reason = Reason.INVALID) -> None:
        """Note that a required element is not there."""
        issue = Issue("required", "A required element is missing.", f"{place(parent)}/{path}")
        self.note(issue, reason)

    def fault(
        self, code: str, text: str, element: Element, *, reason: Reason = Reason.INVALID
    ) -> None:
        """Note what is wrong, where."""
        self.note(Issue(code, text, place(element)), reason)

    def note(self, issue: Issue, reason: Reason = Reason.INVALID) -> None:
        """Note an issue. The first one's reason is the refusal's."""
        if not self._issues:
            self._reason = reason
        if issue not in self._issues:
            self._issues.append(issue)

    def refusal(self) -> Refusal | None:
        """Everything that was wrong, or ``None``."""
        return self.refused() if self._issues else None

    def refused(self) -> Refusal:
        """Everything that was wrong, once something is known to be."""
        return Refusal(self._reason, tuple(self._issues))


@cache
def _tags(namespaces: frozenset[str], name: str) -> frozenset[str]:
    """Everything that an element of that name may be called in full; the names are all our own."""
    return frozenset(f"{{{one}}}{name}" for one in namespaces)


def split(element: Element) -> tuple[str, str]:
    """Namespace and local name."""
    namespace, _, local = str(element.tag).rpartition("}")
    return namespace[1:], local


def said(element: Element | None) -> str | None:
    """The attribute V, else the text without white space around it; ``None`` when it says nothing."""
    if element is None:
        return None
    return (element.get("V") or element.text or "").strip() or None


def called(element: Element) -> str | None:
    """The attribute DN, else OT, else what it says."""
    return (element.get("DN") or element.get("OT") or "").strip() or said(element)


def place(element: Element) -> str:
    """Where an element stands, such as ``MsgHead/MsgInfo/Patient[2]``; only for those found by their names."""
    return "/".join(_steps(element))


def _steps(element: Element) -> Iterator[str]:
    for one in (*reversed([*element.iterancestors()]), element):
        _, name = split(one)
        same = list(one.itersiblings(str(one.tag), preceding=True))
        yield f"{name}[{len(same) + 1}]" if same else name


def content_hash(root: Element) -> bytes:
    """16 bytes over what the document says: elements, attributes, texts; not prefixes, comments or indentation.

    Elements in their order, each with how many it has inside, are the tree.
    """
    told: list[str] = []
    for one in root.iter():
        texts = ((one.text or "").strip(), (one.tail or "").strip())
        told += (str(one.tag), str(len(one)), *texts)
        told += (f"{name}={value}" for name, value in sorted(one.items()))
    return hashlib.blake2b("\x1f".join(told).encode(), digest_size=16).digest()
