"""Parts of matters, for those who were told no more: the resources that these records alone would have made."""

from collections.abc import Mapping, Sequence

from carepath.service.views import Matter, of_matter
from carepath.store import matters, parties
from carepath.store.database import Connection
from carepath.store.indexing import Place
from carepath.store.making import Made, Part
from fhir_mappings.indexing import indexed
from pathways.messages import Record
from pathways.parties import Directory
from pathways.pathway import Thread, fold


def parts(conn: Connection, known: Sequence[Part]) -> Sequence[Mapping[Place, Made]]:
    """What shows each of them. Which other matters belong to one is not said in its records, and not told here."""
    directory = parties.directory(conn)
    whole = matters.threads_by_id(conn, {thread for thread, _ in known})
    return [made(whole[thread], records, directory) for thread, records in known]


def made(whole: Thread, records: Sequence[Record], directory: Directory) -> Mapping[Place, Made]:
    """What shows a matter as these of its records alone make it; ``whole`` says only which matter it is."""
    part = Matter(fold(whole, records), [*records], whole=True)
    return {
        (view.type, view.id): Made(view.resource, indexed) for view in of_matter(part, directory)
    }
