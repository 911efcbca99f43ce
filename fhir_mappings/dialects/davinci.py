"""Da Vinci Alerts / Unsolicited Notifications (USA) in: hl7.org/fhir/us/davinci-alerts.

There is no Provenance: every message is new, written when the Bundle was stamped. The stay is known by
``Encounter.identifier``; all patient identifiers (MR, SSN) are accepted as such.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from fhir_mappings import keys as of
from fhir_mappings.bundle import Resources
from fhir_mappings.codes import DAVINCI_EVENT
from fhir_mappings.dialects import common
from fhir_mappings.dialects.dialect import Dialect
from fhir_mappings.dialects.focus import needed
from fhir_mappings.elements import read_fields
from fhir_mappings.happened import OF_EVENT, TIMESTAMP, Times
from fhir_mappings.options import Options
from fhir_mappings.profile import SHAPES
from pathways.events import Activity, EventCode
from pathways.facts import StayFacts
from pathways.messages import Message
from pathways.refusals import Refusal

_EVENTS: Final[Mapping[str, EventCode]] = {
    "notification-admit": EventCode.ADMISSION,
    "notification-discharge": EventCode.DISCHARGE,
    "notification-transfer": EventCode.TRANSFER,
}


def message(parts: Resources, options: Options, source: bytes) -> Message | Refusal:
    """An admit, discharge or transfer notification as a message."""
    code = _EVENTS.get(parts.header["eventCoding"].get("code", ""))
    if code is None:
        return common.unknown_event(parts)
    found = {"Patient": common.the_patient(parts), "Encounter": needed(parts, "Encounter")}
    draft = common.begin(
        parts,
        options,
        dialect=DIALECT,
        code=code,
        activity=Activity.NEW,
        target=None,
        cast={kind: resource for kind, resource in found.items() if resource},
    )
    facts = _facts(draft)
    keys = of.stay(facts.identifiers or (), facts.episodes or (), draft.sender)
    keys = keys or of.start(facts.begins, draft.sender, options.zone)
    return common.finish(draft, facts, keys, source)


def _facts(draft: common.Draft) -> StayFacts:
    """What the Encounter says. An end is no end while the stay goes on: senders fill it in beforehand."""
    encounter = draft.cast.get("Encounter", {})
    fields = SHAPES[EventCode.ADMISSION]["Encounter"]
    facts = StayFacts(**read_fields(draft.reading, fields, encounter))
    if draft.code is EventCode.ADMISSION:
        facts = replace(facts, stay_kind=common.KINDS.get(facts.encounter_class or ""))
    return facts if draft.code is EventCode.DISCHARGE else replace(facts, ends=None)


_NAMES: Final = {code: name for name, code in _EVENTS.items()}
DIALECT: Final = Dialect(
    name="davinci",
    system=DAVINCI_EVENT,
    read=message,
    times=Times(written=(TIMESTAMP,), happened=OF_EVENT),
    event=lambda message: _NAMES[message.code],
)
