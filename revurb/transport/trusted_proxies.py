"""Whose word is taken on the address of a client, and what they say (`server.trusted_proxies`).

A proxy appends the address that it sees to "X-Forwarded-For", so that the right end of the list is true and the left
end is whatever the client has sent. From the right, the first address that is no trusted proxy is the client's.
"Forwarded" (RFC 7239) is read where there is no "X-Forwarded-For", in the same way: few proxies write it, and one that
does not passes on what its client has made up.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

ANY, UNIX = "*", "unix"
MAX_FIELD_CHARS = 2048  # of either header, from its right end: 40 of the longest addresses
UNIX_PEER = "unix socket"

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
# One parameter of an element of `Forwarded`: its name, and its value in quotes or without.
_PARAMETER = re.compile(r"""\s*([^\s=;,"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;,"\s]*))\s*(?:;|$)""")


class TrustedProxies:
    """`entries` are addresses, networks, "unix" for the peers of a Unix socket, and "*" for all peers. Of what a header
    says "*" trusts nothing: as in Laravel, the last address in it is the client's then. Raises ValueError."""

    def __init__(self, entries: Iterable[str]) -> None:
        entries = tuple(entries)
        self.trusts_all = ANY in entries
        self._trusts_unix = self.trusts_all or UNIX in entries
        self._networks: tuple[_Network, ...] = tuple(
            ipaddress.ip_network(entry, strict=False) for entry in entries if entry not in (ANY, UNIX)
        )
        self.is_trusted = functools.lru_cache(maxsize=256)(self._is_trusted)
        self._forwarded = functools.lru_cache(maxsize=1024)(self._read)

    def __bool__(self) -> bool:
        return self.trusts_all or self._trusts_unix or bool(self._networks)

    def _is_trusted(self, peer: str) -> bool:
        """Whether a peer is one of the proxies: its address, with or without a port, or UNIX_PEER."""
        if peer == UNIX_PEER:
            return self._trusts_unix
        address = address_in(peer)
        return address is not None and (self.trusts_all or self.is_listed(address))

    def lists(self, client: str) -> bool:
        """Whether the address of a client, with or without a port, is one of the entries, or in one: "*" is none."""
        address = address_in(client)
        return address is not None and self.is_listed(address)

    def client_of(self, peer: str, headers: Mapping[str, str]) -> str:
        """The address of the client whose request `peer` has sent; `peer` itself where it is no trusted proxy, or says
        nothing of use."""
        forwarded_for, forwarded = headers.get("x-forwarded-for"), headers.get("forwarded")
        if (forwarded_for is None and forwarded is None) or not self.is_trusted(_without_port(peer)):
            return peer
        if forwarded_for is not None:
            return self._forwarded(_right_end(forwarded_for), False) or peer
        assert forwarded is not None
        return self._forwarded(_right_end(forwarded), True) or peer

    def _read(self, field: str, is_forwarded: bool) -> str | None:
        """What a header says, None if it is of no use. What is left of something that is no address is not believed."""
        nearest: str | None = None
        for hop in _forwarded_hops(field) if is_forwarded else reversed(field.split(",")):
            text = hop.strip()
            address = address_in(text)
            if address is None:
                break
            nearest = _shown(text, address)
            if not self.is_listed(address):
                break
        return nearest

    def is_listed(self, address: _Address) -> bool:
        """Whether it is one of the entries, or in one."""
        return any(address in network for network in self._networks)


def _right_end(field: str) -> str:
    """As much of a header as is read, without half an address at its left."""
    if len(field) <= MAX_FIELD_CHARS:
        return field
    _, _, whole = field[-MAX_FIELD_CHARS:].partition(",")
    return whole


def address_in(text: str) -> _Address | None:
    """The address of `192.0.2.7`, `192.0.2.7:50123`, `2001:db8::7`, `[2001:db8::7]` or `[2001:db8::7]:50123`; None if
    it is none of them. One of IPv4 that is written as IPv6 (`::ffff:192.0.2.7`) is of IPv4."""
    try:
        address = ipaddress.ip_address(_without_port(text))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            address = ipaddress.IPv6Address(int(address))
        return address.ipv4_mapped or address
    return address


def _without_port(text: str) -> str:
    if text.startswith("["):
        host, closed, port = text[1:].partition("]")
        return host if closed and (not port or _is_port(port[:1], port[1:])) else ""
    host, colon, port = text.partition(":")
    if colon and ":" not in port:
        return host if _is_port(colon, port) else ""
    return text


def _is_port(colon: str, port: str) -> bool:
    return colon == ":" and port.isascii() and port.isdecimal() and len(port) <= 5


def _shown(text: str, address: _Address) -> str:
    """`192.0.2.7`, or `192.0.2.7:50123` where the proxy says the port too."""
    port = text.rpartition(":")[2] if text.endswith(tuple("0123456789")) and _has_port(text) else ""
    host = f"[{address}]" if address.version == 6 and port else str(address)
    return f"{host}:{port}" if port else host


def _has_port(text: str) -> bool:
    return "]:" in text or text.count(":") == 1


def _forwarded_hops(field: str) -> Iterator[str]:
    """What the elements of a "Forwarded" field say behind `for=`, from the right; "" for one that says nothing there.

    From the right also in quotes: what is quoted in the last element is the proxy's, and an open quote of the client's
    further left changes nothing in it."""
    end, quoted = len(field), False
    for at in range(len(field) - 1, -1, -1):
        char = field[at]
        if char == '"' and field[at - 1 : at] != "\\":
            quoted = not quoted
        elif char == "," and not quoted:
            yield _for_in(field[at + 1 : end])
            end = at
    yield _for_in(field[:end])


def _for_in(element: str) -> str:
    at = 0
    while found := _PARAMETER.match(element, at):
        if found[1].lower() == "for":
            return found[2] or found[3] or ""
        at = found.end()
    return ""
