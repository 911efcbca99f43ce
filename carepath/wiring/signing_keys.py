"""The private keys that we sign in with elsewhere, as files that are set."""

from pathlib import Path

from joserfc.jwk import Key

from carepath.identity import jose
from carepath.wiring.store import Unusable


def signing_key(path: Path, setting: str) -> Key:
    """As ``setting`` names its file. Raises ``Unusable``, without a word of what is in it."""
    hint = "It is a JWK or PEM file with a private RSA or EC key."
    try:
        return jose.private_key(path.read_bytes())
    except OSError as fault:
        raise Unusable(f"{setting} cannot be read: {fault.strerror}.", hint) from None
    except jose.NoKey:
        raise Unusable(f"{setting} is no private key.", hint) from None
