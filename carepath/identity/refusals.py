"""Why somebody is not believed: one stable code for each fault, and how OAuth calls it."""

# ruff: noqa: S105 -- codes, no passwords

from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """What is wrong with what somebody shows. The codes stand in answers, logs and figures; they do not change."""

    # what is shown at all
    NO_TOKEN = "no-token"
    HEADER = "header-malformed"

    # an access token, ours or an issuer's
    TOKEN_MALFORMED = "token-malformed"
    TOKEN_TYPE = "token-type"
    TOKEN_ALGORITHM = "token-algorithm"
    TOKEN_KEY = "token-key-unknown"
    TOKEN_SIGNATURE = "token-signature"
    TOKEN_ISSUER = "token-issuer"
    TOKEN_AUDIENCE = "token-audience"
    TOKEN_EXPIRED = "token-expired"
    TOKEN_EARLY = "token-not-yet-valid"
    TOKEN_CLAIMS = "token-claims"
    TOKEN_UNBOUND = "token-unbound"
    TOKEN_BOUND = "token-bound"  # shown without the proof that it asks for
    TOKEN_CLIENT = "token-client-unknown"

    # who is named in it
    ORGANISATION_MISSING = "organisation-missing"
    ORGANISATION_UNKNOWN = "organisation-unknown"
    CHILD_UNKNOWN = "organisation-child-unknown"
    CHILD_NOT_OF_PARENT = "organisation-child-not-of-parent"
    PERSON_LEVEL = "person-level"
    PERSON_NOT_MEMBER = "person-not-member"

    # a DPoP proof (RFC 9449 §4.3)
    PROOF_MISSING = "proof-missing"
    PROOF_MALFORMED = "proof-malformed"
    PROOF_TYPE = "proof-type"
    PROOF_WITHOUT_ALG = "proof-without-alg"
    PROOF_ALGORITHM = "proof-algorithm"
    PROOF_SYMMETRIC = "proof-symmetric"
    PROOF_WITHOUT_JWK = "proof-without-jwk"
    PROOF_KEY = "proof-key"
    PROOF_PRIVATE = "proof-with-private-key"
    PROOF_SIGNATURE = "proof-signature"
    PROOF_WITHOUT_JTI = "proof-without-jti"
    PROOF_WITHOUT_HTM = "proof-without-htm"
    PROOF_METHOD = "proof-of-other-method"
    PROOF_WITHOUT_HTU = "proof-without-htu"
    PROOF_ADDRESS = "proof-of-other-address"
    PROOF_WITHOUT_IAT = "proof-without-iat"
    PROOF_PAST = "proof-from-the-past"
    PROOF_FUTURE = "proof-from-the-future"
    PROOF_WITHOUT_ATH = "proof-without-ath"
    PROOF_TOKEN = "proof-of-other-token"
    PROOF_OTHER_KEY = "proof-by-other-key"
    PROOF_USED = "proof-used"

    # a client at the token endpoint (RFC 7521, RFC 7523, SMART App Launch 2.2)
    REQUEST = "request-malformed"
    GRANT_TYPE = "grant-type"
    SCOPE_MISSING = "scope-missing"
    SCOPE_UNKNOWN = "scope-unknown"
    SCOPE_NOT_GRANTED = "scope-not-granted"
    ASSERTION_MISSING = "assertion-missing"
    ASSERTION_MALFORMED = "assertion-malformed"
    ASSERTION_TYPE = "assertion-type"
    ASSERTION_ALGORITHM = "assertion-algorithm"
    ASSERTION_KEY = "assertion-key"
    ASSERTION_JKU = "assertion-jku"
    ASSERTION_SIGNATURE = "assertion-signature"
    ASSERTION_CLAIMS = "assertion-claims"
    ASSERTION_AUDIENCE = "assertion-audience"
    ASSERTION_EXPIRED = "assertion-expired"
    ASSERTION_EARLY = "assertion-not-yet-valid"
    ASSERTION_LONG = "assertion-too-long"
    ASSERTION_USED = "assertion-used"
    CLIENT_UNKNOWN = "client-unknown"
    CLIENT_KEYS = "client-keys-out-of-reach"

    # what a signed-in caller may not do
    SCOPE_SMALL = "scope-insufficient"
    ROLE = "role"
    NOT_THEIRS = "organisation-not-theirs"


_ERRORS: Final = {
    Fault.NO_TOKEN: "",
    Fault.HEADER: "invalid_request",
    Fault.REQUEST: "invalid_request",
    Fault.GRANT_TYPE: "unsupported_grant_type",
    Fault.SCOPE_SMALL: "insufficient_scope",
    Fault.ROLE: "insufficient_scope",
    Fault.NOT_THEIRS: "insufficient_scope",
}
_BEGINNINGS: Final = {
    "proof": "invalid_dpop_proof",
    "assertion": "invalid_client",
    "client": "invalid_client",
    "scope": "invalid_scope",
}


class NotBelieved(Exception):
    """Somebody is refused at the door. ``text`` says why and quotes nothing of what was shown."""

    def __init__(self, fault: Fault, text: str) -> None:
        super().__init__(f"{fault}: {text}")
        self.fault, self.text = fault, text

    @property
    def error(self) -> str:
        """OAuth's code (RFC 6749 §5.2, RFC 6750 §3.1, RFC 9449 §7.1); empty where nothing was shown."""
        beginning = self.fault.partition("-")[0]
        return _ERRORS.get(self.fault, _BEGINNINGS.get(beginning, "invalid_token"))

    @property
    def description(self) -> str:
        """``error_description``: the code and the text, in the characters that RFC 6749 allows."""
        return f"{self.fault}: {self.text}".replace('"', "'")


class OutOfReach(Exception):
    """What is needed to judge cannot be had now: nobody is refused, and it may be tried again."""
