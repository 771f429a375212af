"""How far a node is behind its broker in receiving. A heartbeat that it sends comes back behind everything that the
broker sent before, so the time that it takes is the lag.

All times are seconds of time.monotonic: an event loop's own clock may stand still for a turn, and counts in ms only.
"""

from __future__ import annotations

from collections import deque


class HeartbeatLag:
    """The heartbeats of one connection, numbered from 1 on. They come back in order.

    `returned_at` is when one last came back; before the first, since when one could have.
    """

    __slots__ = ("_count", "_in_flight", "_round_trip_s", "returned_at")

    def __init__(self, now: float) -> None:
        self.returned_at = now
        self._count = 0
        self._in_flight: deque[tuple[int, float]] = deque()  # number, when it was sent
        self._round_trip_s: float | None = None

    def sent(self, now: float) -> int:
        """Record a heartbeat that is sent now. Returns its number."""
        self._count += 1
        self._in_flight.append((self._count, now))
        return self._count

    def is_in_flight(self, number: int) -> bool:
        """Whether the heartbeat of this number was sent and is not back yet."""
        return bool(self._in_flight) and self._in_flight[0][0] <= number <= self._count

    def returned(self, now: float, number: int | None = None) -> bool:
        """Record that the heartbeat of this number is back, or the oldest in flight if it has no number. Returns
        whether earlier ones are still in flight: those are lost. A number that is not in flight is ignored, since it
        came back before."""
        returned = 0
        while self._in_flight and (number is None or self._in_flight[0][0] <= number):
            _, sent_at = self._in_flight.popleft()
            self._round_trip_s, self.returned_at = now - sent_at, now
            returned += 1
            if number is None:
                break
        return returned > 1

    def forget(self, number: int) -> None:
        """The heartbeat of this number was never sent: the broker has refused it."""
        self._in_flight = deque(each for each in self._in_flight if each[0] != number)

    def lag_s(self, now: float) -> float | None:
        """How long the last heartbeat took, or how long the oldest in flight has been, if that is longer; None before
        the first."""
        if not self._in_flight:
            return self._round_trip_s
        age_s = now - self._in_flight[0][1]
        return age_s if self._round_trip_s is None else max(age_s, self._round_trip_s)
