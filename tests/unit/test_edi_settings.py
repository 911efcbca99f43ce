"""How EDI is reached, as it is set: what cannot work, or would not be safe, is said before anything is sent."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from joserfc.jwk import ECKey, OctKey

from carepath.settings import Settings
from carepath.wiring.edi import client_of
from carepath.wiring.store import Unusable


def settings(folder: Path, **more: Any) -> Settings:
    """All that is needed, at this machine."""
    file = folder / "key"
    file.write_bytes(orjson.dumps(ECKey.generate_key("P-256").as_dict(private=True)))
    file.chmod(0o600)
    known = {
        "edi": "http://127.0.0.1:1",
        "edi_token_url": "https://id.example/connect/token",
        "edi_client_id": "carepath",
        "edi_key_file": file,
    }
    return Settings(**{**known, **more})


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "http://[::1]:1", "https://edi.example"])
def test_nobody_reads_along(tmp_path: Path, address: str) -> None:
    """TLS, or this machine by any of its addresses."""
    assert str(client_of(settings(tmp_path, edi=address)).base_url).startswith(address)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"edi": None}, "no EDI"),
        ({"edi": "http://edi.example"}, "open line"),
        ({"edi_token_url": "http://id.example/token"}, "open line"),
        ({"edi_client_id": None}, "HelseID"),
        ({"edi_key_file": None}, "HelseID"),
        ({"edi_key_file": Path("/nowhere/key")}, "cannot be read"),
    ],
)
def test_what_cannot_work_is_said(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    """With a hint."""
    with pytest.raises(Unusable, match=said) as fault:
        client_of(settings(tmp_path, **wrong))
    assert fault.value.hint


def test_a_key_that_cannot_sign_is_refused(tmp_path: Path) -> None:
    """A public one, or a secret that two share."""
    chosen = settings(tmp_path)
    public = ECKey.generate_key("P-256").as_dict(private=False)
    for key in (public, OctKey.generate_key(256).as_dict(private=True), {}):
        (tmp_path / "key").write_bytes(orjson.dumps(key))
        with pytest.raises(Unusable, match="no private key"):
            client_of(chosen)
