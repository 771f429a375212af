"""Opens the WebSocket of a client, with the library websockets.

Why not our own framer: it is the server's half (it unmasks, and masks nothing), and here nothing depends on its
speed. It is loaded with the first connection. Compression is off, as the server has it unless it is asked for:
events are small.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from revurb.observe.connection_errors import describe_error
from revurb.pusher_client.client_errors import ClientError
from revurb.version import __version__

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
CLOSE_TIMEOUT_S = 1.0  # so that closing does not wait for a server that does not answer
ALLOWED_URL = "a URL such as wss://ws.example.com"


class DialFailed(ClientError):
    """There is no connection. The text is the reason, in a few words."""


@dataclass(frozen=True, slots=True)
class Dialer:
    """Where to connect to. `url` is that of the server, with the prefix of its paths if it has one; `open_socket`
    gives a socket that is connected already, within seconds, and may block."""

    url: str
    key: str
    tls: ssl.SSLContext | None = None
    timeout_s: float = 10.0
    open_socket: Callable[[float], socket.socket] | None = None

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            is_url = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_url = False
        if not is_url or parts.query or parts.fragment:
            raise ValueError(f"Client.url: found {self.url!r}; allowed: {ALLOWED_URL}")

    @property
    def target(self) -> str:
        """The URL that the WebSocket is opened with."""
        path = f"/app/{quote(self.key, safe='')}?protocol=7&client=revurb&version={__version__}"
        return self.url.rstrip("/") + path

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[ClientConnection]:
        """A connection, closed at the end. Raises DialFailed."""
        connection = await self._open()
        async with connection:
            yield connection

    async def _open(self) -> ClientConnection:
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI

        opened: socket.socket | None = None
        try:
            if self.open_socket is not None:
                opened = await asyncio.to_thread(self.open_socket, self.timeout_s)
            return await connect(
                self.target,
                sock=opened,
                # websockets takes no context for plain TCP, and makes one of its own for None.
                ssl=self.tls if self.tls is not None or self.url.startswith("ws:") else True,
                compression=None,
                open_timeout=self.timeout_s,
                close_timeout=CLOSE_TIMEOUT_S,
                ping_interval=None,  # Pusher has pings of its own
                max_size=MAX_MESSAGE_BYTES,
                proxy=None,  # the server is usually on this host or network, behind any proxy of the environment
            )
        except InvalidStatus as error:
            raise DialFailed(f"the server answered {error.response.status_code}") from error
        except (OSError, UnicodeError, InvalidHandshake, InvalidURI) as error:
            raise DialFailed(describe_error(error, self.timeout_s)) from error
