"""The handlers that an application has bound, and how they are called.

A plain handler is called when its event is read, before the next one is. An asynchronous one runs beside the
client, one event after the other; what it has not come to waits in a queue of its own. Each event meets the
handlers in the order in which they were bound. A handler that raises is logged, and the next ones are called.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from revurb.pusher_client.consumer_queue import MAX_QUEUED, Congestion, ConsumerQueue, Lost, discard_awaitable

T = TypeVar("T")
Handler = Callable[[T], object]

_log = logging.getLogger(__name__)


class TaskSet:
    """The tasks of a client: none outlives it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, task: asyncio.Task[None]) -> None:
        """Take over a task that runs."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        """Cancel them all but the one that asks, and wait until they have ended."""
        others = self._tasks - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others)


class BoundHandler(Generic[T]):
    """One handler. `lost` is called with how many events it has missed since its queue was full."""

    def __init__(
        self,
        handler: Handler[T],
        tasks: TaskSet,
        congestion: Congestion,
        max_queued: int,
        lost: Callable[[int], None],
    ) -> None:
        self.handler = handler
        self._tasks = tasks
        self._lost = lost
        self._is_async = inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
            getattr(handler, "__call__", None)  # noqa: B004
        )
        # Events, and what a plain handler has returned that has to be awaited.
        self._queue: ConsumerQueue[T | Awaitable[object]] = ConsumerQueue(max_queued, congestion)
        self._is_running = False

    def call(self, event: T) -> None:
        """Call it, now or when it has come to this event."""
        if not self._is_async:
            try:
                result = self.handler(event)
            except Exception:
                self._failed()
                return
            if not inspect.isawaitable(result):
                return
            self._is_async = True
            self._queue.put(result)
        else:
            self._queue.put(event)
        if not self._is_running:
            self._is_running = True
            task = asyncio.get_running_loop().create_task(self._run())
            task.add_done_callback(self._ended)
            self._tasks.start(task)

    def close(self) -> None:
        """It is called no more; what runs goes on."""
        self._queue.close()
        for item in self._queue.drain():
            if inspect.isawaitable(item):
                discard_awaitable(item)

    async def _run(self) -> None:
        try:
            while len(self._queue):
                item = self._queue.take_now()
                if isinstance(item, Lost):
                    _log.error(
                        "a handler is too slow, and misses events",
                        extra={"handler": self._name, "lost": item.count},
                    )
                    self._lost(item.count)
                    continue
                try:
                    result = item if inspect.isawaitable(item) else self.handler(item)
                    if inspect.isawaitable(result):
                        await result
                except Exception:
                    self._failed()
                except asyncio.CancelledError:
                    task = asyncio.current_task()
                    if task is None or task.cancelling():
                        raise
                    self._failed()  # something in it was cancelled, and not the client
        finally:
            self._is_running = False

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self.close()

    def _failed(self) -> None:
        _log.exception("a handler has failed", extra={"handler": self._name})

    @property
    def _name(self) -> str:
        return getattr(self.handler, "__qualname__", None) or type(self.handler).__name__


class HandlerTable(Generic[T]):
    """Handlers by the names of events, and those for all of them."""

    def __init__(
        self,
        tasks: TaskSet,
        congestion: Congestion,
        max_queued: int = MAX_QUEUED,
        lost: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._tasks = tasks
        self._congestion = congestion
        self._max_queued = max_queued
        self._lost = lost
        self._bound: list[tuple[str | None, BoundHandler[T]]] = []

    def __bool__(self) -> bool:
        return bool(self._bound)

    def bind(self, event: str | None, handler: Handler[T]) -> None:
        """Call `handler` with each event of this name; None is any."""
        if not callable(handler):
            raise TypeError(f"handler: found {handler!r}; allowed: a function")
        bound = BoundHandler(handler, self._tasks, self._congestion, self._max_queued, self._lost)
        self._bound.append((event, bound))

    def unbind(self, event: str | None, handler: Handler[T] | None) -> None:
        """Call it no more: the handler, all of an event, or both at once; without either, all of them."""
        kept = []
        for name, bound in self._bound:
            if (event is None or name == event) and (handler is None or bound.handler == handler):
                bound.close()
            else:
                kept.append((name, bound))
        self._bound = kept

    def emit(self, name: str, event: T) -> None:
        """Call the handlers for an event."""
        for wanted, bound in tuple(self._bound):
            if wanted is None or wanted == name:
                bound.call(event)
