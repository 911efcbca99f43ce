"""Signed tokens as they come: read without belief, then verified with a key that was chosen for them (joserfc)."""

import binascii
import warnings
from base64 import urlsafe_b64decode
from collections.abc import Collection, Mapping
from typing import Any, Final

import orjson
from joserfc import errors, jwk, jws
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry

Claims = dict[str, Any]

RSA_OR_EC: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512"),
)
"""The signatures of proofs and of other issuers' tokens (RFC 7518 §3.1)."""
KEY_TYPES: Final[Mapping[str, str]] = {"RS": "RSA", "PS": "RSA", "ES": "EC"}
_CURVES: Final[Mapping[str, str]] = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
LEEWAY: Final = 5
"""Seconds that clocks may differ."""
LONGEST: Final = 16 * 1024
"""Characters of a token or a proof."""
_MIN_RSA: Final = 2048  # bits (RFC 7518 §3.3)


class _Registry(JWSRegistry):
    """A proof carries its key in the header."""

    max_header_length = 8 * 1024


class Malformed(ValueError):
    """It is no signed token at all."""


class BadSignature(ValueError):
    """The signature is not that key's."""


class NoKey(ValueError):
    """It is no public key to verify signatures with."""


def header_of(token: str) -> dict[str, Any]:
    """The header, not yet believed. Raises ``Malformed``."""
    return _object(token, 0)


def claims_of(token: str) -> Claims:
    """The claims, not yet believed. Raises ``Malformed``."""
    return _object(token, 1)


def _object(token: str, part: int) -> dict[str, Any]:
    parts = token.split(".")
    if len(parts) != 3 or len(token) > LONGEST:
        raise Malformed("not a signed token")
    try:
        found = object_of(urlsafe_b64decode(parts[part] + "=" * (-len(parts[part]) % 4)))
    except (ValueError, binascii.Error):
        raise Malformed("not a signed token") from None
    if found is None:
        raise Malformed("not a signed token")
    return found


def object_of(written: bytes) -> dict[str, Any] | None:
    """A JSON object; ``None``: it is none."""
    try:
        found = orjson.loads(written)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def verified(token: str, key: Key, algorithms: Collection[str]) -> Claims:
    """The claims, if the signature is the key's, by one of these. Raises ``BadSignature`` and ``Malformed``."""
    registry = _Registry(algorithms=[*algorithms], strict_check_header=False)
    claims = claims_of(token)  # no deeper than our own reader goes
    try:
        jws.deserialize_compact(token, key, [*algorithms], registry)
    except (errors.JoseError, ValueError, TypeError, KeyError):
        raise BadSignature("the signature is not that key's") from None
    return claims


def public_key(told: object) -> Key:
    """A public key of RSA (from 2048 bits) or an elliptic curve. Raises ``NoKey``."""
    if not isinstance(told, dict) or told.get("kty") not in KEY_TYPES.values():
        raise NoKey("a key is an object with kty RSA or EC")
    if is_private(told):
        raise NoKey("it is a private key")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", errors.SecurityWarning)  # we judge sizes ourselves
            key = jwk.import_key(told)
            raw: Any = key.raw_value
    except (errors.JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise NoKey("it cannot be read as a key") from None
    if told["kty"] == "RSA" and raw.key_size < _MIN_RSA:
        raise NoKey(f"an RSA key has {_MIN_RSA} bits at least")
    return key


def private_key(written: bytes) -> Key:
    """A private key of RSA or an elliptic curve, as JWK or PEM. Raises ``NoKey``."""
    for read in (_jwk, _rsa, _ec):
        try:
            key = read(written)
        except (errors.JoseError, ValueError, TypeError, KeyError):
            continue
        if key.is_private and key.key_type in KEY_TYPES.values():
            return key
    raise NoKey("it is no private key of RSA or an elliptic curve")


def _jwk(written: bytes) -> Key:
    return jwk.import_key(orjson.loads(written))


def _rsa(written: bytes) -> Key:
    return jwk.import_key(written, "RSA")


def _ec(written: bytes) -> Key:
    return jwk.import_key(written, "EC")


def algorithm_of(key: Key, rsa: str = "RS256") -> str:
    """How we sign with a key of ours: as the key says, else what its kind is used for most."""
    told = key.as_dict(private=False)
    return str(told.get("alg") or _CURVES.get(str(told.get("crv")), rsa))


def is_private(told: Mapping[str, Any]) -> bool:
    """Whether a JWK holds what only its owner may know (RFC 7518 §6), or is a shared secret."""
    return bool({"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & {*told})


def key_set(told: object) -> list[dict[str, Any]]:
    """The keys of a JWK Set that can verify signatures, as they are written. Raises ``NoKey``.

    Keys of other kinds are passed over (RFC 7517 §5); a private key is refused, as it is no secret any more.
    """
    keys = told.get("keys") if isinstance(told, dict) else None
    if not isinstance(keys, list) or not all(isinstance(one, dict) for one in keys):
        raise NoKey('a JWK Set is an object: {"keys": [...]}')
    if any(map(is_private, keys)):
        raise NoKey("it holds a private key: show public keys only")
    usable = [one for one in keys if one.get("kty") in KEY_TYPES.values() and _signs(one)]
    for one in usable:
        public_key(one)
    if not usable:
        raise NoKey("it holds no key of RSA or an elliptic curve for signatures")
    return usable


def _signs(told: Mapping[str, Any]) -> bool:
    return bool(told.get("use", "sig") == "sig")


def chosen(keys: Collection[Mapping[str, Any]], kid: str, algorithm: str) -> Key:
    """The one key with that id and of the algorithm's kind. Raises ``NoKey`` when there is none, or several."""
    kind = KEY_TYPES.get(algorithm[:2])
    fit = [one for one in keys if one.get("kid") == kid and one.get("kty") == kind]
    if len(fit) != 1:
        raise NoKey("not exactly one key has that kid and kty")
    return public_key(dict(fit[0]))


def number(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate, in seconds since 1970; ``None`` where there is none, or something else."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e12 else None  # NaN compares as false


def audiences(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """``aud``, one or several."""
    told = claims.get("aud")
    many = told if isinstance(told, list) else [told]
    return tuple(one for one in many if isinstance(one, str))
