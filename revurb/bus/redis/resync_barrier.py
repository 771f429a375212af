"""On a Redis that has lost its memory, changes wait until every process has reported what it holds: otherwise members
that were there all the time would be announced as coming or going."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

RESYNC_WAIT_S = 1.5  # until every process that tries again once a second has said what it holds


class ResyncBarrier:
    """Delays what is given to `run` while it is closed, which is for SETTLE_S after `close`."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Delay everything from now on, for a moment."""
        self._waiting = []
        self._timer = asyncio.get_running_loop().call_later(RESYNC_WAIT_S, self._open)

    def reset(self) -> None:
        """Open, and forget what waits: in a new session it is asked for again."""
        self._waiting = None
        if self._timer is not None:
            self._timer.cancel()

    def run(self, action: Callable[[], None]) -> None:
        """Call `do` now, or in its turn when the barrier opens."""
        if self._waiting is None:
            action()
        else:
            self._waiting.append(action)

    def _open(self) -> None:
        waiting, self._waiting = self._waiting, None
        for action in waiting or ():
            action()
