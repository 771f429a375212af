"""How many messages a connection may send: Reverb's fixed window, kept in the connection.

Every text or binary message counts, pings and nonsense included; control frames do not (as captured). The
window starts with the first message after the last one ended.
"""

from __future__ import annotations

from revurb.apps import RateLimit


class MessageWindow:
    """Counts the messages of one connection against `limit`."""

    __slots__ = ("_count", "_ends_at", "_limit")

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._count = 0
        self._ends_at = 0.0

    def take(self, now: float) -> bool:
        """Count one message at `now` (seconds, monotonic); False when it is over the limit."""
        if now >= self._ends_at:
            self._count = 0
            self._ends_at = now + self._limit.decay_s
        self._count += 1
        return self._count <= self._limit.max_attempts


def per_second(limit: int) -> MessageWindow:
    """A window of a second."""
    return MessageWindow(RateLimit(max_attempts=limit, decay_s=1))
