"""HashiCorp Vault's Transit engine (or OpenBao's) as the key port: it keeps a key that never leaves it.

https://developer.hashicorp.com/vault/api-docs/secret/transit
"""

import base64
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from carepath.store.keyring import KeyServiceError

_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultPort:
    """``key`` in the Transit engine at ``mount``; Vault rotates it, and knows its older versions.

    The token is ``token``, or what stands in ``token_file``, which is read at every call: an agent renews it.
    """

    address: str
    key: str
    mount: str = "transit"
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    ca_file: Path | None = None

    @property
    def name(self) -> str:
        """Stands with every master key it wrapped: the same key wherever Vault is reached."""
        return f"vault:{self.mount}/{self.key}"

    def wrap(self, key: bytes) -> bytes:
        """Encrypt a master key. Raises ``KeyServiceError``."""
        found = self._ask("encrypt", "ciphertext", plaintext=base64.b64encode(key).decode())
        return found.encode()

    def unwrap(self, wrapped: bytes) -> bytes:
        """The inverse of ``wrap``, under whichever version of Vault's key. Raises ``KeyServiceError``."""
        found = self._ask("decrypt", "plaintext", ciphertext=wrapped.decode())
        return base64.b64decode(found)

    def _ask(self, what: str, wanted: str, **told: str) -> str:
        url = f"{self.address.rstrip('/')}/v1/{self.mount}/{what}/{self.key}"
        headers = {"X-Vault-Token": self._token(), "X-Vault-Request": "true"}
        try:
            answer = httpx.post(
                url, json=told, headers=headers, timeout=_SECONDS, verify=self._verify()
            )
        except (httpx.HTTPError, OSError) as fault:
            raise KeyServiceError(f"Vault does not answer ({type(fault).__name__})") from None
        if answer.status_code != 200:
            raise KeyServiceError(
                f"Vault refuses to {what}: {answer.status_code} {_errors(answer)}"
            )
        try:
            return str(answer.json()["data"][wanted])
        except (ValueError, KeyError, TypeError):
            raise KeyServiceError(f"Vault's answer has no {wanted}") from None

    def _token(self) -> str:
        if self.token_file is None:
            return self.token or ""
        try:
            return self.token_file.read_text().strip()
        except OSError as fault:
            raise KeyServiceError(f"Vault's token cannot be read: {fault.strerror}") from None

    def _verify(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)


def _errors(answer: httpx.Response) -> str:
    """What Vault says is wrong: it names no secrets."""
    try:
        told = answer.json()["errors"]
    except (ValueError, KeyError, TypeError):
        return ""
    return "; ".join(str(one) for one in told)[:200]
