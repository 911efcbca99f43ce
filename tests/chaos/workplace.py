"""Where a run has its data and logs: gone afterwards, unless something was wrong."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tests.servers import keep_bytecode


@dataclass(slots=True)
class Workplace:
    """``keep``: what is in the folder is still needed."""

    folder: Path
    keep: bool = True


@contextmanager
def workplace() -> Iterator[Workplace]:
    """A folder of our own. It is kept when the block is left by an exception, or ``keep`` is set."""
    root = os.environ.get("PYTEST_DEBUG_TEMPROOT") or None
    place = Workplace(Path(tempfile.mkdtemp(prefix="carepath-chaos-", dir=root)))
    place.folder.chmod(0o711)  # PostgreSQL's own user must reach its data in there
    keep_bytecode(place.folder)
    try:
        yield place
    finally:
        if place.keep:
            Console(stderr=True).print(f"kept: {place.folder}")
        else:
            shutil.rmtree(place.folder)
