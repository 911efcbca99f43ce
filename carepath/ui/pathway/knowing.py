"""Who may know of a person, and who may not: relatives one by one, and whom else they said yes or no to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from carepath.ui.pathway.ground import Ground, told
from pathways.consents import folded
from pathways.facts import Relative, RelativeRole
from pathways.states import Provision


@dataclass(frozen=True, slots=True)
class Given:
    """A consent or an objection in words, whose word it is, and the record that states it."""

    said: str
    by: str
    record: str


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who may know, or may not: what they are to the person, and what was said about them."""

    name: str
    why: str
    given: tuple[Given, ...]


@dataclass(frozen=True)
class Knowing:
    """What the template asks for."""

    ground: Ground

    def people(self) -> list[Known]:
        """Relatives, with what each may know; then whom else the person has consented to."""
        names = {folded(one.name) for one in self.ground.relatives}
        given = self.ground.provisions(permit=True)
        others = [one for one in given if folded(one.person) not in names]
        return [
            *(self._relative(one, given) for one in self.ground.relatives),
            *(Known(self.ground.to_whom(one), "", (self._given(one),)) for one in others),
        ]

    def shut_out(self) -> list[Known]:
        """Whom the person has said no to."""
        found = self.ground.provisions(permit=False)
        return [Known(self.ground.to_whom(one), "", (self._given(one),)) for one in found]

    def _relative(self, one: Relative, given: Sequence[Provision]) -> Known:
        words = self.ground.words
        by_law = [r for r in one.roles if r in (RelativeRole.GUARDIAN, RelativeRole.ATTORNEY)]
        why = [words.text(f"own.relative-role.{role}") for role in by_law]
        if not self.ground.may_know(one) and not by_law:
            why.append(words.text("own.may-not-know"))
        mine = [p for p in given if p.person and folded(p.person) == folded(one.name)]
        said = ", ".join((*((one.relationship,) if one.relationship else ()), *why))
        return Known(one.name, said, tuple(self._given(p) for p in mine))

    def _given(self, one: Provision) -> Given:
        key = "own.may-know" if one.permit else "own.shut-out.all"
        params = {"what": self.ground.of_what(one)} | told("until", one.until)
        return Given(
            self.ground.words.text(key, **params), self._by.get(one.record, ""), one.record
        )

    @cached_property
    def _by(self) -> Mapping[str, str]:
        """Who said it: guardians one by one."""
        entries = self.ground.page.shown.entries
        return {one.id: one.author.name or one.sender_name for one in entries}
