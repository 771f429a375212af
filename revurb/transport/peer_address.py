"""The address of a peer as text. Behind a proxy it is the proxy's: see proxied_connection.py."""

from __future__ import annotations

import asyncio
from typing import Any


def peer_of(transport: asyncio.BaseTransport) -> str:
    """`192.0.2.7:50123` or `[2001:db8::7]:50123`; "unix socket" for a peer of one, and "" where it has gone."""
    return shown_address(transport.get_extra_info("peername"))


def shown_address(address: Any) -> str:
    """The same for an address as sockets have it; "" for None."""
    if isinstance(address, tuple):
        host, port = address[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return "" if address is None else "unix socket"
