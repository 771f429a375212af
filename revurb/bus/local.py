"""The bus of a single process: everyone who must hear an event is here, so it is delivered at once."""

from __future__ import annotations

from collections.abc import Callable

Deliver = Callable[[str, str, bytes, str | None], object]


class LocalBus:
    """`deliver(app_id, channel, text, except_socket_id)` brings an event to this process's subscribers."""

    __slots__ = ("_deliver",)

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver

    def publish(self, app_id: str, channel: str, text: bytes, except_socket_id: str | None) -> None:
        """Events of a channel are delivered in the order of the calls; when this returns, they are."""
        self._deliver(app_id, channel, text, except_socket_id)
