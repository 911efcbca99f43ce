"""NHN's EDI as it is set: messages in and out."""

import asyncio
from collections.abc import Callable
from typing import Final

import httpx

from carepath.delivery.edi import EdiCarrier
from carepath.delivery.edi_api import PATIENCE, SCOPE, SOFTWARE, VERSION, EdiApi
from carepath.identity.addresses import is_safe
from carepath.identity.helseid import Client, HelseId
from carepath.settings import Settings
from carepath.store import transports
from carepath.wiring.logs import configure_logs
from carepath.wiring.networks import AtWork, at_work, sender, stopping
from carepath.wiring.signing_keys import signing_key
from carepath.wiring.store import Unusable
from consumers.edi import Postbox

_NOTIFIED: Final = 2
"""Polls after which EDI has notified of a message that it has."""


def run(settings: Settings, ready: Callable[[int], None]) -> None:
    """Work until SIGTERM or SIGINT; ``ready`` is told for how many HER-ids. Raises ``Unusable``."""
    configure_logs()
    asyncio.run(_live(settings, ready))


async def _live(settings: Settings, ready: Callable[[int], None]) -> None:
    her_ids, client = _her_ids(settings), client_of(settings)
    async with client, at_work(settings, settings.edi_metrics, "CAREPATH_EDI_METRICS") as here:
        api = EdiApi(client)
        async with sender(settings, here, _carrier(settings, here, api, her_ids)).running():
            ready(len(her_ids))
            await _postbox(settings, here, api, her_ids).run(stopping())


def _carrier(settings: Settings, here: AtWork, api: EdiApi, her_ids: tuple[str, ...]) -> EdiCarrier:
    def polled() -> int:
        with here.database.read() as conn:
            return transports.edi_polled(conn, her_ids)

    notified = _NOTIFIED * settings.edi_poll_seconds
    return EdiCarrier(api=api, her_ids=her_ids, polled=polled, notified=notified)


def _postbox(settings: Settings, here: AtWork, api: EdiApi, her_ids: tuple[str, ...]) -> Postbox:
    return Postbox(
        database=here.database,
        api=api,
        submit=here.gather.take,
        base_url=f"{settings.address}/fhir",
        her_ids=her_ids,
        poll=settings.edi_poll_seconds,
        seen=here.metrics.received,
    )


# --- what is set


def _her_ids(settings: Settings) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(settings.edi_her_ids.replace(",", " ").split()))
    if not found:
        raise Unusable("no HER-ids are set.", "Set CAREPATH_EDI_HER_IDS to those you act for.")
    return found


def client_of(settings: Settings) -> httpx.AsyncClient:
    """Signs what it sends, and sends it nowhere else: no redirect is followed, no proxy of the environment used.

    Raises ``Unusable`` where that cannot work, or would not be safe.
    """
    address, token_url = settings.edi, settings.edi_token_url
    if address is None:
        raise Unusable("no EDI is set.", "Set CAREPATH_EDI to its address.")
    client_id, key_file = settings.edi_client_id, settings.edi_key_file
    if token_url is None or client_id is None or key_file is None:
        told = "EDI is spoken to with a token of HelseID."
        raise Unusable(told, "Set CAREPATH_EDI_TOKEN_URL, _CLIENT_ID and _KEY_FILE.")
    if not all(map(is_safe, (str(address), str(token_url)))):
        raise Unusable("EDI would be spoken to over an open line", "Use https.")
    who = Client(client_id, str(token_url), SCOPE)
    signing = HelseId(who, signing_key(key_file, "CAREPATH_EDI_KEY_FILE"))
    headers = {"api-version": VERSION, "nhn-source-system": SOFTWARE}
    return httpx.AsyncClient(
        base_url=str(address), auth=signing, headers=headers, timeout=PATIENCE, trust_env=False
    )
