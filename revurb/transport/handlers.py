"""What the transport needs from above: someone who answers requests, and someone on each WebSocket."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

from revurb.wire.deflate import Agreement
from revurb.wire.http import Request
from revurb.wire.response import Response


class FrameSender(Protocol):
    """The sending side of a WebSocket, as its handler sees it. No method raises when the peer has gone."""

    def send(self, frame: bytes) -> None: ...
    def ping(self) -> None: ...
    def close(self, code: int, reason: str = "") -> None: ...


class WebSocketHandler(Protocol):
    """Who is spoken to on a WebSocket. Each method is called by the event loop's thread, one at a time."""

    @property
    def max_message_size_bytes(self) -> int: ...

    @property
    def ping_interval_s(self) -> float:
        """Seconds of silence until `on_idle`."""

    def opened(self, outlet: FrameSender) -> None:
        """Called once, first; what is sent from here on follows the handshake's answer."""

    def on_message(self, opcode: int, payload: bytes, now: float) -> None:
        """A whole text or binary message came. `now` is coarse monotonic time in seconds."""

    def on_control_frame(self) -> None:
        """A ping or pong frame came (a ping is already answered)."""

    def on_idle(self) -> None:
        """Nothing came for `ping_interval_s`: time to ask."""

    def on_unresponsive(self) -> None:
        """Nothing came for the pong timeout after that: time to close."""

    def closed(self) -> None:
        """Called once, last: the connection is closing or lost, and nothing more can be sent."""


class Upgrade(NamedTuple):
    """An accepted handshake: what to answer, who speaks from then on, and whether compressed."""

    head: bytes
    handler: WebSocketHandler
    compression: Agreement | None = None


Answer: TypeAlias = Response | Upgrade


class RequestHandler(Protocol):
    """Answers requests. An awaitable answer is waited for, without reading much meanwhile; its order is kept."""

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportLimits:
    """What one connection may take: in bytes, in seconds."""

    max_head_bytes: int = 16_384
    max_body_bytes: int = 10_000
    max_queued_bytes: int = 1_048_576
    max_fragments: int = 1024  # frames of one message; clients of Pusher send one
    request_timeout_s: float = 10.0
    keep_alive_timeout_s: float = 75.0
    pong_timeout_s: float = 30.0
    close_timeout_s: float = 3.0
