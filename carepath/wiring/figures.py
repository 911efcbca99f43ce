"""The figures of a process that is no server, at an address of their own."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from carepath.wiring.store import Unusable


@contextmanager
def served(registry: CollectorRegistry, address: str | None, setting: str) -> Iterator[None]:
    """At ``http://ADDRESS/metrics`` while inside; without an address no port is opened.

    ``setting`` is the name of what the address is set by. Raises ``Unusable``.
    """
    if address is None:
        yield
        return
    host, _, port = address.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host, registry)
    except OSError as fault:
        told = f"figures cannot be told at {address}: {fault.strerror}"
        raise Unusable(told, f"Set another {setting}.") from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
