"""A server that keeps the published rules of Vault's Transit engine, as far as a key port asks for it.

https://developer.hashicorp.com/vault/api-docs/secret/transit
"""

import base64
import binascii
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from typing_extensions import override

TOKEN = "s.a-token-of-the-test"


@dataclass
class Vault:
    """Its keys by name, each with its versions from 1; and what it was asked."""

    address: str = ""
    token: str = TOKEN
    sealed: bool = False
    keys: dict[str, list[AESGCM]] = field(default_factory=dict)
    oldest: int = 1  # min_decryption_version
    asked: list[str] = field(default_factory=list)

    def rotate(self, name: str) -> None:
        """A new version of a key; the first makes it."""
        self.keys.setdefault(name, []).append(AESGCM(AESGCM.generate_key(256)))

    def answer(self, path: str, token: str | None, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and JSON."""
        self.asked.append(path)
        if self.sealed:
            return 503, _errors("Vault is sealed")
        if token != self.token:
            return 403, _errors("permission denied")
        parts = path.strip("/").split("/")
        if parts[:2] != ["v1", "transit"] or len(parts) != 4:
            return 404, _errors("no handler for route")
        versions = self.keys.get(parts[3])
        if versions is None:
            return 400, _errors("encryption key not found")
        return (
            self._encrypt(versions, body)
            if parts[2] == "encrypt"
            else self._decrypt(versions, body)
        )

    def _encrypt(self, versions: list[AESGCM], body: dict[str, Any]) -> tuple[int, Any]:
        try:
            plain = base64.b64decode(body["plaintext"], validate=True)
        except (KeyError, binascii.Error):
            return 400, _errors("failed to base64-decode plaintext")
        nonce = os.urandom(12)
        sealed = base64.b64encode(nonce + versions[-1].encrypt(nonce, plain, None)).decode()
        told = {"ciphertext": f"vault:v{len(versions)}:{sealed}", "key_version": len(versions)}
        return 200, {"data": told}

    def _decrypt(self, versions: list[AESGCM], body: dict[str, Any]) -> tuple[int, Any]:
        prefix, _, rest = body.get("ciphertext", "").partition(":v")
        version, _, sealed = rest.partition(":")
        if prefix != "vault" or not version.isdigit():
            return 400, _errors("invalid ciphertext: no prefix")
        if int(version) < self.oldest:
            return 400, _errors("ciphertext or signature version is disallowed by policy (too old)")
        whole = base64.b64decode(sealed)
        plain = versions[int(version) - 1].decrypt(whole[:12], whole[12:], None)
        return 200, {"data": {"plaintext": base64.b64encode(plain).decode()}}


def _errors(text: str) -> dict[str, list[str]]:
    return {"errors": [text]}


@contextmanager
def serving() -> Iterator[Vault]:
    """A Vault on a free port of this machine, with the key ``carepath``."""
    vault = Vault()
    vault.rotate("carepath")

    class Handler(BaseHTTPRequestHandler):
        """Hands requests on."""

        def do_POST(self) -> None:
            """As Vault answers."""
            body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, told = vault.answer(self.path, self.headers.get("X-Vault-Token"), body)
            content = orjson.dumps(told)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        @override
        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    vault.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield vault
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
