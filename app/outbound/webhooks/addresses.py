"""Which addresses this service may connect to on behalf of a tenant, and what a URL may look like.

A receiver's URL is chosen by somebody else, and this service stands inside the company's network:
whatever is not a public address is refused, unless a setting allows its network. The address is
looked at where the socket is made, so that no second resolution can lead elsewhere.
"""

import socket
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

Address = IPv4Address | IPv6Address

URL_MAX_CHARS: Final = 2048

METADATA: Final = frozenset(
    map(ip_address, ("169.254.169.254", "fd00:ec2::254", "168.63.129.16", "100.100.100.200"))
)
"""Where clouds tell machines their secrets; one of them is a public address."""

_NEVER: Final = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "fec0::/10")))
"""Special ones that not every Python counts among those that are not global."""

_NAT64: Final = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_IPV4_COMPATIBLE: Final = ip_network("::/96")


class AddressRefused(OSError):
    """Nothing is sent there. Names no address: the tenant need not learn what a name leads to."""


class AddressGuard:
    def __init__(self, allowed: Sequence[str] = ()) -> None:
        """`allowed`: networks that are not asked about further."""
        self._allowed = [ip_network(network) for network in allowed]

    def allows(self, address: Address) -> bool:
        if any(address in network for network in self._allowed):
            return True
        return all(map(_is_public, (address, *_embedded(address))))

    def check(self, address: str) -> None:
        """AddressRefused. `address`: as a socket has it, perhaps with a scope."""
        if not self.allows(ip_address(address)):
            raise AddressRefused("the address is not a public one")

    def make_socket(self, info: tuple[Any, ...]) -> socket.socket:
        """The last word before a connection: this very address is connected to."""
        family, kind, protocol, _, address = info
        self.check(address[0])
        return socket.socket(family, kind, protocol)


class GuardedResolver(AbstractResolver):
    """A name that leads to one refused address is refused as a whole."""

    def __init__(self, guard: AddressGuard, resolver: AbstractResolver | None = None) -> None:
        self._guard = guard
        self._resolver = resolver or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for each in found:
            self._guard.check(each["host"])
        return found

    async def close(self) -> None:
        await self._resolver.close()


def url_error(url: str, guard: AddressGuard, *, allow_http: bool) -> str | None:
    """What is wrong with a receiver's URL, so far as can be told without resolving its name."""
    if len(url) > URL_MAX_CHARS:
        return f"must be at most {URL_MAX_CHARS} characters"
    if not url.isascii() or any(not "!" <= char <= "~" or char == "\\" for char in url):
        return "must be an ASCII URL without spaces: escape what is not"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "must be a URL, as https://example.org/hooks/funnel"
    if parts.scheme not in (("https", "http") if allow_http else ("https",)):
        return "must begin with https://"
    if not host or port == 0:
        return "must name a host, as https://example.org/hooks/funnel"
    if "@" in parts.netloc:
        return "must hold no user name or password: what comes is signed"
    if parts.fragment:
        return "must have no fragment (#…)"
    if (address := _literal(host)) is not None and not guard.allows(address):
        return "must lead to a public address, this one is refused"
    return None


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast or address in METADATA:
        return False
    return not any(address in network for network in _NEVER)


def _embedded(address: Address) -> Iterator[IPv4Address]:
    """IPv4 addresses that a way through IPv6 may end at."""
    if isinstance(address, IPv4Address):
        return
    packed = address.packed
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in _IPV4_COMPATIBLE or any(address in network for network in _NAT64):
        yield IPv4Address(packed[-4:])
