"""What a sender writes down, on both stores: a line of the access log for what leaves, and nothing for what waits."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Final

import pytest

from carepath.delivery.relay import Relay
from carepath.delivery.sending import Later, Options, Outcome, Parcel, Sender
from carepath.service import directory
from carepath.store import audit, deliveries
from carepath.store.audit import Asked
from carepath.store.database import Database
from carepath.store.deliveries import NETWORKS, Delivery
from carepath.store.transports import Judged, State
from fhir_mappings.codes import HER_ID
from pathways.events import EventCode
from pathways.facts import Need, StayFacts
from pathways.parties import Identifier
from tests.contract.door import NOW, PARTIES, STAY, Door
from tests.servers import PATIENCE

NURSING: Final = "town-nursing"
SENT: Final = Judged(state=State.SENT)
SOON: Final = 0.001  # seconds
NEEDED: Final = StayFacts(identifiers=STAY, municipal_need=Need.YES)


@dataclass
class Network:
    """``outcomes``: of what is carried, one by one. ``unsure``: how often it does not know what it has."""

    outcomes: list[Outcome]
    unsure: int = 0
    carried: list[str] = field(default_factory=list)
    tried: list[int] = field(default_factory=list)
    name: str = "edi"

    def message_id(self, content: bytes) -> str:
        """There is but one message."""
        assert content
        return "m1"

    def waits(self, tried: int) -> Later | None:
        """While it does not know."""
        self.tried.append(tried)
        return Later("not known yet", SOON) if len(self.tried) <= self.unsure else None

    async def carry(self, parcel: Parcel) -> Outcome:
        """Once for each outcome."""
        self.carried.append(parcel.message_id)
        return self.outcomes.pop(0)


@pytest.fixture
def nursing(broker: Door) -> Database:
    """Home nursing is reached over EDI, and has been told of an admission."""
    database = broker.service.database
    with database.write() as conn:
        for number, party in enumerate(PARTIES, 100):
            known = (*party.identifiers, Identifier(HER_ID, str(number)))
            told = replace(party, identifiers=known)
            if party.key == NURSING:
                told = replace(told, dialect="kith", transport="edi")
            directory.enter(conn, database.keys, told, NOW)
    broker.tell(EventCode.ADMISSION, facts=NEEDED)
    return database


def stands(database: Database) -> Delivery:
    """How far it is."""
    with database.read() as conn:
        [found] = deliveries.listed(conn, NETWORKS)
        return found


def lines(database: Database) -> list[str]:
    """Over which network, of each line about what was sent."""
    with database.read() as conn:
        found = audit.listed(conn, database.keys, Asked(), limit=100)
    return [one.interaction for one in found if one.outcome == "sent"]


async def sending(database: Database, network: Network) -> list[str]:
    """Until it is sent; the outcomes that were told."""
    seen: list[str] = []
    done = asyncio.Event()

    def told(outcome: str) -> None:
        seen.append(outcome)
        if outcome == State.SENT:
            done.set()

    relay = Relay(database)
    relay.round()
    options = Options(base_url="https://broker.example/fhir", seen=told)
    async with asyncio.timeout(PATIENCE), Sender(database, relay, network, options, SOON).running():
        await done.wait()
    assert stands(database).published == 1
    return seen


async def test_who_waits_writes_nothing(nursing: Database) -> None:
    """It may have arrived, and the network does not know: no try, no line, however often it is asked."""
    network = Network([Later("no answer", SOON, unsure=True), SENT], unsure=20)
    seen = await sending(nursing, network)
    assert seen == ["again", "sent"]
    assert network.carried == ["m1", "m1"]
    assert len(network.tried) == 21
    assert lines(nursing) == ["edi", "edi"]
    assert stands(nursing).fault is None


async def test_the_newest_try_is_what_it_waits_for(nursing: Database) -> None:
    """Twice it may have arrived: the second time, news has to be younger than the second try."""
    again = Later("no answer", SOON, unsure=True)
    network = Network([again, again, SENT])
    await sending(nursing, network)
    first, second = network.tried
    assert first < second


async def test_what_certainly_did_not_arrive_is_asked_about_by_nobody(nursing: Database) -> None:
    """It goes again."""
    network = Network([Later("no connection", SOON), SENT])
    assert await sending(nursing, network) == ["again", "sent"]
    assert network.tried == []
