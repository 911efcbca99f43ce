"""What of a pathway a newcomer is told, by what the patient objects to and what houses have agreed on."""

from datetime import datetime

from carepath.store import sharing
from carepath.store.database import Connection
from fhir_mappings.options import OSLO
from pathways.bars import Ground
from pathways.handing import Joining
from pathways.parties import Directory
from pathways.pathway import Header


def joins(
    conn: Connection, reader: str, header: Header, directory: Directory, at: datetime
) -> Joining:
    """Who joins, as things stand at ``at``."""
    return Joining(
        reader=reader,
        ground=Ground(consents=header.consents, directory=directory, at=at, zone=OSLO),
        partners=sharing.partners(conn, directory.house(reader), at),
    )
