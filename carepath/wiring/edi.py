"""NHN's EDI as it is set: messages in and out."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
import orjson

from carepath.delivery.edi import EdiCarrier
from carepath.delivery.edi_api import PATIENCE, VERSION, EdiApi
from carepath.identity.helseid import BadKey, Client, HelseId
from carepath.settings import LOOPBACK, Settings
from carepath.store import transports
from carepath.wiring.logs import configure_logs
from carepath.wiring.networks import AtWork, at_work, sender, stopping
from carepath.wiring.store import Unusable
from consumers.edi import Postbox

_NOTIFIED: Final = 2
"""Polls after which EDI has notified of a message that it has."""


def run(settings: Settings, ready: Callable[[int], None]) -> None:
    """Work until SIGTERM or SIGINT; ``ready`` is told for how many HER-ids. Raises ``Unusable``."""
    configure_logs()
    asyncio.run(_live(settings, ready))


async def _live(settings: Settings, ready: Callable[[int], None]) -> None:
    her_ids, client = _her_ids(settings), _client(settings)
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


def _client(settings: Settings) -> httpx.AsyncClient:
    """Signs what it sends, and sends it nowhere else: no redirect is followed, no proxy of the environment used."""
    address, token_url = settings.edi, settings.edi_token_url
    if address is None:
        raise Unusable("no EDI is set.", "Set CAREPATH_EDI to its address.")
    if token_url is None or settings.edi_client_id is None:
        told = "EDI is spoken to with a token of HelseID."
        raise Unusable(told, "Set CAREPATH_EDI_TOKEN_URL, _CLIENT_ID and _KEY_FILE.")
    for url in (address, token_url):
        if url.scheme != "https" and url.host not in LOOPBACK:
            raise Unusable("EDI would be spoken to over an open line", "Use https.")
    who = Client(settings.edi_client_id, str(token_url), settings.edi_scope)
    try:
        signing = HelseId(who, _key(settings))
    except BadKey as fault:
        raise Unusable(f"CAREPATH_EDI_KEY_FILE: {fault}.", "It holds a private JWK.") from None
    headers = {"api-version": VERSION, "nhn-source-system": settings.edi_source_system}
    return httpx.AsyncClient(
        base_url=str(address), auth=signing, headers=headers, timeout=PATIENCE, trust_env=False
    )


def _key(settings: Settings) -> Mapping[str, Any]:
    file = settings.edi_key_file
    if file is None:
        raise Unusable("there is no key for HelseID.", "Set CAREPATH_EDI_KEY_FILE.")
    try:
        told = orjson.loads(file.read_bytes())
    except OSError as fault:
        told = f"CAREPATH_EDI_KEY_FILE cannot be read: {fault.strerror}."
        raise Unusable(told, "It holds a private JWK.") from None
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise Unusable("CAREPATH_EDI_KEY_FILE: it is no JWK.", "It holds a private JWK.")
    return told
