"""The key that a signature is to be verified with: from a JWK Set by value or at a URL."""

from collections.abc import Mapping
from typing import Any

from joserfc.jwk import Key

from carepath.identity.fetching import Fetcher
from carepath.identity.jose import NoKey, chosen, key_set


async def key_at(fetcher: Fetcher, url: str, kid: str, algorithm: str) -> Key:
    """The key with that id at a URL, asked anew where the kept set does not have it: keys are changed in use.

    Raises ``NoKey`` and ``OutOfReach``.
    """
    try:
        return key_in(await fetcher.json(url), kid, algorithm)
    except NoKey:
        return key_in(await fetcher.json(url, anew=True), kid, algorithm)


def key_in(told: Mapping[str, Any] | None, kid: str, algorithm: str) -> Key:
    """The one key of a JWK Set with that id, and of the algorithm's kind. Raises ``NoKey``."""
    return chosen(key_set(told), kid, algorithm)
