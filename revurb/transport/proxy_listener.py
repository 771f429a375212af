"""Listening for proxies that speak the PROXY protocol: their header comes ahead of everything, also of a TLS hello.

So it is read from the socket before the event loop has a transport for it, and not one byte more. A peer that is no
trusted proxy is served as it is: it has no header to send, and what it says about itself is not believed.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import Callable

from revurb.transport.listener import BACKLOG
from revurb.transport.peer_address import shown_address
from revurb.transport.trusted_proxies import TrustedProxies
from revurb.wire.proxy_header import MAX_V2_BYTES, ProxyHeader, ProxyHeaderError, read_proxy_header

_log = logging.getLogger(__name__)

ACCEPTS_PER_TURN = 64
RETRY_S = 1.0  # where no descriptor is left
# accept(2): errors of a connection that has gone already, and those that pass when others have ended.
_PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

ConnectionFactory = Callable[[str], asyncio.BaseProtocol]


class ProxyListener:
    """Accepts on a bound socket, until `close`, which leaves connections that are accepted already.

    `make` is called with the address of the client by the PROXY header, "" for the peer's own. `on_refused` is called
    with the proxy's address and the reason for each header that is wrong, late or missing; the connection is closed.
    """

    def __init__(
        self,
        make: ConnectionFactory,
        sock: socket.socket,
        tls: ssl.SSLContext | None,
        timeout_s: float,
        proxies: TrustedProxies,
        on_refused: Callable[[str, str], None],
    ) -> None:
        self._make = make
        self._socket = sock
        self._tls = None if sock.family == socket.AF_UNIX else tls
        self._timeout_s = timeout_s
        self._proxies = proxies
        self._on_refused = on_refused
        self._loop = asyncio.get_running_loop()
        self._openings: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._is_closed = False
        sock.setblocking(False)
        sock.listen(BACKLOG)
        self._loop.add_reader(sock, self._accept)

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._retry is not None:
            self._retry.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()

    async def settle(self, timeout_s: float) -> None:
        """Wait until whoever was accepted has been let in or refused, at most so long."""
        if self._openings:
            await asyncio.wait(tuple(self._openings), timeout=timeout_s)

    def abandon(self) -> None:
        """Drop connections whose header, or TLS handshake, is not there yet."""
        for opening in tuple(self._openings):
            opening.cancel()

    def _accept(self) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            try:
                sock, address = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _PASSING:
                    self._loop.remove_reader(self._socket)
                    self._retry = self._loop.call_later(RETRY_S, self._go_on)
                    return
                continue
            sock.setblocking(False)
            opening = self._loop.create_task(self._open(sock, shown_address(address)))
            self._openings.add(opening)
            opening.add_done_callback(self._openings.discard)

    def _go_on(self) -> None:
        self._retry = None
        if not self._is_closed:
            self._loop.add_reader(self._socket, self._accept)

    async def _open(self, sock: socket.socket, peer: str) -> None:
        source = ""
        try:
            if self._proxies.is_trusted(peer):
                async with asyncio.timeout(self._timeout_s):
                    header = await self._read_header(sock)
                if header.client is not None:
                    source = shown_address(header.client)
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except (ProxyHeaderError, TimeoutError, OSError) as error:
            sock.close()
            if isinstance(error, TimeoutError):
                self._on_refused(peer, f"it has not come whole within {self._timeout_s:g} s")
            elif isinstance(error, ProxyHeaderError):
                self._on_refused(peer, str(error))
            return
        except BaseException:
            sock.close()
            raise
        # As of any other client that ends, or does not do, its TLS handshake, nothing is said.
        with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
            await self._loop.connect_accepted_socket(
                lambda: self._make(source),
                sock,
                ssl=self._tls,
                ssl_handshake_timeout=self._timeout_s if self._tls is not None else None,
            )

    async def _read_header(self, sock: socket.socket) -> ProxyHeader:
        """Looks at what has come, and takes what belongs to the header. Raises ProxyHeaderError."""
        taken = b""
        while True:
            try:
                seen = sock.recv(MAX_V2_BYTES - len(taken), socket.MSG_PEEK)
            except (BlockingIOError, InterruptedError):
                await self._readable(sock)
                continue
            if not seen:
                if not taken:
                    raise ConnectionResetError  # a check of whether the port is open
                raise ProxyHeaderError("the connection ended in the middle of it")
            header = read_proxy_header(taken + seen)
            size = len(seen) if header is None else header.size_bytes - len(taken)
            taken += sock.recv(size)
            if header is not None:
                return header

    async def _readable(self, sock: socket.socket) -> None:
        readable = self._loop.create_future()
        self._loop.add_reader(sock, _set, readable)
        try:
            await readable
        finally:
            self._loop.remove_reader(sock)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
