"""The addresses of a server with several workers, bound once and kept until the server ends.

Each worker has its own sockets on the same addresses (SO_REUSEPORT), so that the kernel spreads clients over the
workers. The supervisor keeps all of them open: the queue of a socket stays while its worker is replaced, and no client
is refused.
"""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass
from typing import Any

from revurb.transport.listener import ListenError, bind_unix, reason


@dataclass(frozen=True, slots=True)
class Binding:
    """Bound sockets. `slots[n]` has those of worker n, one for each address of the host. All workers share `unix`."""

    port: int
    slots: tuple[tuple[socket.socket, ...], ...]
    unix: socket.socket | None

    def fds(self) -> tuple[int, ...]:
        """The descriptors of all sockets, for a child process to inherit."""
        tcp = [sock.fileno() for slot in self.slots for sock in slot]
        return (*tcp, *([] if self.unix is None else [self.unix.fileno()]))

    def close(self) -> None:
        """Close all sockets and remove the file of the Unix socket."""
        for slot in self.slots:
            for sock in slot:
                sock.close()
        if self.unix is not None:
            with contextlib.suppress(OSError):
                os.unlink(self.unix.getsockname())
            self.unix.close()


def bind(host: str, port: int, unix_socket: str | None, unix_socket_mode: int, count: int) -> Binding:
    """Bind the addresses of `host` for `count` workers. Port 0 takes a free port, the same for all. Raises ListenError
    if an address or the Unix socket cannot be bound."""
    slots: list[tuple[socket.socket, ...]] = []
    try:
        addresses = _addresses(host, port)
        if port != 0:
            for family, address in addresses:
                # Fails if the port is taken, also by another server of this user: SO_REUSEPORT would share it.
                _bind_socket(family, address, shared=False).close()
        for _ in range(count):
            slot: list[socket.socket] = []
            slots.append(())
            for family, address in addresses:
                sock = _bind_socket(family, (address[0], port, *address[2:]), shared=True)
                slot.append(sock)
                slots[-1] = tuple(slot)
                port = sock.getsockname()[1]
        unix = None if unix_socket is None else bind_unix(unix_socket, unix_socket_mode)
    except (OSError, OverflowError) as error:
        Binding(port, tuple(slots), None).close()
        raise ListenError(f"cannot listen on {host}:{port}: {reason(error)}") from error
    except ListenError:
        Binding(port, tuple(slots), None).close()
        raise
    return Binding(port, tuple(slots), unix)


def _addresses(host: str, port: int) -> list[tuple[int, tuple[Any, ...]]]:
    infos = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((int(family), tuple(address)) for family, _, _, _, address in infos))


def _bind_socket(family: int, address: tuple[Any, ...], *, shared: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
