"""What the CapabilityStatement says of Subscriptions.

https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/CapabilityStatement-backport-subscription-server-r4.html
"""

from typing import Final

from fhir_mappings.bundle import JSON
from fhir_mappings.codes import BACKPORT
from fhir_mappings.subscription import CANONICALS

SERVER: Final = "http://hl7.org/fhir/uv/subscriptions-backport/CapabilityStatement/backport-subscription-server-r4"
"""What this server is an instance of."""

_OPERATIONS: Final = "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition"
_OFFERED: Final = ("status", "events", "get-ws-binding-token")


def of_subscriptions(resource: JSON) -> JSON:
    """The entry of ``rest.resource`` as every type has it, with what Subscriptions have besides."""
    written = [{"code": code} for code in ("create", "update", "delete")]
    return {
        "extension": [
            {
                "url": f"{BACKPORT}/capabilitystatement-subscriptiontopic-canonical",
                "valueCanonical": canonical,
            }
            for canonical in CANONICALS
        ],
        **resource,
        "supportedProfile": [f"{BACKPORT}/backport-subscription"],
        "interaction": [*resource["interaction"], *written],
        "updateCreate": False,
        "conditionalCreate": True,
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
        "operation": [
            {"name": name, "definition": f"{_OPERATIONS}/backport-subscription-{name}"}
            for name in _OFFERED
        ],
    }
