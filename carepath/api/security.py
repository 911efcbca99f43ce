"""How one signs in, in the words of OpenAPI: which of the schemes an interaction takes, and with which scopes.

https://spec.openapis.org/oas/v3.1.1.html#security-scheme-object
"""

from collections.abc import Mapping, Sequence
from typing import Final

from carepath.api.operation import JSON, Interaction
from carepath.api.rights import NEEDS, OF_ADDRESS
from carepath.identity.entrance import TOKEN
from fhir_mappings.search_parameters import PARAMETERS
from pathways.access import Operation

_CLIENT, _ISSUER, _SESSION = "client", "issuer", "session"
_NAMED: Final = {need.type for need in NEEDS.values() if need.type not in {None, OF_ADDRESS}}
_TYPES: Final = sorted({"*", *PARAMETERS, *map(str, _NAMED)})

SCHEMES: Final[Mapping[str, JSON]] = {
    _CLIENT: {
        "type": "oauth2",
        "description": "SMART Backend Services: private_key_jwt, client_credentials. Scopes of less than cruds are"
        " granted too. In open mode nobody signs in.",
        "flows": {
            "clientCredentials": {
                "tokenUrl": TOKEN,
                "scopes": {f"system/{one}.cruds": f"Everything about {one}." for one in _TYPES},
            }
        },
    },
    _ISSUER: {
        "type": "http",
        "scheme": "DPoP",
        "description": "An access token of a registered issuer such as HelseID, with a proof in the header DPoP.",
    },
    _SESSION: {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-carepath",
        "description": "People who are signed in to the pages.",
    },
}


def schemes_of(interaction: Interaction, type_: str) -> Sequence[JSON]:
    """One of these is needed; none: it is open to everybody. ``type_``: the one in the address, or empty."""
    need = NEEDS[interaction]
    if need.operation is Operation.PUBLIC:
        return ()
    asked = type_ or "*" if need.type == OF_ADDRESS else need.type
    scopes = [f"system/{asked}.{need.letters}"] if asked else []
    return ({_CLIENT: scopes}, {_ISSUER: []}, {_SESSION: []})
