"""An event loop in a thread of its own, for a node in a program that has none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


class LoopThread:
    """Runs `start` and, at the end, `stop` on its loop. Any thread but its own may call the methods."""

    def __init__(self, start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]) -> None:
        self._on_start = start
        self._on_stop = stop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._started: Future[None] = Future()
        self._stopped: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="revurb", daemon=True)

    def start(self) -> None:
        """Returns when the function for the start has. Raises what it raises; the thread has ended then."""
        self._thread.start()
        try:
            self._started.result()
        except BaseException:
            self._thread.join()
            raise

    def stop(self) -> None:
        """Returns when the function for the end has, and the thread has ended. Raises what it raises."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._stopped.result()

    def is_current(self) -> bool:
        """Whether the caller runs in this thread."""
        return threading.current_thread() is self._thread

    def call(self, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of a coroutine function on the loop. Raises RuntimeError if that does not run, and in the thread
        itself, which would wait for itself."""
        return self.submit(main).result()

    def submit(self, main: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
        """Run a coroutine function on the loop, without waiting for it. Raises as `call`."""
        if self._loop is None:
            raise RuntimeError("the server is not running: its `with` block has ended")
        if self.is_current():
            raise RuntimeError("this is the thread of the server, which must not wait for itself")
        return asyncio.run_coroutine_threadsafe(_run(main), self._loop)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        try:
            await self._on_start()
        except BaseException as error:
            self._started.set_exception(error)
            return
        self._loop = asyncio.get_running_loop()
        self._started.set_result(None)
        await self._stopping.wait()
        try:
            await self._on_stop()
        except BaseException as error:
            self._stopped.set_exception(error)
        else:
            self._stopped.set_result(None)


async def _run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return await main()
