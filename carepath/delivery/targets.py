"""Whom a rest-hook may call: https, and public addresses only, so that nobody has us call what they cannot reach.

The operator may name private networks besides (``Reach``).

``problem`` judges a URL as it is written. What its host's name stands for is judged when it is called: ``Guarded``
resolves it once, looks at every address, and connects to one of those; nothing asks for the name again, so it cannot
mean something else meanwhile. https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import asyncio
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import httpcore
import httpx
from httpcore import SOCKET_OPTION, AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream
from typing_extensions import override

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LONGEST: Final = 2048
"""Characters of a URL."""
_NAT64: Final = ip_network("64:ff9b::/96")
_UNICAST: Final = ip_network("2000::/3")
"""All of IPv6 that is given out. https://www.iana.org/assignments/ipv6-address-space"""
_BESIDES: Final = (
    ip_network("168.63.129.16/32"),  # Azure's own services, the metadata among them
    ip_network("192.0.0.0/24"),  # protocols' own; Oracle's metadata
    ip_network("192.88.99.0/24"),  # 6to4 relays
    ip_network("2001::/32"),  # Teredo, which leads to any IPv4 address; so does the next
    ip_network("2002::/16"),  # 6to4
    ip_network("3fff::/20"),  # documentation
)
"""Not public, or not for us, whatever ``ipaddress`` says of them."""
_NEVER: Final = tuple(
    ip_network(one)
    for one in (
        *("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32"),
        *("::/127", "::ffff:0:0/96", "64:ff9b::/96", "fe80::/10", "ff00::/8"),
        *("168.63.129.16/32", "192.0.0.0/24", "100.100.100.200/32", "fd00:ec2::/32"),  # of clouds
    )
)
"""Whatever network it is in: this machine, its link, groups, and where clouds tell their secrets."""
_RESOLVERS: Final = 16  # names at once; threads of their own, so that slow ones hold up nobody else
_TRIED: Final = 4  # addresses of a name


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be called besides public addresses. ``loopback``: this machine, without TLS too; for tests.

    ``private``: networks of the operator's own, such as a health network, over https.
    """

    loopback: bool = False
    private: tuple[Network, ...] = ()

    def holds(self, address: Address) -> bool:
        """Whether an address may be called."""
        if is_public(address) or (self.loopback and address.is_loopback):
            return True
        own = any(address in network for network in self.private)
        return own and not any(address in one for one in _NEVER)


PUBLIC: Final = Reach()
"""Public addresses alone."""


class Forbidden(httpcore.ConnectError):
    """The name stands for an address that must not be called."""


class Unresolved(httpcore.ConnectError):
    """The name stands for no address."""


def problem(url: str, *, reach: Reach) -> str | None:
    """What is wrong with a rest-hook's URL; ``None``: it may be called, if its addresses may."""
    if len(url) > LONGEST or not url.isprintable() or any(c in url for c in " \\"):
        return f"is no URL of at most {LONGEST} characters"
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):  # the latter from its host or port
        return "is no URL"
    host = parsed.raw_host.decode("ascii")
    if parsed.userinfo or "@" in parsed.netloc.decode("ascii"):
        return "must not have a user or a password; send a header instead"
    if parsed.port is not None and not 0 < parsed.port < 65536:
        return "has no port that can be called"
    here = reach.loopback and _is_loopback(host)
    if parsed.scheme != "https" and not (here and parsed.scheme == "http"):
        return "must begin with https://"
    return None if here else _host_problem(host, reach)


def _is_loopback(host: str) -> bool:
    return host == "localhost" or ((literal := _literal(host)) is not None and literal.is_loopback)


def _host_problem(host: str, reach: Reach) -> str | None:
    literal = _literal(host)
    if literal is not None:
        return None if reach.holds(literal) else "must not be an address that is not public"
    labels = host.split(".")
    last = labels[-1]
    if "" in labels or len(labels) < 2 or ":" in host or "%" in host:
        return "must name its host in full, without a dot at the end"
    if last.isdigit() or last.startswith("0x"):  # read as an address by many, in as many ways
        return "must name its host, or write its address as four decimal numbers"
    if last == "localhost" or (last in {"local", "internal"} and not reach.private):
        return "must not name a host that is not public"
    return None


def _literal(host: str) -> Address | None:
    """An address; with a zone it is none."""
    try:
        return None if "%" in host else ip_address(host)
    except ValueError:
        return None


def is_public(address: Address) -> bool:
    """Whether anybody on the Internet could call it: not ours, not a network's own, not reserved, not of a cloud."""
    if isinstance(address, IPv6Address):
        inner = IPv4Address(address.packed[-4:]) if address in _NAT64 else address.ipv4_mapped
        if inner is not None:
            return is_public(inner)
        if address not in _UNICAST:
            return False
    special = address.is_multicast or address.is_reserved or address.is_loopback
    return address.is_global and not special and not any(address in one for one in _BESIDES)


class Guarded(AsyncNetworkBackend):
    """Connects where it may: httpcore asks it for every connection, with the name that TLS then checks."""

    def __init__(self, *, reach: Reach) -> None:
        self._reach = reach
        self._network = AnyIOBackend()
        self._resolvers = ThreadPoolExecutor(_RESOLVERS, "resolve")

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Raises ``Forbidden`` when any of the host's addresses is out of reach, ``Unresolved``, ``ConnectError``."""
        addresses = await self._addresses(host, port)
        fault: Exception = Unresolved("no address")
        for address in addresses[:_TRIED]:
            try:
                return await self._network.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as refused:
                fault = refused
        raise fault

    @override
    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> list[Address]:
        look_up = asyncio.get_running_loop().run_in_executor
        try:
            found = await look_up(self._resolvers, _resolve, host, port)
        except (OSError, UnicodeError):
            raise Unresolved("no address") from None
        if not all(map(self._reach.holds, found)):
            raise Forbidden("an address out of reach")
        return found

    def close(self) -> None:
        """Wait for no name any more."""
        self._resolvers.shutdown(wait=False, cancel_futures=True)


def _resolve(host: str, port: int) -> list[Address]:
    """Every address once, in the order in which they are to be tried."""
    told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(address) for address in dict.fromkeys(str(to[0]) for *_, to in told)]
