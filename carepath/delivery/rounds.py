"""Work that is looked for again and again, on a thread of its own: the watch over promises, and calling people.

A fault is logged and tried again, less and less often. Several processes can do the same work side by side.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger()

LONGEST_PAUSE = 60.0


class Rounds:
    """Does ``work`` until it finds nothing to do, then looks again after ``poll`` seconds.

    ``work`` says how much it did; ``done`` is called after anything was.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], int],
        *,
        poll: float = 5.0,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        self._name, self._work, self._poll, self._done = name, work, poll, done
        self._ended = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Work while inside; a round that has begun is finished."""
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _run(self) -> None:
        pause = self._poll
        while not self._ended.wait(pause):
            pause = self._attempt(pause)

    def _attempt(self, pause: float) -> float:
        """One go at it; the time to wait before the next."""
        try:
            while not self._ended.is_set() and self._work():
                self._done()
        except Exception:
            log.exception("round failed", of=self._name, again_in_seconds=pause)
            return min(pause * 2, LONGEST_PAUSE)
        return self._poll
