"""How far behind a process hears: a beat that it sends comes back behind everything that the broker sent before.

All times are seconds of `time.monotonic`: an event loop's own clock may stand still for a turn, and have ms only.
"""

from __future__ import annotations

from collections import deque


class HeartbeatLag:
    """The beats of one connection, numbered from 1 on; it keeps their order."""

    __slots__ = ("_count", "_took_s", "_under_way", "heard_at")

    def __init__(self, now: float) -> None:
        self.heard_at = now  # when one came back last; before that, since when one could have
        self._count = 0
        self._under_way: deque[tuple[int, float]] = deque()  # number, when it was sent
        self._took_s: float | None = None

    def send(self, now: float) -> int:
        """One more is on its way; its number."""
        self._count += 1
        self._under_way.append((self._count, now))
        return self._count

    def came_back(self, now: float, number: int | None = None) -> None:
        """The one of this number is back, or the oldest under way. Of those sent before it nothing can come any more;
        one that is not under way came twice."""
        while self._under_way and (number is None or self._under_way[0][0] <= number):
            _, sent_at = self._under_way.popleft()
            self._took_s, self.heard_at = now - sent_at, now
            if number is None:
                return

    def lag_s(self, now: float) -> float | None:
        """How long the last one took, or has been under way if that is longer; None before the first."""
        if not self._under_way:
            return self._took_s
        age_s = now - self._under_way[0][1]
        return age_s if self._took_s is None else max(age_s, self._took_s)
