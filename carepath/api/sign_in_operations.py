"""The addresses where clients sign in; ``operations`` has the others."""

from collections.abc import Mapping
from typing import Final

from carepath.api.operation import FORM, PLAIN_JSON, Interaction, Operation
from carepath.api.smart import smart_configuration
from carepath.api.token import token

SIGN_IN: Final[Mapping[Interaction, Operation]] = {
    smart_configuration: Operation(
        id="smartConfiguration",
        summary="How clients sign in: SMART Backend Services.",
        media=(PLAIN_JSON,),
        answers={200: "Where tokens are had, and how."},
        refuses=(404,),
    ),
    token: Operation(
        id="token",
        summary="An access token for a client that signs a statement of who it is.",
        takes=(FORM,),
        fields=("grant_type", "scope", "client_assertion_type", "client_assertion"),
        media=(PLAIN_JSON,),
        answers={
            200: "The token, how long it is good, and what for.",
            400: "What is asked for cannot be had: OAuth's error.",
            401: "The client is not believed: OAuth's error.",
        },
        refuses=(404, 413, 503),
    ),
}
"""In open mode nobody signs in, and nothing is there."""
