"""The keys that payloads are encrypted with: one data key for each patient, under a master key, under a key port.

A data key (AES-256) is random and stored wrapped by a master key (AES-256-GCM), which is random and stored wrapped
by the key port: a file, or a key management service. The port is asked for a master key once in a process, so
that taking messages in costs no calls and goes on when the service is away for a while.

What is kept in memory is found by the wrapped bytes alone. Whoever has these from the database may use what they
wrap; a key that was made in a transaction that came to nothing is never found again.
"""

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.exc import OperationalError
from typing_extensions import override

from carepath.store.blind import Keys

MARK: Final = b"\xc1CP\x01"
"""How an encrypted payload begins; no text does. Then the data key's id, a nonce, and the ciphertext with its tag."""
ID_BYTES: Final = 16
WRAPPED_BYTES: Final = 16 + 12 + 32 + 16
"""A wrapped data key: the master's id, nonce, key, tag."""
_NONCE: Final = 12
_KEPT: Final = 50_000
"""Data keys in memory, some 20 MB; when there are more, it is begun anew."""


class KeyServiceError(OperationalError):
    """The key port cannot be asked, or refuses. The text tells neither keys nor secrets.

    To whoever works with the store it is a database that does not answer: nothing is lost, try again.
    """

    def __init__(self, text: str) -> None:
        super().__init__(None, None, Exception(text))
        self._text = text

    @override
    def __str__(self) -> str:
        return self._text


class Unreadable(Exception):
    """A payload whose key is gone, or that is not what was written there."""


class KeyPort(Protocol):
    """Keeps the key that master keys are wrapped with. Both methods raise ``KeyServiceError``."""

    @property
    def name(self) -> str:
        """Stands with every master key it wrapped."""

    def wrap(self, key: bytes) -> bytes:
        """Encrypt a master key."""

    def unwrap(self, wrapped: bytes) -> bytes:
        """The inverse of ``wrap``, whichever version of the port's own key wrapped it."""


class FilePort:
    """The installation's key file wraps (AES-256-GCM)."""

    name = "file"

    def __init__(self, keys: Keys) -> None:
        self._cipher = AESGCM(keys.derived(b"carepath master keys", 32))

    def wrap(self, key: bytes) -> bytes:
        """Encrypt a master key."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, key, b"master key")

    def unwrap(self, wrapped: bytes) -> bytes:
        """The inverse of ``wrap``."""
        try:
            return self._cipher.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], b"master key")
        except InvalidTag:
            raise KeyServiceError(
                "the key file is not the one that wrapped the master keys"
            ) from None


@dataclass(frozen=True, slots=True)
class DataKey:
    """A patient's key in the clear; ``wrapped`` is what is stored."""

    id: bytes
    wrapped: bytes = field(repr=False)
    _cipher: AESGCM = field(repr=False)

    def seal(self, content: bytes, about: bytes) -> bytes:
        """Encrypt a payload, bound to ``about``."""
        nonce = os.urandom(_NONCE)
        return b"".join((MARK, self.id, nonce, self._cipher.encrypt(nonce, content, about)))

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """The inverse of ``seal``. Raises ``Unreadable``."""
        nonce = len(MARK) + ID_BYTES
        begins = nonce + _NONCE
        try:
            return self._cipher.decrypt(sealed[nonce:begins], sealed[begins:], about)
        except InvalidTag:
            raise Unreadable(f"{about.decode()}: it is not what was written there") from None


@dataclass(frozen=True, slots=True)
class Master:
    """A master key as it is stored."""

    id: bytes
    port: str
    wrapped: bytes = field(repr=False)


class Keyring:
    """The keys in memory. ``ports``: the first wraps, all unwrap. ``find`` reads the master keys that are stored."""

    def __init__(self, ports: Sequence[KeyPort], find: Callable[[], Sequence[Master]]) -> None:
        self._wraps = ports[0]
        self._ports: Mapping[str, KeyPort] = {port.name: port for port in ports}
        self._find = find
        self._masters: dict[bytes, AESGCM] = {}
        self._data: dict[bytes, DataKey] = {}
        self.seals = False
        """Whether payloads are known to be encrypted here; else the database is asked."""

    def check(self) -> None:
        """Whether every master key can be had, and new ones be made. Raises ``KeyServiceError``."""
        probe = AESGCM.generate_key(256)
        if self._wraps.unwrap(self._wraps.wrap(probe)) != probe:
            raise KeyServiceError("the key service gives back something else than it was given")
        for stored in self._find():
            self.know(stored)

    def forget(self) -> None:
        """Keep nothing of it in memory."""
        self.seals = False
        self._masters, self._data = {}, {}

    def new_master(self) -> Master:
        """A new one, wrapped by the first port."""
        id_, key = secrets.token_bytes(ID_BYTES), AESGCM.generate_key(256)
        made = Master(id_, self._wraps.name, self._wraps.wrap(key))
        self._masters = {**self._masters, id_: AESGCM(key)}
        return made

    def know(self, master: Master) -> None:
        """Unwrap a master key that is stored. Raises ``KeyServiceError``."""
        if master.id in self._masters:
            return
        port = self._ports.get(master.port)
        if port is None:
            raise KeyServiceError(
                f"a master key was wrapped by {master.port!r}, which is not set up"
            )
        self._masters = {**self._masters, master.id: AESGCM(port.unwrap(master.wrapped))}

    def new_data_key(self, master: Master) -> DataKey:
        """A new key for a patient, under a master key that is known."""
        id_, key = secrets.token_bytes(ID_BYTES), AESGCM.generate_key(256)
        return self._keep(DataKey(id_, self._wrap(key, id_, master.id), AESGCM(key)))

    def data_key(self, id_: bytes, wrapped: bytes) -> DataKey:
        """What is stored under ``id_``. Raises ``KeyServiceError``; ``Unreadable`` when it is another's."""
        found = self._data.get(wrapped)
        if found is None or found.id != id_:
            found = self._keep(DataKey(id_, wrapped, AESGCM(self._unwrap(wrapped, id_))))
        return found

    def rewrap(self, id_: bytes, wrapped: bytes, master: Master) -> bytes:
        """The same data key under another master key."""
        return self._wrap(self._unwrap(wrapped, id_), id_, master.id)

    def _wrap(self, key: bytes, id_: bytes, master: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return b"".join((master, nonce, self._masters[master].encrypt(nonce, key, _about(id_))))

    def _unwrap(self, wrapped: bytes, id_: bytes) -> bytes:
        master, nonce, sealed = wrapped[:16], wrapped[16:28], wrapped[28:]
        if master not in self._masters:
            for stored in self._find():
                self.know(stored)
        if master not in self._masters:
            raise KeyServiceError("a data key's master key is gone")
        try:
            return self._masters[master].decrypt(nonce, sealed, _about(id_))
        except InvalidTag:
            raise Unreadable("a data key is not what was written there") from None

    def _keep(self, key: DataKey) -> DataKey:
        if len(self._data) >= _KEPT:
            self._data = {}
        self._data[key.wrapped] = key
        return key


def _about(id_: bytes) -> bytes:
    return b"data key|" + id_
