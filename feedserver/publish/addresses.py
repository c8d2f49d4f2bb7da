"""Which addresses a person may make us connect to: public ones, and networks that the operator allows; all else is refused (S51, S55). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ip_network("2000::/3")
# Python 3.11 calls these global; none is where a calendar or a receiver lives: protocol assignments, relays, tunnels, benchmarks, documentation.
_NEVER = tuple(
    ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "2001::/23", "2002::/16", "2001:db8::/32", "3fff::/20", "5f00::/16")
)


def parse(text: str) -> Address:
    """An address as the resolver or the socket gives it (`fe80::1%eth0` too); raises ValueError."""
    return ip_address(text.partition("%")[0])


def embedded(address: Address) -> Address:
    """The IPv4 address that really is reached: of an IPv4-mapped one, and of one that a NAT64 gateway translates (RFC 6052)."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether everybody on the Internet reaches it."""
    address = embedded(address)
    if any(address in network for network in _NEVER):
        return False
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def is_allowed(address: Address, networks: Iterable[Network]) -> bool:
    """Whether the operator's `networks` name it."""
    return any(embedded(address) in network or address in network for network in networks)
