"""The level of a process's log, changed while it runs: `revurb log-level`."""

from __future__ import annotations

import asyncio
import logging

_log = logging.getLogger(__name__)


class LogLevel:
    """That of the `revurb` loggers. One of a process; needs an event loop when it is changed."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("revurb")
        self._configured: int | None = None  # while it is another one
        self._timer: asyncio.TimerHandle | None = None

    def change(self, level: str, for_s: float | None = None) -> None:
        """Log what has `level` ("info") and above, for so many seconds or until the process ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._configured is None:
            self._configured = self._logger.level
        number = logging.getLevelName(level.upper())
        self._logger.setLevel(min(number, self._logger.level, logging.INFO))  # so that this line is there
        _log.info(
            "log level is changed", extra={"new_level": level} | ({} if for_s is None else {"for_s": for_s})
        )
        self._logger.setLevel(number)
        if for_s is not None:
            self._timer = asyncio.get_running_loop().call_later(for_s, self._restore, self._configured)

    def _restore(self, configured: int) -> None:
        self._configured = self._timer = None
        self._logger.setLevel(min(configured, logging.INFO))
        _log.info(
            "log level is as configured again", extra={"new_level": logging.getLevelName(configured).lower()}
        )
        self._logger.setLevel(configured)
