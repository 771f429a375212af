"""Bounds what a receiver may make this process parse. aiohttp has limits for one header and for their number; for all
the bytes of an answer it has none: a receiver that says `100 Continue` for ever, or sends chunks of one byte, keeps the
event loop busy for as long as the request may take.
"""

from __future__ import annotations

import functools
import socket
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

MAX_ANSWER_BYTES = 98_304  # head and body
# What is read in one turn of the loop is the kernel's buffer at most, twice this: 650 heads without a header, 10 ms.
RECEIVE_BUFFER_BYTES = 8192


class AnswerTooLargeError(aiohttp.ClientError):
    """More than `MAX_ANSWER_BYTES` came."""


class BoundedConnector(aiohttp.TCPConnector):
    """Ends a connection on which more comes for one request than may."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # Nothing public makes the protocol of a connection; a test fails should this have no effect any more.
        self._factory = functools.partial(_BoundedHandler, loop=self._loop)  # type: ignore[assignment]


class _BoundedHandler(ResponseHandler):
    """The protocol of one connection."""

    def __init__(self, loop: Any) -> None:
        super().__init__(loop)
        self._left_bytes = MAX_ANSWER_BYTES

    def set_response_params(self, **params: Any) -> None:
        """A request begins."""
        self._left_bytes = MAX_ANSWER_BYTES
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """The part of the data that may still come goes on; with more the connection ends."""
        left_bytes = self._left_bytes
        self._left_bytes -= len(data)
        if left_bytes <= 0:
            return
        super().data_received(data[:left_bytes] if self._left_bytes < 0 else data)
        if self._left_bytes <= 0 and self.transport is not None:
            self.set_exception(AnswerTooLargeError(f"answered with more than {MAX_ANSWER_BYTES} bytes"))
            transport: Any = self.transport
            transport.abort()


def small_socket(family: int, kind: int, proto: int) -> socket.socket:
    """A socket whose kernel holds little that was not read."""
    made = socket.socket(family, kind, proto)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    return made
