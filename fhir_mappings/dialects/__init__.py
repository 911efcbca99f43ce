"""The dialects that are understood: the event's code system says which one a message is in."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from fhir_mappings.bundle import Resources
from fhir_mappings.codes import DAVINCI_EVENT, MEDCOM_EVENT, PATHWAY_EVENT
from fhir_mappings.dialects.carepath import message as carepath
from fhir_mappings.dialects.davinci import message as davinci
from fhir_mappings.dialects.medcom import message as medcom
from fhir_mappings.options import Options
from pathways.messages import Message
from pathways.refusals import Refusal

Dialect: TypeAlias = Callable[[Resources, Options, bytes], Message | Refusal]

DIALECTS: Final[Mapping[str, Dialect]] = {
    PATHWAY_EVENT: carepath,
    MEDCOM_EVENT: medcom,
    DAVINCI_EVENT: davinci,
}
