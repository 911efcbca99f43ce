"""What somebody stands on when they do something from their own page: whom it is about, and what there is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from carepath.texts import ZONE
from carepath.ui.pathway.fields import Ask, Field, Options
from carepath.ui.values import OwnPage
from carepath.ui.words import Words
from pathways.consents import consented, is_in_force
from pathways.coordination import holders
from pathways.events import EventCode, Family
from pathways.facts import ApplicationFacts, ConsentKind, Outcome, Relative
from pathways.moments import Moment
from pathways.parties import CITIZENS, Directory, Function, Kind, Party, PartyRef
from pathways.pathway import Header, Thread
from pathways.recipients import UNASKED
from pathways.states import Hand, Provision
from pathways.transitions import Status

SCOPES: Final[dict[str, tuple[Family, ...]]] = {
    "stays": (Family.STAY, Family.EMERGENCY, Family.CHOICE),
    "referrals": (Family.REFERRAL, Family.COURSE),
    "plan": (
        *(Family.COORDINATION, Family.PLAN, Family.MEETING),
        *(Family.MEASURE, Family.FOLLOW_UP),
    ),
    "applications": (Family.APPLICATION,),
    "person": (Family.PERSON,),
}
"""What a consent can be about, as people think of it."""
PERSON: Final = "relative:"
"""What the value of a relative begins with: their name follows, by which a consent knows them."""
_KINDS: Final = (ConsentKind.PLAN, ConsentKind.SCHOOL, ConsentKind.NAV)
"""Besides relatives: those who take part without being health personnel."""


@dataclass(frozen=True)
class Ground:
    """A page, and the words of its reader."""

    page: OwnPage
    words: Words

    @property
    def header(self) -> Header:
        """What is known of the patient as a whole."""
        return self.page.shown.header

    @cached_property
    def directory(self) -> Directory:
        """Who is who."""
        return Directory(self.page.shown.parties)

    # --- who is asked

    def hands(self) -> list[Hand]:
        """Those who coordinate, whom to call first before the others."""
        found = holders(self.header.team, self.page.shown.at, ZONE)
        return [hand for _, hand in found if hand.key in self.directory.parties]

    def receiver(self, code: EventCode) -> str | None:
        """Who hears of it where nobody is chosen: who coordinates, else the unit that answers for it."""
        function = UNASKED.get(code, Function.KE)
        hands = self.hands() if code not in UNASKED else []
        if hands:
            return hands[0].key
        number = self.header.municipality
        owner = self.directory.municipality(number, self.page.shown.at) if number else None
        return self.unit(owner, function) if owner else None

    def unit(self, owner: Party, function: Function) -> str:
        """The key of who answers for a function in a municipality."""
        return self.directory.unit(owner, function, self.page.shown.at).key

    def municipality(self, code: EventCode) -> Sequence[Field]:
        """The question which municipality; none where that is known."""
        if self.receiver(code):
            return ()
        known = self.page.sight is not None and bool(self.page.sight.patient)
        found = sorted((one.name, one.key) for one in self._municipalities())
        options = tuple((key, name) for name, key in found)
        required = not known or code not in UNASKED
        return (
            Field(
                name="municipality",
                ask=Ask.SELECT,
                required=required,
                options=options,
                help=True,
                empty="own.choose" if required else "own.municipality.known",
            ),
        )

    def _municipalities(self) -> Iterator[Party]:
        for one in self.directory.parties.values():
            whole = one.kind is Kind.MUNICIPALITY and one.function is None
            if whole and one.municipality and one.valid_at(self.page.shown.at):
                yield one

    def askable(self) -> Options:
        """Whom a question can go to, besides the municipality."""
        found: dict[str, str] = {}
        for hand in self.hands():
            found[hand.key or ""] = f"{hand.name}, {self.words.name(hand.key or '')}"
        for thread in self.page.shown.threads:
            if thread.family is Family.STAY and thread.is_open and thread.owner:
                found.setdefault(thread.owner, self.words.name(thread.owner))
        if (gp := self.header.told("gp")) and gp in self.directory.parties:
            found.setdefault(gp, self.words.text("own.gp", name=self.words.name(gp)))
        return tuple(found.items())

    # --- what it can be about

    def matters(self, code: EventCode) -> list[Thread]:
        """The matters that such an event can be about."""
        return [one for one in self.page.shown.threads if _fits(one, code)]

    def called(self, thread: Thread) -> str:
        """What a matter is called."""
        said = getattr(thread.facts, "service", None) or getattr(thread.facts, "title", None)
        return str(said or self.words.text(f"family.{thread.family}"))

    # --- who may know

    @property
    def relatives(self) -> tuple[Relative, ...]:
        """As registered."""
        return self.header.person.relatives or ()

    def may_know(self, one: Relative) -> bool:
        """Whether the person lets a relative know anything."""
        said, at = self.header.consents, self.page.shown.at
        return consented(said, ConsentKind.RELATIVES, one.name, at, ZONE)

    def provisions(self, *, permit: bool) -> list[Provision]:
        """The consents, or objections, that are in force."""
        at = self.page.shown.at
        found = self.header.consents.provisions
        return [one for one in found if one.permit is permit and is_in_force(one, at, ZONE)]

    def to_whom(self, one: Provision | None, kind: ConsentKind | None = None) -> str:
        """Whom a consent or an objection is about."""
        if one is not None:
            named = (
                one.person or one.professional or (self.words.name(one.key) if one.key else None)
            )
            if named:
                return named
            kind = one.kind
        return self.words.text(f"own.whom.{kind}")

    def of_what(self, one: Provision) -> str:
        """What it covers, in a few words."""
        if one.covers is None:
            return self.words.text("own.scope.all")
        named = [name for name, families in SCOPES.items() if {*families} & {*one.covers}]
        return ", ".join(self.words.text(f"own.scope.{name}") for name in named)

    def permitted(self) -> Options:
        """Whom a consent can be for, each by a value of its own."""
        own = tuple((f"{PERSON}{one.name}", one.name) for one in self.relatives)
        every = (ConsentKind.RELATIVES, *_KINDS) if own else _KINDS
        return (*own, *((kind.value, self.to_whom(None, kind)) for kind in every))

    def organisations(self) -> Options:
        """Who has been told anything: the whole houses."""
        told = {key for thread in self.page.shown.threads for key in thread.told}
        houses = {self.directory.house(key) for key in told if key in self.directory.parties}
        found = sorted((self.words.name(key), key) for key in houses if key != CITIZENS)
        return tuple((key, name) for name, key in found)

    def ref(self, key: str) -> PartyRef:
        """An organisation as a message names it."""
        party = self.directory.parties[key]
        return PartyRef(party.identifiers, party.name)


def told(name: str, moment: Moment | None) -> dict[str, str | Moment]:
    """A parameter of a text; none where nothing is known."""
    return {name: moment} if moment else {}


def _fits(thread: Thread, code: EventCode) -> bool:
    match code:
        case EventCode.COMPLAINT:
            facts = thread.facts
            return isinstance(facts, ApplicationFacts) and isinstance(facts.outcome, Outcome)
        case EventCode.MEASURE_EVALUATED:
            return thread.family is Family.MEASURE and thread.status is Status.COMPLETED
        case EventCode.PLAN_MEETING:
            return thread.family is Family.PLAN and thread.is_open
        case _:
            return False
