"""Counting and logging what others wrote into Redis and cannot be used.

Whoever finds such a value goes on without it. The log says where it is, so that somebody can look; a key is named once
a minute at most, and no more than 20 keys are, however many come.
"""

from __future__ import annotations

import logging
import time

_log = logging.getLogger(__name__)

LOG_EVERY_S = 60.0
MAX_KEYS_LOGGED = 20  # in LOG_EVERY_S
_MAX_KEY_CHARS = 200
_MAX_REASON_CHARS = 200


class InvalidValues:
    """`count` is how many were found."""

    def __init__(self) -> None:
        self.count = 0
        self._logged: set[str] = set()
        self._logged_since = 0.0

    def report(self, key: str | bytes, reason: object) -> None:
        """Count a value. `key` is the key or channel in Redis where it was."""
        self.count += 1
        now = time.monotonic()
        if now - self._logged_since >= LOG_EVERY_S:
            self._logged.clear()
            self._logged_since = now
        if len(self._logged) >= MAX_KEYS_LOGGED:
            return
        name = key.decode("utf-8", "backslashreplace") if isinstance(key, bytes) else key
        name = name[:_MAX_KEY_CHARS]
        if name not in self._logged:
            self._logged.add(name)
            _log.warning(
                "a value in redis cannot be used",
                extra={"key": name, "reason": str(reason)[:_MAX_REASON_CHARS], "found": self.count},
            )
