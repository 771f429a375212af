"""The Unix socket at which the workers of a host reach its hub or relay: a path, or "@" and the name of a socket that
has no file. Such a name can be connected to by every user of the host, so both ends look at whose process the other
is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable

from revurb.bus.hub.framing import FramingError
from revurb.bus.hub.peer_credentials import is_own_peer

ProtocolFactory = Callable[[], asyncio.Protocol]
READ_BYTES = 256 * 1024


async def connect_to_host(address: str, protocol: ProtocolFactory) -> None:
    """Connect to whoever listens at `address`. Raises OSError."""
    loop = asyncio.get_running_loop()
    if not address.startswith("@"):
        await loop.create_unix_connection(protocol, address)
        return
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.connect("\0" + address[1:])  # at once, or an error
        if not is_own_peer(sock):
            raise PermissionError("the socket of this host belongs to somebody else")
        await loop.create_unix_connection(protocol, sock=sock)
    except BaseException:
        sock.close()
        raise


async def listen_on_host(place: str | socket.socket, protocol: ProtocolFactory) -> asyncio.AbstractServer:
    """Listen on a path, or on a bound socket. Raises OSError if the path cannot be used."""
    loop = asyncio.get_running_loop()
    if not isinstance(place, str):
        return await loop.create_unix_server(protocol, sock=place)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(place)  # left by one that was killed; the supervisor runs one at a time
    before = os.umask(0o177)
    try:
        return await loop.create_unix_server(protocol, place)
    finally:
        os.umask(before)


def read_rest(fd: int, receive: Callable[[bytes], object], is_wanted: Callable[[], bool]) -> None:
    """Give `receive` what a peer that has gone had sent and the event loop has not read, as long as it `is_wanted`. A
    loop that finds out by writing that the peer has gone closes the connection without that; `fd` is a duplicate of its
    descriptor, which still has it, and is closed."""
    try:
        while is_wanted() and (data := os.read(fd, READ_BYTES)):
            receive(data)
    except (OSError, FramingError):
        pass  # nothing more, or nothing that can be used
    finally:
        os.close(fd)
