"""A connection's handler with something done when it opens and when it has ended."""

from __future__ import annotations

from collections.abc import Callable

from revurb.transport.handlers import FrameSender, WebSocketHandler


class WatchedHandler:
    """`closed` is called ahead of the handler's. The other methods are those of the `handler` themselves, so that a
    message takes no further call."""

    __slots__ = (
        "_closed",
        "handler",
        "on_control_frame",
        "on_idle",
        "on_message",
        "on_still_idle",
        "on_unresponsive",
        "opened",
    )

    def __init__(self, handler: WebSocketHandler, closed: Callable[[], None]) -> None:
        self.handler = handler
        self._closed = closed
        self.opened: Callable[[FrameSender], None] = handler.opened
        self.on_message = handler.on_message
        self.on_control_frame, self.on_idle = handler.on_control_frame, handler.on_idle
        self.on_still_idle, self.on_unresponsive = handler.on_still_idle, handler.on_unresponsive

    @property
    def max_message_size_bytes(self) -> int:
        return self.handler.max_message_size_bytes

    @property
    def ping_interval_s(self) -> float:
        return self.handler.ping_interval_s

    def closed(self) -> None:
        self._closed()
        self.handler.closed()
