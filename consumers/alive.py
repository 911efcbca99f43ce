"""A sign of life that another process on the machine can see: a file, touched while all is well."""

import hashlib
import tempfile
import time
from pathlib import Path


class Sign:
    """The sign of the worker of that name."""

    def __init__(self, worker: str) -> None:
        name = hashlib.sha256(worker.encode()).hexdigest()[:16]
        self._file = Path(tempfile.gettempdir()) / f"carepath-worker-{name}"

    def show(self) -> None:
        """All is well now."""
        self._file.touch()

    def remove(self) -> None:
        """The worker ends."""
        self._file.unlink(missing_ok=True)

    def seen(self, within: float) -> bool:
        """Whether all was well within the last so many seconds."""
        try:
            return time.time() - self._file.stat().st_mtime < within
        except FileNotFoundError:
            return False
