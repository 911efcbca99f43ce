"""GET /fhir/.well-known/smart-configuration: how a client signs in.

https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html
"""

from typing import Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath.api.context import context_of
from carepath.identity.assertions import ALGORITHMS
from carepath.identity.entrance import TOKEN
from fhir_mappings.search_parameters import PARAMETERS

_KINDS: Final = (*PARAMETERS, "Binary", "Bundle", "MessageHeader")


async def smart_configuration(request: Request) -> Response:
    """200 with JSON, whatever was asked for; 404 in open mode, where nobody signs in."""
    context = context_of(request)
    if context.entrance is None:
        raise HTTPException(404, "in open mode nobody signs in")
    told = {
        "token_endpoint": f"{context.address}{TOKEN}",
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": [*ALGORITHMS],
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": [f"system/{kind}.cruds" for kind in ("*", *_KINDS)],
        "code_challenge_methods_supported": ["S256"],
        "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
    }
    return Response(orjson.dumps(told), media_type="application/json")
