"""Delays changes on a Redis that has lost its data until every node has reported what it holds. Otherwise members who
were present all the time would be announced as joining or leaving."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

# A relay reconnects within a second, its workers within another, and they report what they hold.
RESYNC_WAIT_S = 2.5


class ResyncBarrier:
    """Delays what is given to `run` while it is closed, which is for RESYNC_WAIT_S after `close`."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._on_open: Callable[[list[Callable[[], None]]], None] = lambda actions: None

    @property
    def is_closed(self) -> bool:
        """Whether something that is given to `run` now has to wait."""
        return self._waiting is not None

    def close(self, on_open: Callable[[list[Callable[[], None]]], None]) -> None:
        """Delay everything from now on, for RESYNC_WAIT_S seconds. Then `on_open` gets it, to do it in its order."""
        self._waiting = []
        self._on_open = on_open
        self._timer = asyncio.get_running_loop().call_later(RESYNC_WAIT_S, self._open)

    def reset(self) -> None:
        """Open, and forget what waits: a new session asks for it again."""
        self._waiting = None
        if self._timer is not None:
            self._timer.cancel()

    def run(self, action: Callable[[], None]) -> None:
        """Call `action` now, or leave it to be done when the barrier opens."""
        if self._waiting is None:
            action()
        else:
            self._waiting.append(action)

    def _open(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting:
            self._on_open(waiting)
