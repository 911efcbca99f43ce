"""The demo's calendar: a week and what is sent in it, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final

from carepath.cli.demo.people import AUTHORS, PATIENT, REFERENCES
from carepath.texts import ZONE
from pathways.events import EventCode
from pathways.facts import Facts
from pathways.messages import Key, KeyRank, Message, stable_id
from pathways.moments import Moment
from pathways.parties import Identifier

SPAN: Final = timedelta(days=12)  # from the Saturday to after the last message
NUMBERS: Final = "https://carepath.example/demo/numbers"

_DAYS: Final[Mapping[str, int]] = {
    "Sat": 0,
    "Sun": 1,
    "Mon": 2,
    "Tue": 3,
    "Wed": 4,
    "Thu": 5,
    "Fri": 6,
    "next Sat": 7,
    "next Sun": 8,
    "next Mon": 9,
    "next Tue": 10,
    "next Wed": 11,
    "next Fri": 13,
}
_WRITING: Final = timedelta(minutes=3)
CONTACT: Final = Identifier(NUMBERS, "contact-1")
STAY: Final = Identifier(NUMBERS, "stay-1")
CHOICE: Final = Identifier(NUMBERS, "choice-1")
REFERRAL: Final = Identifier(NUMBERS, "referral-1")
QUESTION: Final = Identifier(NUMBERS, "question-1")
TRAINING: Final = Identifier(NUMBERS, "training-1")
VISIT: Final = Identifier(NUMBERS, "visit-1")
_RANK: Final[Mapping[Identifier, KeyRank]] = {
    CONTACT: KeyRank.STAY,
    STAY: KeyRank.STAY,
    VISIT: KeyRank.STAY,
    CHOICE: KeyRank.REFERRAL,
    REFERRAL: KeyRank.REFERRAL,
    QUESTION: KeyRank.CONVERSATION,
    TRAINING: KeyRank.REFERRAL,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One message of the story; ``sender`` is the directory key of who sends it."""

    name: str
    sender: str
    message: Message

    @property
    def text(self) -> str:
        """The key of the sentence that tells what happens."""
        return f"demo.{self.name}"


@dataclass(frozen=True, slots=True)
class Week:
    """Makes the messages of the week that begins on ``saturday``."""

    saturday: date

    def at(self, when: str) -> datetime:
        """``Fri 14:40`` as an instant of that week, in Europe/Oslo."""
        day, _, clock = when.rpartition(" ")
        local = self.saturday + timedelta(days=_DAYS[day])
        return datetime.combine(local, time.fromisoformat(clock), ZONE)

    def moment(self, when: str) -> Moment:
        """The same as a moment."""
        return Moment(self.at(when))

    def id(self, name: str) -> str:
        """The message id of a step; another Saturday is another message."""
        return stable_id("demo", self.saturday.isoformat(), name)

    def step(
        self,
        name: str,
        sender: str,
        when: str,
        code: EventCode,
        matter: Identifier | None,
        facts: Facts,
    ) -> Step:
        """A step whose message is new and named after it."""
        happened = self.at(when)
        message = Message(
            id=self.id(name),
            format="carepath",
            envelope=stable_id("envelope", self.id(name)),
            content=b"",
            code=code,
            sender=REFERENCES[sender],
            author=AUTHORS[sender],
            happened=Moment(happened),
            written=happened + _WRITING,
            patient=PATIENT,
            keys=self._keys(matter),
            facts=facts,
        )
        return Step(name, sender, message)

    def number(self, matter: Identifier) -> Identifier:
        """The matter's own number; another Saturday is another stay."""
        return replace(matter, value=f"{self.saturday:%Y%m%d}-{matter.value}")

    def _keys(self, matter: Identifier | None) -> tuple[Key, ...]:
        if matter is None:
            return ()
        number = self.number(matter)
        return (Key(_RANK[matter], f"{number.system}|{number.value}"),)
