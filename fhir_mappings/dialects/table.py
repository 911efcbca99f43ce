"""The dialects that are understood: the event's code system says which one a message is in.

A new one is a file here and a row below; docs/dialects.md shows how.
"""

from typing import Final

from fhir_mappings.dialects import bars, carepath, davinci, medcom

DIALECTS: Final = (
    carepath.DIALECT,
    medcom.DIALECT,
    davinci.DIALECT,
    bars.DIALECT,
)

NAMED: Final = {dialect.name: dialect for dialect in DIALECTS}
