"""Logging why Redis cannot be reached: when an outage begins, and whenever its reason changes.

A reason that changes all the time (two servers in turns, a load balancer) is logged every LOG_EVERY_S seconds after the
first MAX_CHANGES.
"""

from __future__ import annotations

import logging
import time

from revurb.bus.redis.shared_redis import PLANNED_END

MAX_CHANGES = 20  # of one outage
LOG_EVERY_S = 60.0


class OutageLog:
    """`message` is logged as a warning, or where the end was planned, for information, with the reason beside it."""

    def __init__(self, log: logging.Logger, message: str) -> None:
        self._log = log
        self._message = message
        self._reason: str | None = None
        self._changes = 0
        self._logged_at = 0.0

    def failed(self, reason: str, *, is_new_outage: bool) -> None:
        """An attempt has failed. `is_new_outage` is whether Redis was reached before it."""
        if is_new_outage:
            self._reason, self._changes = None, 0
        if reason == self._reason:
            return
        now = time.monotonic()
        if self._changes >= MAX_CHANGES and now - self._logged_at < LOG_EVERY_S:
            return
        self._reason, self._logged_at = reason, now
        self._changes += 1
        level = logging.INFO if reason == PLANNED_END else logging.WARNING
        self._log.log(level, self._message, extra={"reason": reason})
