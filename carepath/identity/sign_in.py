"""A sign-in of a person that is under way, and why one is refused."""

import binascii
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

import orjson
from cryptography.exceptions import InvalidTag

from carepath.store.blind import Keys

LASTS: Final = timedelta(minutes=10)
"""So long may somebody take at the issuer."""
LONGEST_NEXT: Final = 1000
"""Characters of the place to return to: the attempt has to fit in a cookie."""
_ABOUT: Final = b"sign-in"


class SignInFault(StrEnum):
    """What is wrong. The codes stand in figures and choose the page's text; they do not change."""

    STATE = "sign-in-state"  # not begun in this browser, too long ago, or answered already
    RESPONSE = "sign-in-response"  # not what RFC 6749 and RFC 9207 say
    DENIED = "sign-in-denied"  # the person said no
    ISSUER_ERROR = "sign-in-issuer-error"  # the issuer said no
    CODE = "sign-in-code"  # it does not know the code, or us
    OUT_OF_REACH = "sign-in-issuer-out-of-reach"
    METADATA = "sign-in-issuer-metadata"
    MALFORMED = "id-token-malformed"
    TYPE = "id-token-type"
    ALGORITHM = "id-token-algorithm"
    KEY = "id-token-key-unknown"
    SIGNATURE = "id-token-signature"
    ISSUER = "id-token-issuer"
    AUDIENCE = "id-token-audience"
    PARTY = "id-token-authorized-party"
    EXPIRED = "id-token-expired"
    ISSUED = "id-token-issued-at"
    NONCE = "id-token-nonce"
    HASH = "id-token-access-token-hash"
    LEVEL = "id-token-level"
    CLAIMS = "id-token-claims"
    NOBODY = "sign-in-not-registered"  # we know whom it is, and not what they may act as
    CROSS_SITE = "request-from-another-site"


class Refused(Exception):
    """Nobody is signed in. The text quotes nothing of what was shown."""

    def __init__(self, fault: SignInFault) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in from the moment somebody leaves for the issuer; the secrets of RFC 7636 and OpenID Connect.

    It is kept by the browser, sealed, so that whoever only asks costs nothing here.
    """

    next: str  # the place to return to, of our own
    begun: float  # seconds since 1970
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    @property
    def challenge(self) -> str:
        """What the issuer is told of ``verifier``: S256 (RFC 7636 §4.2)."""
        return urlsafe_b64encode(sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()

    def sealed(self, keys: Keys) -> str:
        """As a cookie keeps it."""
        return urlsafe_b64encode(keys.seal(orjson.dumps(asdict(self)).decode(), _ABOUT)).decode()


def opened(sealed: str | None, state: str | None, keys: Keys, now: datetime) -> Attempt:
    """The attempt that an answer with this state belongs to. Raises ``Refused``."""
    try:
        found = Attempt(**orjson.loads(keys.unseal(urlsafe_b64decode(sealed or ""), _ABOUT)))
    except (InvalidTag, ValueError, binascii.Error, TypeError):
        raise Refused(SignInFault.STATE) from None
    late = now.timestamp() - found.begun > LASTS.total_seconds()
    if late or not secrets.compare_digest((state or "").encode(), found.state.encode()):
        raise Refused(SignInFault.STATE)
    return found


def own_path(wanted: str | None) -> str:
    """``wanted`` where it is a path of ours, with its query; else the first page. Never another site.

    Browsers drop tabs and line ends, and take a backslash for a slash: such a path is none.
    """
    if not wanted or len(wanted) > LONGEST_NEXT or not wanted.startswith("/"):
        return "/"
    plain = wanted.isascii() and wanted.isprintable() and "\\" not in wanted
    if not plain or wanted.startswith(("//", "/sign", "/act-as")):
        return "/"
    return wanted
