"""When a silent connection is asked whether it lives, and when it is given up (Pusher docs, "Pings and pongs")."""

from __future__ import annotations

MAX_ACTIVITY_TIMEOUT_S = 120.0  # the server may name a shorter one
PONG_TIMEOUT_S = 30.0


class ActivityWatch:
    """The silence of one connection. Times are those of a monotonic clock, in seconds."""

    def __init__(self, now: float, activity_timeout_s: float, pong_timeout_s: float) -> None:
        self._activity_timeout_s = activity_timeout_s
        self._pong_timeout_s = pong_timeout_s
        self._pinged = False
        self.deadline = now + activity_timeout_s

    def server_wants(self, activity_timeout_s: object, now: float) -> None:
        """The server has named a timeout: the shorter one counts."""
        if isinstance(activity_timeout_s, (int, float)) and 0 < activity_timeout_s < self._activity_timeout_s:
            self._activity_timeout_s = float(activity_timeout_s)
        self.heard(now)

    def heard(self, now: float) -> None:
        """Something has come."""
        self._pinged = False
        self.deadline = now + self._activity_timeout_s

    def is_dead(self, now: float) -> bool:
        """At the deadline: whether the connection is given up. If not, a ping has to be sent."""
        if self._pinged:
            return True
        self._pinged = True
        self.deadline = now + self._pong_timeout_s
        return False
