"""Whom a message is for: who is asked to act, who is reached, and who has what reaches nobody."""

from dataclasses import dataclass
from datetime import datetime

from carepath.service.directory import named_to_act, of_facts
from pathways.coordination import asked_to_answer
from pathways.doors import door, ke_of
from pathways.events import EventCode, Family
from pathways.messages import Message
from pathways.parties import Directory, Party, PartyRef
from pathways.pathway import Header
from pathways.recipients import UNASKED, asks


@dataclass(frozen=True, slots=True)
class Addressing:
    """By the directory as it was ``at`` the time of arrival; ``open_mode``: whoever is named was entered."""

    directory: Directory
    at: datetime
    open_mode: bool

    def find(self, ref: PartyRef) -> Party | None:
        """The party that a message names."""
        return self.directory.find(ref.known_by, self.at)

    def asked(self, message: Message) -> str | None:
        """Whom the message asks to act: named in the event, else the first primary destination."""
        named = [*named_to_act(message)]
        if message.family is not Family.STAY or message.code is EventCode.TRANSFER:
            named += (d.party for d in message.destinations if not d.copy)
        found = next((party for ref in named if (party := self.find(ref))), None)
        return door(self.directory, found.key, message.code, self.at) if found else None

    def reaches_all(self, message: Message, asked: str | None) -> bool:
        """Whether every receiver is known, and who is wanted to act."""
        if self.open_mode:
            return True
        unheard = asked is None and asks(message.code) and any(named_to_act(message))
        wanted = [
            *(d.party for d in message.destinations),
            *of_facts(message.facts).get("summoned", ()),
        ]
        return not unheard and all(self.find(ref) for ref in wanted)

    def ke(self, message: Message, header: Header) -> Party | None:
        """One door in: what reaches not everybody goes to the KE of the municipality that has the duty."""
        number = municipality(message, header)
        return ke_of(self.directory, number, self.at) if number else None

    def unasked(self, message: Message, header: Header) -> str | None:
        """Who is asked by a message to nobody, if it is of those that are always taken in."""
        function, number = UNASKED.get(message.code), municipality(message, header)
        owner = self.directory.municipality(number, self.at) if number else None
        if function is None or owner is None:
            return None
        return self.directory.unit(owner, function, self.at).key

    def coordinating(self, message: Message, sender: str, header: Header) -> str | None:
        """Who answers a need for coordination that names nobody."""
        where = (self.directory, municipality(message, header), self.at)
        return asked_to_answer(message, sender, header.team, *where)


def municipality(message: Message, header: Header) -> str | None:
    """The kommunenummer that has the duty: as known, else as the message tells."""
    return header.municipality or (message.patient.municipality if message.patient else None)
