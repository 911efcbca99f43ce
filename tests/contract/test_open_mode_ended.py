"""What was subscribed to in open mode, once everybody has to sign in: on both stores."""

from contextlib import closing
from pathlib import Path

import orjson

from carepath.settings import Settings
from carepath.store import hooks, numbering, subscription_resources, subscriptions
from carepath.store.database import Database
from carepath.store.feed import OPERATOR
from carepath.store.hooks import Room
from carepath.store.subscriptions import Subscribed
from carepath.store.times import instant
from carepath.wiring.server import application
from carepath.wiring.store import open_as_set
from fhir_mappings.indexing import Indexed
from pathways.subscriptions import ChannelType, SubscriptionStatus
from tests.contract.stored import EVERYTHING, NOW, sent
from tests.contract.test_hooks import subscription

ROOM = Room(proven=True, limit=9, each=9, calls={}, slow=(), besides=())
WARD = "ward"


def start(settings: Settings) -> None:
    """A server is started, and ends."""
    application(settings).state.context.database.close()


def subscribe(database: Database, receiver: str) -> None:
    """A rest-hook for all that comes to a receiver, with the receiver's key for its id."""
    wanted = subscription(ChannelType.REST_HOOK, f"https://{WARD}.example/hook")
    shown = {"resourceType": "Subscription", "id": receiver, "status": "active"}
    made = Subscribed(
        id=receiver, receiver=receiver, status=SubscriptionStatus.ACTIVE, subscription=wanted
    )
    with database.write() as conn:
        subscriptions.begin(conn, database.keys, made)
        subscription_resources.keep(conn, database.keys, shown, Indexed(), instant(NOW))


def due(database: Database, message: str) -> set[str]:
    """Whose endpoint is to be called, once each receiver was told of something more."""
    sent(database, OPERATOR, f"{message}-for-all")
    sent(database, WARD, f"{message}-for-the-ward")
    with database.write() as conn:
        numbering.number(conn)
    with database.read() as conn:
        return {one.id for one in hooks.due(conn, ROOM, NOW)}


def test_nobody_hears_of_everything_any_more(database_url: str, tmp_path: Path) -> None:
    """Signed in, one stands for one organisation: what was subscribed to all is off and says why."""
    chosen = Settings(database_url=database_url, key_file=tmp_path / "carepath.key")
    signed_in = chosen.model_copy(update={"open_mode": False})
    start(chosen)
    with closing(open_as_set(chosen)) as database:
        for receiver in (OPERATOR, WARD):
            subscribe(database, receiver)
        assert due(database, "first") == {OPERATOR, WARD}
        start(chosen)
        assert due(database, "second") == {OPERATOR, WARD}
        start(signed_in)
        assert due(database, "third") == {WARD}
        with database.read() as conn:
            (counted,) = subscriptions.listed(conn, EVERYTHING, [OPERATOR])
            shown = subscription_resources.current(conn, OPERATOR)
        assert (counted.status, counted.numbered) == (SubscriptionStatus.OFF, 2)
        assert shown is not None
        told = orjson.loads(shown.body)
        assert told["status"] == "off"
        assert "open mode" in told["error"]
        start(signed_in)  # once is enough
        with database.read() as conn:
            assert subscription_resources.current(conn, OPERATOR) == shown
