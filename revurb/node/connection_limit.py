"""How many WebSocket connections there may be of all apps together (`limits.max_connections`).

A connection takes a token before it is admitted, and the token is given back when its session is closed, or when it is
refused after all. A node alone counts its own; workers share tokens (`processes/connection_tokens.py`). Without a limit
there are no tokens, and sessions are plain ones.
"""

from __future__ import annotations

from typing import Protocol

from revurb.pusher.ports import Bus
from revurb.pusher.registry import AppState
from revurb.pusher.session import Session


class ConnectionLimit(Protocol):
    """The tokens. Neither call waits."""

    def take(self) -> bool:
        """Take a token for a connection. False if all are taken."""

    def give_back(self) -> None:
        """Give one token back. To be called once for each that was taken."""


class OwnConnectionLimit:
    """The tokens of a node that is alone."""

    def __init__(self, limit: int) -> None:
        self._free = limit

    def take(self) -> bool:
        if self._free <= 0:
            return False
        self._free -= 1
        return True

    def give_back(self) -> None:
        self._free += 1


class CountedSession(Session):
    """A session that has a token."""

    __slots__ = ("_limit",)

    def __init__(self, app_state: AppState, socket_id: str, bus: Bus, limit: ConnectionLimit) -> None:
        super().__init__(app_state, socket_id, bus)
        self._limit = limit

    def closed(self) -> None:
        self._limit.give_back()
        super().closed()
