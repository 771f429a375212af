"""Listening on TCP addresses and Unix sockets."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from collections.abc import Callable, Iterable
from ssl import SSLContext
from typing import Any, Protocol

BACKLOG = 4096  # clients come back all at once after a restart; the kernel caps it at net.core.somaxconn
PORT_ATTEMPTS = 10  # to find a port that is free on several addresses

ProtocolFactory = Callable[[], asyncio.BaseProtocol]


class Listener(Protocol):
    """Accepts clients on a bound socket, which it owns."""

    def close(self) -> None:
        """Stop accepting. Clients that are connected stay."""


class ListenError(OSError):
    """An address cannot be listened on; the text names it and the reason."""


async def listen_on(
    factory: ProtocolFactory, sock: socket.socket, tls: SSLContext | None, handshake_timeout_s: float
) -> Listener:
    """Listen on a bound socket, which the returned listener closes. A Unix socket has no TLS; elsewhere a client whose
    TLS handshake takes longer than `handshake_timeout_s` is dropped."""
    loop = asyncio.get_running_loop()
    if sock.family == socket.AF_UNIX:
        return await loop.create_unix_server(factory, sock=sock, backlog=BACKLOG)
    return await loop.create_server(
        factory,
        sock=sock,
        ssl=tls,
        ssl_handshake_timeout=handshake_timeout_s if tls else None,  # refused without TLS
        backlog=BACKLOG,
    )


def bind_tcp(hosts: Iterable[str], port: int, *, is_shared: bool = False) -> tuple[socket.socket, ...]:
    """Bound sockets, one for each address of `hosts`, all on the same port; port 0 picks a free one. "::" is all
    addresses of both families, as PHP has it. With `is_shared`, other sockets may be bound to the same addresses
    (SO_REUSEPORT). Raises ListenError; nothing is left open then."""
    is_port_free = port == 0
    for attempt in range(PORT_ATTEMPTS):
        sockets: list[socket.socket] = []
        host = ""
        try:
            for host in hosts:
                for family, address in _addresses(host, port):
                    if any(sock.getsockname()[:2] == (address[0], port) for sock in sockets):
                        continue  # two hosts that are the same
                    sockets.append(_bind(family, (address[0], port, *address[2:]), is_shared))
                    port = sockets[0].getsockname()[1]
        except (OSError, OverflowError) as error:
            for sock in sockets:
                sock.close()
            taken = getattr(error, "errno", None) == errno.EADDRINUSE
            if is_port_free and taken and sockets and attempt + 1 < PORT_ATTEMPTS:
                port = 0  # it was free on the first address only
                continue
            shown = f"[{host}]" if ":" in host else host
            raise ListenError(f"cannot listen on {shown}:{port}: {reason(error)}") from error
        break
    return tuple(sockets)


def _addresses(host: str, port: int) -> list[tuple[int, tuple[Any, ...]]]:
    if host == "::":
        return [(socket.AF_INET6, ("::", port, 0, 0)), (socket.AF_INET, ("0.0.0.0", port))]
    # Bytes are taken as they are. For a text the IDNA codec would be loaded, with 0.9 MiB of tables.
    name = host.encode("ascii") if host.isascii() else host
    infos = socket.getaddrinfo(name or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((int(family), tuple(address)) for family, _, _, _, address in infos))


def _bind(family: int, address: tuple[Any, ...], is_shared: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def bind_unix(path: str, mode: int) -> socket.socket:
    """A bound Unix socket with permissions `mode`. Replaces a socket file that no process listens on. Raises
    ListenError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        sock.bind(path)
        os.chmod(path, mode)
    except OSError as error:
        sock.close()
        raise ListenError(f"cannot listen on the Unix socket {path}: {reason(error)}") from error
    return sock


def _remove_stale(path: str) -> None:
    try:
        is_socket = stat.S_ISSOCK(os.stat(path).st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise FileExistsError(f"{path} exists and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        else:
            raise OSError("another server is listening on it")


def reason(error: Exception) -> str:
    """`address already in use`, without the number and the address."""
    if isinstance(error, socket.gaierror):  # its number is not one of the system's
        return str(error.strerror).lower()
    number = getattr(error, "errno", None)
    return os.strerror(number).lower() if number is not None else str(error)
