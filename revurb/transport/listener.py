"""Listening on TCP addresses and Unix sockets."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import Callable
from ssl import SSLContext

BACKLOG = 4096  # clients come back all at once after a restart; the kernel caps it at net.core.somaxconn

ProtocolFactory = Callable[[], asyncio.BaseProtocol]


class ListenError(Exception):
    """An address cannot be listened on; the text names it and the reason."""


async def listen_tcp(
    factory: ProtocolFactory, host: str, port: int, tls: SSLContext | None, handshake_timeout_s: float
) -> tuple[asyncio.Server, int]:
    """Listen on `host`:`port`; port 0 picks a free one. A client whose TLS handshake takes longer than
    `handshake_timeout_s` is dropped. Returns the server and the port. Raises ListenError."""
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(
            factory,
            host,
            port,
            ssl=tls,
            ssl_handshake_timeout=handshake_timeout_s if tls else None,  # refused without TLS
            backlog=BACKLOG,
            reuse_address=True,
        )
    except (OSError, OverflowError) as error:
        raise ListenError(f"cannot listen on {host}:{port}: {reason(error)}") from error
    return server, server.sockets[0].getsockname()[1]


async def listen_on(
    factory: ProtocolFactory, sock: socket.socket, tls: SSLContext | None, handshake_timeout_s: float
) -> asyncio.AbstractServer:
    """Listen on a bound socket, which the returned server closes. A Unix socket has no TLS; elsewhere a client whose
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
