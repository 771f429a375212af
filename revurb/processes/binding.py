"""The addresses of a server with several workers, bound once and kept until the server ends.

Each worker has its own sockets on the same addresses (SO_REUSEPORT), so that the kernel spreads clients over the
workers. The supervisor keeps all of them open: the queue of a socket stays while its worker is replaced, and no client
is refused.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from revurb.transport.listener import ListenError, bind_tcp, bind_unix


@dataclass(frozen=True, slots=True)
class Binding:
    """Bound sockets. `slots[n]` has those of worker n, one for each address. All workers share `unix`."""

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


def bind(
    hosts: Sequence[str], port: int, unix_socket: str | None, unix_socket_mode: int, count: int
) -> Binding:
    """Bind the addresses of `hosts` for `count` workers. Port 0 takes a free port, the same for all. Raises ListenError
    if an address or the Unix socket cannot be bound."""
    slots: list[tuple[socket.socket, ...]] = []
    try:
        if port != 0:
            # Fails if the port is taken, also by another server of this user: SO_REUSEPORT would share it.
            for sock in bind_tcp(hosts, port):
                sock.close()
        for _ in range(count):
            slots.append(bind_tcp(hosts, port, is_shared=True))
            port = slots[-1][0].getsockname()[1]
        unix = None if unix_socket is None else bind_unix(unix_socket, unix_socket_mode)
    except ListenError:
        Binding(port, tuple(slots), None).close()
        raise
    return Binding(port, tuple(slots), unix)
