"""A store with something to look after: topics that are behind, Subscriptions that fail, messages that were parked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson

from carepath.cli.demo.issuer import CLIENT
from carepath.cli.demo.people import Somebody
from carepath.service import Service, Submission
from carepath.store import numbering, streams, subscriptions
from carepath.store.positions import Origin
from carepath.store.streams import Mark
from carepath.store.subscriptions import Subscribed
from carepath.store.times import now
from carepath.wiring import people as members
from carepath.wiring.store import open_store
from fhir_mappings import outbound
from pathways.parties import Identifier
from pathways.subscriptions import (
    Content,
    Subscription,
    SubscriptionStatus,
    Topic,
)
from tests.e2e import programs, staging
from tests.issuer import issuing
from tests.servers import free_port
from tests.subscriptions import channel

NURSES: Final = "solvik-hjemmesykepleie"
HOSPITAL: Final = "slagen-lunge"
HOOK, FAILING, SOCKET = "1" * 32, "2" * 32, "3" * 32
HOSTILE: Final = "<script>alert('Bråten 12824212447')</script>"
PATIENT: Final = ("12824212447", "Bråten", "Solveig")
"""What no administrator may read."""


@contextmanager
def signed_in(folder: Path, persons: Sequence[Somebody]) -> Iterator[programs.Running]:
    """A server on the folder's database where these persons sign in, as members of where they work."""
    port = free_port()
    with issuing(f"http://127.0.0.1:{port}", persons) as issuer:
        with open_store(staging.settings(folder)) as store:
            for one in persons:
                if one.role is not None:
                    known, since = Identifier(issuer.address, one.key), datetime.now(UTC)
                    members.add(store, known, one.name, one.party, one.role, since, None)
        set_ = {"CAREPATH_OIDC_ISSUER": issuer.address, "CAREPATH_OIDC_CLIENT_ID": CLIENT}
        with programs.serving(folder, port, CAREPATH_OPEN_MODE="false", **set_) as running:
            yield running


def fill(folder: Path) -> None:
    """On top of what ``staging.seed`` made."""
    with open_store(staging.settings(folder)) as store:
        with store.database.write() as conn:
            while numbering.number(conn):
                pass
            streams.enter(conn, [NURSES, HOSPITAL])
            streams.claim(conn, [NURSES], "me", now=0, until=1)
            last = streams.cursors(conn, [NURSES])[NURSES].last
            streams.settle(conn, "me", [Mark(NURSES, 0, last - 2)], now())
            for made in _subscriptions(last):
                subscriptions.begin(conn, store.database.keys, made)
        _park(store.service)
    assert last > 5


def _subscriptions(last: int) -> list[Subscribed]:
    """One that works, one that does not, one that connects by itself."""
    good, bad = "https://journal.example/hook?secret=1", "https://away.example/hook"
    works, failed = SubscriptionStatus.ACTIVE, SubscriptionStatus.ERROR
    return [
        _subscribed(HOOK, works, good, last, last),
        replace(_subscribed(FAILING, failed, bad, last, 2), tries=4, error="no-response"),
        _subscribed(SOCKET, works, None, last, 3),
    ]


def _subscribed(
    id_: str, status: SubscriptionStatus, endpoint: str | None, last: int, delivered: int
) -> Subscribed:
    return Subscribed(
        id=id_,
        receiver=NURSES,
        status=status,
        subscription=Subscription(
            topic=Topic.STAY, filters=(), channel=channel(endpoint, Content.ID_ONLY), ends=None
        ),
        numbered=last,
        delivered=delivered,
        told=now(),
    )


def _park(service: Service) -> None:
    """What nobody can read, with a hostile name in it; and an id that came again with other content."""
    known = next(iter(staging.running(staging.now()))).message
    assert known.patient is not None
    other = replace(known, patient=replace(known.patient, given=("Solveig", HOSTILE)))
    told = outbound.write(other, base_url="http://127.0.0.1:8000/fhir")
    sources = [HOSTILE.encode(), orjson.dumps(told)]
    for place, (organisation, source) in enumerate(zip((NURSES, None), sources, strict=True)):
        topic = f"carepath.inbound.{organisation}"
        origin = Origin(topic, "t", place, 0) if organisation else None
        take = service.receive if origin else service.handle
        take([Submission(source, organisation=organisation, origin=origin)])
