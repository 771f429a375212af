"""Tells public addresses of the internet from those that a request to a URL of somebody else's must never reach.

A webhook goes to the URL that an app names. Without this check whoever writes that URL, or runs the name server of its
host, could have the server call what only the server can reach: its own loopback, the private network, the metadata of
a cloud (169.254.169.254). IANA's registries of special-purpose addresses (RFC 6890 and updates) say what is not public.
"""

from __future__ import annotations

import ipaddress

# Special purposes that not every Python 3.11 knows as such.
_IETF_IPV4 = ipaddress.IPv4Network("192.0.0.0/24")
_SPECIAL_IPV6 = (ipaddress.IPv6Network("2001::/23"), ipaddress.IPv6Network("3fff::/20"))
_CARRIER_GRADE_NAT = ipaddress.IPv4Network("100.64.0.0/10")  # RFC 6598
_NAT64 = ipaddress.IPv6Network(
    "64:ff9b::/96"
)  # RFC 6052: the last 32 bits are the IPv4 address that is reached
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215: of the network's own
_SITE_LOCAL = ipaddress.IPv6Network("fec0::/10")  # RFC 3879
_TRANSLATED = ipaddress.IPv6Network("::ffff:0:0:0/96")  # RFC 2765, as _NAT64
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that IANA has given out


def non_public_kind(address: str) -> str | None:
    """The kind of address, such as "loopback" or "private", if it is not a public one; None if it is. An IPv6 address
    that stands for one of IPv4 is of the kind of that. What is no address is of the kind "invalid"."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])  # a scope id has no part in it
    except ValueError:
        return "invalid"
    return _kind_of_ipv4(ip) if isinstance(ip, ipaddress.IPv4Address) else _kind_of_ipv6(ip)


def is_address(host: str) -> bool:
    """Whether a host is written as an address, so that no name has to be looked up."""
    try:
        return bool(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return False


def _kind_of_ipv4(ip: ipaddress.IPv4Address) -> str | None:
    if ip in _CARRIER_GRADE_NAT:
        return "carrier-grade NAT"
    if ip in _IETF_IPV4:
        return "private"
    return _kind_by_registry(ip)


def _kind_of_ipv6(ip: ipaddress.IPv6Address) -> str | None:
    if ip.ipv4_mapped is not None:
        return _kind_of_ipv4(ip.ipv4_mapped)
    if ip in _NAT64 or ip in _TRANSLATED:
        return _kind_of_ipv4(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    if ip in _LOCAL_NAT64:
        return "private"
    if ip.sixtofour is not None:  # 2002::/16
        return _kind_of_ipv4(ip.sixtofour)
    if ip.teredo is not None:  # 2001::/32: through a relay to any IPv4 address
        return "Teredo"
    if ip in _SITE_LOCAL or any(ip in network for network in _SPECIAL_IPV6):
        return "private"
    return _kind_by_registry(ip) or (None if ip in _GLOBAL_UNICAST else "reserved")


def _kind_by_registry(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str | None:
    if ip.is_unspecified:
        return "unspecified"
    if ip.is_loopback:
        return "loopback"
    if ip.is_link_local:
        return "link-local"
    if ip.is_multicast:
        return "multicast"
    if ip.is_reserved:
        return "reserved"
    if ip.is_private or not ip.is_global:
        return "private"
    return None
