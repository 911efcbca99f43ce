"""FHIR resources made from state: what a patient, a matter and each of its entries look like from outside."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from fhir_mappings import relatives, resources, written
from pathways.events import EventCode, Family
from pathways.messages import Record
from pathways.parties import Directory
from pathways.pathway import Thread
from pathways.timeline import entries


@dataclass(frozen=True, slots=True)
class View:
    """A FHIR resource made from state."""

    patient: str
    thread: str | None
    resource: dict[str, Any]

    @property
    def type(self) -> str:
        """The resource type."""
        return str(self.resource["resourceType"])

    @property
    def id(self) -> str:
        """The resource id."""
        return str(self.resource["id"])


@dataclass(slots=True)
class Matter:
    """A thread of which something new was told; ``records`` are the new ones, or ``whole``: all it has."""

    thread: Thread
    records: list[Record]
    whole: bool

    @property
    def lacks_some(self) -> bool:
        """Whether all records are needed, and are not here.

        Answers refer to questions, relatives add up, a withdrawal ends what was given before.
        """
        if self.whole:
            return False
        registers = any(record.code is EventCode.RELATIVE_REGISTERED for record in self.records)
        return registers or self.thread.family in (Family.INQUIRY, Family.CONSENT)


def of_matter(matter: Matter, directory: Directory, linked: Collection[str] = ()) -> Iterator[View]:
    """The matter as it stands, and its entries; ``linked``: the plan it belongs to, or what belongs to it.

    A record that simply comes last changes no entry but its own, so the new ones are enough.
    """
    thread, records = matter.thread, matter.records
    made = [
        *resources.of_thread(thread, directory, linked),
        *written.of_entries(thread, entries({thread.id: records}), directory),
        *(relatives.of_records(thread, records) if matter.whole else ()),
    ]
    for resource in made:
        yield View(thread.patient, thread.id, resource)
