"""Waiting on an empty Redis: whoever comes or goes does so when it is known who is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SETTLE_S = 1.5  # until every process that tries again once a second has said what it holds


class Settling:
    """What has to wait, from `begin` on for a moment; at any other time nothing has to."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        self._waiting = []
        self._timer = asyncio.get_running_loop().call_later(SETTLE_S, self._end)

    def give_up(self) -> None:
        """Forget what waits: in the next life of the link it is asked for again."""
        self._waiting = None
        if self._timer is not None:
            self._timer.cancel()

    def when_settled(self, do: Callable[[], None]) -> None:
        """Do it now, or in its turn when the wait is over."""
        if self._waiting is None:
            do()
        else:
            self._waiting.append(do)

    def _end(self) -> None:
        waiting, self._waiting = self._waiting, None
        for do in waiting or ():
            do()
