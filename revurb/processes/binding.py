"""The addresses of a server with several workers, bound once and kept for as long as it runs.

Plan: each worker has sockets of its own on the same addresses (SO_REUSEPORT), so that the kernel spreads the clients
over the workers. The supervisor holds all of them open: a socket stays where it is while its worker is replaced, and
no client is ever refused.
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
    """Bound sockets: `slots[n]` are those of worker n, one for each address of the host; `unix` is for all of them."""

    port: int
    slots: tuple[tuple[socket.socket, ...], ...]
    unix: socket.socket | None

    def fds(self) -> tuple[int, ...]:
        """Every descriptor, for a process that is to inherit them."""
        of_slots = [sock.fileno() for slot in self.slots for sock in slot]
        return (*of_slots, *([] if self.unix is None else [self.unix.fileno()]))

    def close(self) -> None:
        """Give the addresses back, and remove the Unix socket."""
        for slot in self.slots:
            for sock in slot:
                sock.close()
        if self.unix is not None:
            with contextlib.suppress(OSError):
                os.unlink(self.unix.getsockname())
            self.unix.close()


def bind(host: str, port: int, unix_socket: str | None, unix_socket_mode: int, count: int) -> Binding:
    """Bind for `count` workers; port 0 picks a free one. Raises ListenError if an address is not to be had."""
    slots: list[tuple[socket.socket, ...]] = []
    try:
        addresses = _addresses(host, port)
        if port != 0:
            for family, address in addresses:
                _bound(
                    family, address, shared=False
                ).close()  # SO_REUSEPORT would join another server of ours
        for _ in range(count):
            slot: list[socket.socket] = []
            slots.append(())
            for family, address in addresses:
                sock = _bound(family, (address[0], port, *address[2:]), shared=True)
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
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((int(family), tuple(address)) for family, _, _, _, address in found))


def _bound(family: int, address: tuple[Any, ...], *, shared: bool) -> socket.socket:
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
