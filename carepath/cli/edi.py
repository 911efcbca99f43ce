"""``carepath edi``: messages in and out over NHN's EDI 2.0, in the foreground."""

from carepath.cli import local, output
from carepath.cli.options import DatabaseUrl, Kafka, settings
from carepath.wiring import edi as wiring
from carepath.wiring import store


def edi(database_url: DatabaseUrl = None, kafka: Kafka = None) -> None:
    """Take in what comes over NHN's EDI, and send what is for receivers there, until Ctrl-C.

    The database is brought up to date first. Set CAREPATH_EDI, CAREPATH_EDI_HER_IDS, CAREPATH_EDI_TOKEN_URL,
    CAREPATH_EDI_CLIENT_ID and CAREPATH_EDI_KEY_FILE. Receivers have 'edi' as their transport in the directory.

    For example:

      carepath edi --database-url postgresql://carepath@db/carepath
    """
    chosen = settings(database_url=database_url, kafka=kafka)
    with local.mendable():
        store.prepare(chosen)
        local.calm_collector()
        wiring.run(chosen, ready=_ready)


def _ready(her_ids: int) -> None:
    output.say(f"EDI: {her_ids} HER-ids. Ctrl-C ends it.")
