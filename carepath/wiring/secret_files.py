"""Files with secrets: nobody but their owner, and the owner's group, may come near them.

A container's own (``/run/secrets``) are let be: orchestrators mount them readable for every user of a container,
which has one.
"""

import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from carepath.settings import SECRETS, Settings

FILES: Final = (
    "kafka_key_file",
    "mllp_key_file",
    "edi_key_file",
    "oidc_private_key_file",
    "vault_token_file",
    "client_key_file",
)
"""Settings that name one, besides the installation's key."""


def shown(settings: Settings, *others: Path) -> Iterable[Path]:
    """The secret files that everybody on this machine can read or change, of those that are there."""
    named = (getattr(settings, name) for name in FILES)
    return [path for path in (*others, *named) if path is not None and _is_shown(path)]


def _is_shown(path: Path) -> bool:
    if SECRETS in path.absolute().parents:
        return False
    try:
        return bool(path.stat().st_mode & stat.S_IRWXO)
    except OSError:  # whoever reads it says what is wrong
        return False
