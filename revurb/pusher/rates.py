"""How much an app may do in a second, over all processes: what asks about that, and the bucket of one process."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

RatedKind: TypeAlias = Literal["publishes", "reads", "client_events"]


class Rates(Protocol):
    """What the apps have done, with the share of each budget that this process has."""

    def take(self, app_id: str, kind: RatedKind, limit: int, count: int = 1) -> float:
        """Count `count` more of this kind, of which the app may have `limit` in a second. Returns 0; or, if they are
        too many, the seconds after which they are not, and nothing is counted."""


class TokenBucket:
    """`rate` tokens come in a second; it holds those of a second, and one at least."""

    __slots__ = ("_at", "_tokens", "rate")

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self._tokens = max(rate, 1.0)
        self._at = now

    def is_full(self, now: float) -> bool:
        """Whether a new one would hold no more."""
        return self._tokens + (now - self._at) * self.rate >= max(self.rate, 1.0)

    def debt(self, now: float) -> float:
        """What has to be paid back before anything is taken; 0 where nothing has."""
        return max(0.0, -self._tokens - (now - self._at) * self.rate)

    def take(self, count: int, now: float) -> float:
        """Take tokens at `now` (seconds, monotonic). Returns 0, or the seconds until there are as many. More than the
        bucket holds are taken when it is full, and paid back before the next."""
        most = max(self.rate, 1.0)
        self._tokens = min(most, self._tokens + (now - self._at) * self.rate)
        self._at = now
        missing = min(count, most) - self._tokens
        if missing > 1e-9:
            return missing / self.rate
        self._tokens -= count
        return 0.0
