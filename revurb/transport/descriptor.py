"""The descriptor of a transport's socket, without the object that uvloop makes of it.

uvloop makes a socket object for who asks for one, and keeps it with the transport: 2 us and 80 bytes for each
connection. But it knows its transports by their descriptors, in a WeakValueDictionary, and so each has a weak reference
whose key that is. Whether it still does so is found out with the first transport; where it does not, the socket is
asked.
"""

from __future__ import annotations

import asyncio
from weakref import KeyedRef, getweakrefs

_is_key: bool | None = None  # whether that key is the descriptor; None before the first that has one


def descriptor_of(transport: asyncio.BaseTransport) -> int:
    """The descriptor of an open transport. It stays the transport's."""
    global _is_key
    if _is_key and len(references := getweakrefs(transport)) == 1 and type(references[0]) is KeyedRef:
        known: int = references[0].key  # as `_key_of`, without the call
        return known
    key = -1 if _is_key is False else _key_of(transport)
    descriptor: int = transport.get_extra_info("socket").fileno()
    if key >= 0:
        _is_key = key == descriptor
    return descriptor


def plain_descriptor_of(transport: asyncio.BaseTransport) -> int:
    """The same where what is written to it goes to the peer as it is; -1 with TLS, whose transports have none."""
    if _is_key and len(references := getweakrefs(transport)) == 1 and type(references[0]) is KeyedRef:
        known: int = references[0].key  # without TLS: only the transports of sockets are numbered
        return known
    return descriptor_of(transport) if transport.get_extra_info("sslcontext") is None else -1


def _key_of(transport: asyncio.BaseTransport) -> int:
    """That of the one reference that there is; -1 if there is none, or it has no such key."""
    references = getweakrefs(transport)
    if len(references) == 1 and type(references[0]) is KeyedRef:
        key = references[0].key
        if type(key) is int:
            return key
    return -1
