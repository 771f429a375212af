"""Closes some of a node's connections evenly over a time, while it goes on serving the others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from revurb.pusher.ports import Work

TICK_S = 0.05
MAX_UNDER_WAY = 10  # of one owner; each holds the connections that it is to close


class Closable(Protocol):
    def close(self, code: int, reason: str = "") -> None: ...


class _Closing:
    """Some connections, and how far their closing is."""

    __slots__ = ("_began_at", "_closed", "_code", "_left", "_over_s", "_reason", "_total", "owner")

    def __init__(
        self, waiting: Sequence[Closable], code: int, reason: str, over_s: float, now: float, owner: str
    ) -> None:
        self.owner = owner
        self._left = deque(waiting)
        self._total, self._closed = len(waiting), 0
        self._code, self._reason = code, reason
        self._over_s, self._began_at = over_s, now

    def due(self, now: float) -> list[Closable]:
        """Those whose time has come."""
        part = 1.0 if now >= self._began_at + self._over_s else (now - self._began_at) / self._over_s
        count = min(len(self._left), max(0, 1 + int(self._total * part) - self._closed))
        self._closed += count
        return [self._left.popleft() for _ in range(count)]

    def close_each(self, connections: Sequence[Closable]) -> Iterator[None]:
        for connection in connections:
            connection.close(self._code, self._reason)
            yield

    @property
    def is_over(self) -> bool:
        return not self._left


class EvenClosing:
    """What is to be closed. `work` does it in slices."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._under_way: list[_Closing] = []
        self._timer: asyncio.TimerHandle | None = None

    def begin(
        self, connections: Sequence[Closable], code: int, reason: str, over_s: float, owner: str = ""
    ) -> _Closing:
        """Close `connections` evenly over `over_s` seconds; one that has ended meanwhile is left out. Where too many
        closings of `owner` are under way, an app or nobody, its oldest is done at once: no app hurries those of another
        one, or the operator's."""
        closing = _Closing(connections, code, reason, over_s, asyncio.get_running_loop().time(), owner)
        own = [each for each in self._under_way if each.owner == owner]
        self._under_way.append(closing)
        if len(own) >= MAX_UNDER_WAY:
            oldest = own[0]
            self._under_way.remove(oldest)
            self._work(oldest.close_each(oldest.due(float("inf"))))
        if self._timer is not None:
            self._timer.cancel()
        self._tick()
        return closing

    def give_up(self, closing: object) -> None:
        """Leave those open that are not closed yet."""
        self._under_way = [each for each in self._under_way if each is not closing]

    def stop(self) -> None:
        """The node closes all connections itself from now on."""
        self._under_way.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now, self._timer = loop.time(), None
        for closing in self._under_way:
            if due := closing.due(now):
                self._work(closing.close_each(due))
        self._under_way = [closing for closing in self._under_way if not closing.is_over]
        if self._under_way:
            self._timer = loop.call_later(TICK_S, self._tick)
