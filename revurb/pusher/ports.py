"""What the protocol needs from the outside, and nothing more.

The composition root (`server/node.py`) hands in real ones; tests hand in recorders.
"""

from __future__ import annotations

from typing import Protocol


class Outlet(Protocol):
    """The sending side of one WebSocket connection. No method raises when the peer has gone."""

    def send(self, frame: bytes) -> None:
        """Send one finished WebSocket frame, after everything sent before."""

    def ping(self) -> None:
        """Send a WebSocket ping control frame (RFC 6455 5.5.2)."""

    def close(self, code: int, reason: str = "") -> None:
        """Start the close handshake. What is sent afterwards is dropped."""


class Publisher(Protocol):
    """Takes an event to every process that has subscribers of the channel, this one included."""

    def publish(self, app_id: str, channel: str, text: bytes, except_socket_id: str | None) -> None:
        """Deliver `text`, a finished event as JSON, to the channel but not to `except_socket_id`."""
