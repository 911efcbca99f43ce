"""The secrets of one installation: blind indexes and sealed identifiers.

A blind index is a keyed hash, so a copy of the database alone does not tell whose identifier it is. The key is
32 random bytes in a file that only its owner may read; losing it loses the way from identifiers to patients.
"""

import hashlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


@dataclass(frozen=True, slots=True)
class Keys:
    """Derived from one secret of 32 bytes. ``pseudonym_version`` is what a new patient begins with."""

    secret: bytes = field(repr=False)
    pseudonym_version: int = 1
    _cipher: AESGCM = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        derived = hashlib.blake2b(b"seal", key=self.secret, digest_size=32).digest()
        object.__setattr__(self, "_cipher", AESGCM(derived))

    @property
    def fingerprint(self) -> str:
        """Tells two secrets apart, and nothing else about them: 16 hex digits."""
        told = hashlib.blake2b(key=self.secret, digest_size=8, person=b"fingerprint")
        return told.hexdigest()

    def blind(self, text: str) -> bytes:
        """A keyed hash of 16 bytes: the same text always gives the same index."""
        return hashlib.blake2b(text.encode(), key=self.secret, digest_size=16).digest()

    def pseudonym(self, patient: str, version: int) -> str:
        """What stands for a patient outside: 32 hex digits that lead back to nobody without the secret.

        A patient keeps the version they began with, so that all that is said of them stays in order.
        """
        about = f"{version}|{patient}".encode()
        return hashlib.blake2b(
            about, key=self.secret, digest_size=16, person=b"pseudonym"
        ).hexdigest()

    def derived(self, about: bytes, size: int) -> bytes:
        """A secret of its own for one purpose, the same in every process with this key (RFC 5869)."""
        return HKDF(hashes.SHA256(), size, salt=None, info=about).derive(self.secret)

    def seal(self, text: str, about: bytes) -> bytes:
        """Encrypt ``text`` (AES-256-GCM), bound to ``about``."""
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, text.encode(), about)

    def unseal(self, sealed: bytes, about: bytes) -> str:
        """The inverse of ``seal``; raises ``cryptography.exceptions.InvalidTag`` when bytes were changed."""
        return self._cipher.decrypt(sealed[:12], sealed[12:], about).decode()


def load_keys(path: Path, pseudonym_version: int = 1) -> Keys:
    """The keys in ``path``; a new file is made when there is none. Raises ``ValueError`` when it is no key."""
    if not path.exists():
        _create(path)
    secret = path.read_bytes()
    if len(secret) != 32:
        raise ValueError(f"{path.name} is not a key file: it has {len(secret)} bytes, not 32")
    return Keys(secret, pseudonym_version)


def _create(path: Path) -> None:
    """Write a whole key under another name first, so that no process ever reads half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_bytes(secrets.token_bytes(32))
    try:
        os.link(draft, path)  # fails when another process was first; then its key counts
    except FileExistsError:
        pass
    finally:
        draft.unlink()
