"""What waits for one consumer: an iterator over events, or a handler that is asynchronous.

A queue holds `max_queued` items. When one is full, the client reads nothing more from its connection until there is
room (`Congestion`), for `FULL_WAIT_S` seconds at most, since the consumer may be the one that waits for an answer.
After that what does not fit is dropped and counted, and the consumer is told in that place how much it was: nothing
is lost in silence.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_QUEUED = 1000
FULL_WAIT_S = 5.0


class Lost:
    """Stands in a queue where items are missing; `count` is how many."""

    def __init__(self) -> None:
        self.count = 0


class Congestion:
    """The full queues of one client, for which it waits before it reads on."""

    def __init__(self, full_wait_s: float = FULL_WAIT_S) -> None:
        self._full_wait_s = full_wait_s
        self._full: set[ConsumerQueue[object]] = set()
        self._room = asyncio.Event()

    def add(self, queue: ConsumerQueue[object]) -> None:
        """The queue has become full."""
        self._full.add(queue)

    def discard(self, queue: ConsumerQueue[object]) -> None:
        """The queue has room again, or is gone."""
        self._full.discard(queue)
        if not self._full:
            self._room.set()

    async def relieved(self) -> None:
        """Wait until no queue is full; those that are still full after the wait drop what comes."""
        if not self._full:
            return
        self._room.clear()
        try:
            async with asyncio.timeout(self._full_wait_s):
                await self._room.wait()
        except TimeoutError:
            for queue in self._full:
                queue.is_dropping = True
            self._full.clear()


class ConsumerQueue(Generic[T]):
    """Items in their order, and a `Lost` where some are missing. Without a `congestion` nobody waits for it.
    `is_dropping` while it has been full for too long."""

    def __init__(self, max_queued: int = MAX_QUEUED, congestion: Congestion | None = None) -> None:
        self._max_queued = max_queued
        self._congestion = congestion
        self._items: deque[T | Lost] = deque()
        self._lost: Lost | None = None  # the last of the items, while more is lost
        self._is_closed = False
        self._error: BaseException | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self.is_dropping = congestion is None

    def __len__(self) -> int:
        return len(self._items)

    def attach(self, congestion: Congestion) -> None:
        """From now on somebody takes from it, and is waited for."""
        self._congestion = congestion
        self.is_dropping = len(self._items) >= self._max_queued

    def put(self, item: T) -> None:
        """Add an item at the end, or count it as lost."""
        if self._is_closed:
            return
        if self.is_dropping and len(self._items) >= self._max_queued:
            if self._lost is None:
                self._lost = Lost()
                self._items.append(self._lost)
            self._lost.count += 1
            return
        self._lost = None
        self._items.append(item)
        if self._congestion is not None and not self.is_dropping and len(self._items) >= self._max_queued:
            self._congestion.add(self)  # type: ignore[arg-type]
        self._wake()

    def close(self, error: BaseException | None = None) -> None:
        """Nothing more comes: when all has been taken, `take` raises the error, or StopAsyncIteration."""
        if not self._is_closed:
            self._is_closed, self._error = True, error
            if self._congestion is not None:
                self._congestion.discard(self)  # type: ignore[arg-type]
            self._wake()

    async def take(self) -> T | Lost:
        """The next item, when there is one."""
        while not self._items:
            if self._is_closed:
                raise StopAsyncIteration if self._error is None else self._error
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                self._waiters.remove(waiter)
        return self.take_now()

    def take_now(self) -> T | Lost:
        """The next item. Raises IndexError if there is none."""
        item = self._items.popleft()
        if item is self._lost:
            self._lost = None
        if self._congestion is not None:
            if len(self._items) <= self._max_queued // 2:
                self.is_dropping = False
            self._congestion.discard(self)  # type: ignore[arg-type]
        return item

    def waiting(self) -> list[T | Lost]:
        """Everything that waits, which stays."""
        return list(self._items)

    def drain(self) -> list[T | Lost]:
        """Everything that waits, which is taken."""
        items = list(self._items)
        self._items.clear()
        self._lost = None
        return items

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


def discard_awaitable(awaitable: Awaitable[object]) -> None:
    """Nobody will await this: close it, so that Python does not warn of it."""
    close = getattr(awaitable, "close", None) or getattr(awaitable, "cancel", None)
    if close is not None:
        close()
