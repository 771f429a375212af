"""What the transport needs from above: a handler of HTTP requests, and one of each WebSocket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import msgspec

from revurb.wire.deflate import NegotiatedCompression
from revurb.wire.http import Request
from revurb.wire.response import Response


class FrameSender(Protocol):
    """The sending side of a WebSocket, as its handler sees it. No method raises when the peer has gone."""

    @property
    def peer(self) -> str:
        """The peer's address, for logs."""

    def send(self, frame: bytes) -> None: ...
    def ping(self) -> None: ...
    def close(self, code: int, reason: str = "") -> None: ...


class WebSocketHandler(Protocol):
    """The handler of one WebSocket. All methods are called in the event loop's thread."""

    @property
    def max_message_size_bytes(self) -> int: ...

    @property
    def ping_interval_s(self) -> float:
        """Seconds without input after which `on_idle` is called."""

    def opened(self, outlet: FrameSender) -> None:
        """Called once, first. What is sent from here on follows the handshake's answer."""

    def on_message(self, opcode: int, payload: bytes, now: float) -> None:
        """A whole text or binary message was received. `now` is monotonic time in seconds, up to a tick old."""

    def on_control_frame(self) -> None:
        """A ping or pong frame was received. A ping has been answered already."""

    def on_idle(self) -> None:
        """Nothing was received for `ping_interval_s`: ping the peer."""

    def on_still_idle(self) -> None:
        """Nor was anything for half the pong timeout after that: try another way."""

    def on_unresponsive(self) -> None:
        """Nothing was received for the whole pong timeout: close the connection."""

    def closed(self) -> None:
        """Called once, last: the connection is closing or lost, and nothing more can be sent."""


class Upgrade(msgspec.Struct):  # made in a fifth of the time that a NamedTuple takes
    """An accepted handshake: the head of the answer, the handler from then on, and the compression agreed to."""

    head: bytes
    handler: WebSocketHandler
    compression: NegotiatedCompression | None = None


Answer: TypeAlias = Response | Upgrade
PlainAnswerer: TypeAlias = Callable[[bytes], Answer | Awaitable[Answer] | None]
"""Answers what has come on a connection on which nothing else is under way, without reading it as a Request; or gives
None, and has done nothing. It answers nothing but one whole request to which no body is refused, behind which the
connection stays open. It never raises for what was sent."""
LargeBodies: TypeAlias = Callable[[Request], bool | Awaitable[bool]]
"""Says whether the body of a request, of which only the head is here, may have `max_large_body_bytes`."""


Welcome: TypeAlias = Callable[[bytes], Upgrade | None]
"""Answers a plain handshake that is let in at once, ahead of the RequestHandler. None, and nothing is done, for bytes
that are anything else."""


class RequestHandler(Protocol):
    """Answers requests. While an awaitable answer is awaited, reading is paused; answers keep the order of requests."""

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportLimits:
    """Limits of one connection, and `max_queued_total_bytes` of all together, in bytes and seconds."""

    max_head_bytes: int
    max_body_bytes: int
    # Of requests that are admitted by their heads; 0 admits none.
    max_large_body_bytes: int = 0
    max_queued_bytes: int
    max_queued_total_bytes: int
    max_fragments: int = 1024  # frames of one message; clients of Pusher send one
    request_timeout_s: float
    keep_alive_timeout_s: float
    pong_timeout_s: float
    close_timeout_s: float
