"""Notices when a process has no file descriptor left. Each connection takes one.

The kernel still accepts clients then, and the loop drops them without a word. So one descriptor is opened now and then:
that costs 1.3 us, and knows of the limit of the process as of that of the system.
"""

from __future__ import annotations

import errno
import logging
import os
import resource

_log = logging.getLogger(__name__)

LOG_INTERVAL_S = 60.0


class FileLimit:
    """`reached` is whether the last `check` found no descriptor left."""

    def __init__(self) -> None:
        self.reached = False
        self._logged_at = -LOG_INTERVAL_S

    def check(self, now: float) -> None:
        """Look again at `now`, the loop's time in seconds. Logs once, and once a minute where clients come and go at
        the limit."""
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                return
            self.reached = True
            if now - self._logged_at >= LOG_INTERVAL_S:
                self._logged_at = now
                limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
                _log.error(
                    "no file descriptor is left, clients are dropped",
                    extra={"open_files_limit": limit, "reason": os.strerror(error.errno).lower()},
                )
        else:
            self.reached = False
