"""What is set for signing people in: what cannot work, or would not be safe, is said before anybody tries."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import ECKey
from pydantic import ValidationError

from carepath.identity.jose import algorithm_of
from carepath.settings import Settings
from carepath.wiring.people import registration
from carepath.wiring.store import Unusable

ISSUER = "https://issuer.example"


SHARED = b'{"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}'


def settings(**more: Any) -> Settings:
    """A client of the issuer, at an address with TLS."""
    known = {
        "oidc_issuer": ISSUER,
        "oidc_client_id": "carepath",
        "base_url": "https://care.example/",
    }
    return Settings(**{**known, **more})


def test_the_issuer_is_called_as_it_calls_itself() -> None:
    """To the slash; our addresses are under the base URL."""
    for issuer in (ISSUER, f"{ISSUER}/", f"{ISSUER}/tenant"):
        found = registration(settings(oidc_issuer=issuer), issuer)
        assert found.issuer == issuer
        assert found.redirect_uri == "https://care.example/sign-in/callback"
        assert found.signed_out_uri == "https://care.example/signed-out"


@pytest.mark.parametrize("issuer", ["issuer.example", "ftp://x", "https://x?y", "https://x#y"])
def test_an_issuer_that_is_no_address_cannot_be_set(issuer: str) -> None:
    """It says so at the start."""
    with pytest.raises(ValidationError):
        settings(oidc_issuer=issuer)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"oidc_client_id": None}, "any name"),
        ({"oidc_issuer": "http://issuer.example"}, "no TLS"),
        ({"base_url": "http://care.example"}, "without TLS"),
        ({"oidc_client_secret": "s", "oidc_private_key_file": Path("x")}, "not by both"),
        ({"oidc_private_key_file": Path("/nowhere/key.pem")}, "cannot be read"),
    ],
)
def test_what_cannot_work_is_said(wrong: dict[str, Any], said: str) -> None:
    """With a hint."""
    chosen = settings(**wrong)
    with pytest.raises(Unusable, match=said) as fault:
        registration(chosen, str(chosen.oidc_issuer))
    assert fault.value.hint


def test_a_key_is_read_as_jwk_or_pem(tmp_path: Path) -> None:
    """RSA and EC; a JWK names itself."""
    file = tmp_path / "key"
    own = ECKey.generate_key("P-521", auto_kid=True)
    written = {
        "RS256": _pem(rsa.generate_private_key(65537, 2048)),
        "ES256": _pem(ec.generate_private_key(ec.SECP256R1())),
        "ES512": orjson.dumps(own.as_dict(private=True)),
    }
    for algorithm, content in written.items():
        file.write_bytes(content)
        file.chmod(0o600)
        key = registration(settings(oidc_private_key_file=file), ISSUER).key
        assert key is not None
        assert algorithm_of(key) == algorithm
        assert key.kid == (own.kid if algorithm == "ES512" else None)


@pytest.mark.parametrize("content", [b"", b"no key", b"{}", b"[]", b"public", SHARED])
def test_what_is_no_private_key_is_refused_without_a_word_of_it(
    tmp_path: Path, content: bytes
) -> None:
    """A public one, or a secret that is shared, neither."""
    file = tmp_path / "key"
    public = orjson.dumps(ECKey.generate_key("P-256").as_dict(private=False))
    file.write_bytes(public if content == b"public" else content)
    file.chmod(0o600)
    with pytest.raises(Unusable, match="is no private key") as fault:
        registration(settings(oidc_private_key_file=file), ISSUER)
    assert "no key" not in str(fault.value).replace("is no private key", "")


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
