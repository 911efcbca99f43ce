"""What stands in a document, as plain text: a line for each piece, so that nothing is lost that people can read."""

from collections.abc import Iterable, Iterator
from typing import Final

from fhir_mappings.kith.names import XHTML
from fhir_mappings.kith.reading import Element, called, split

_ENVELOPE: Final = frozenset(
    (
        "InformasjonOmForsendelsen",
        "AnsvarForRapport",
        "TilknyttetEnhet",
        "KontaktpersonHelsepersonell",
        "RollerRelatertNotat",
        "ReportedEvent",
        "ServType",
    )
)
"""Parts about who sends, and when: they are read by themselves."""
_HEADINGS: Final = frozenset(("Overskriftskode", "Heading", "TypeForesp", "TemaKodet"))


def plain(elements: Iterable[Element]) -> str | None:
    """All that the elements say besides who sends it; ``None`` when they say nothing."""
    return "\n".join(line for one in elements for line in _lines(one)) or None


def _lines(element: Element) -> Iterator[str]:
    namespace, name = split(element)
    if name in _ENVELOPE:
        return
    if namespace == XHTML or not len(element):
        if words := _words(element):
            yield words
        return
    leaves = [one for one in element if not len(one) and split(one)[1] not in _ENVELOPE]
    told = [(split(leaf)[1], words) for leaf in leaves if (words := _words(leaf))]
    if told:
        separator = ": " if told[0][0] in _HEADINGS else ", "
        first, *rest = (words for _, words in told)
        yield first + separator + ", ".join(rest) if rest else first
    for part in element:
        if len(part):
            yield from _lines(part)


def _words(leaf: Element) -> str:
    """A code by its name, a quantity with its unit, a truth by what is true; nothing for what is not."""
    namespace, name = split(leaf)
    if namespace == XHTML:
        return " ".join("".join(map(str, leaf.itertext())).split())
    words = " ".join((called(leaf) or "").split())
    if words in {"true", "false"}:
        return name if words == "true" else ""
    unit = leaf.get("U", "")
    return f"{words} {unit}".strip()
