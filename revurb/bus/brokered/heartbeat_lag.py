"""How far behind a process hears: a beat that it sends comes back behind everything that the broker sent before.

All times are seconds of `time.monotonic`: an event loop's own clock may stand still for a turn, and have ms only.
"""

from __future__ import annotations

from collections import deque


class HeartbeatLag:
    """The beats of one connection, numbered from 1 on; it keeps their order."""

    __slots__ = ("_count", "_in_flight", "_round_trip_s", "returned_at")

    def __init__(self, now: float) -> None:
        self.returned_at = now  # when one came back last; before that, since when one could have
        self._count = 0
        self._in_flight: deque[tuple[int, float]] = deque()  # number, when it was sent
        self._round_trip_s: float | None = None

    def sent(self, now: float) -> int:
        """One more is on its way; its number."""
        self._count += 1
        self._in_flight.append((self._count, now))
        return self._count

    def returned(self, now: float, number: int | None = None) -> None:
        """The one of this number is back, or the oldest under way. Of those sent before it nothing can come any more;
        one that is not under way came twice."""
        while self._in_flight and (number is None or self._in_flight[0][0] <= number):
            _, sent_at = self._in_flight.popleft()
            self._round_trip_s, self.returned_at = now - sent_at, now
            if number is None:
                return

    def lag_s(self, now: float) -> float | None:
        """How long the last one took, or has been under way if that is longer; None before the first."""
        if not self._in_flight:
            return self._round_trip_s
        age_s = now - self._in_flight[0][1]
        return age_s if self._round_trip_s is None else max(age_s, self._round_trip_s)
