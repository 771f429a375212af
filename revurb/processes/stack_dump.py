"""Prints the stacks of all threads of a server without a supervisor when its event loop is blocked.

faulthandler writes them also while no Python code can run. It writes to a pipe, and a thread passes on what comes out:
standard error itself may be a pipe that nobody reads, and the loop would wait for faulthandler then.
"""

from __future__ import annotations

import faulthandler
import functools
import logging
import os
import sys

from revurb.observe.unblocked_output import start_thread

_log = logging.getLogger(__name__)


class StackDump:
    """Stacks are printed to standard error unless `postpone` is called again in time. To be closed at the end. With the
    log format "json", each line of them is a line of the log."""

    def __init__(self, log_format: str = "plain") -> None:
        read_fd, write_fd = os.pipe()
        os.set_blocking(write_fd, False)  # what does not fit is lost
        self._pipe = os.fdopen(write_fd, "wb", buffering=0)
        self._thread = start_thread(functools.partial(_pass_on, read_fd, log_format), "stack dump")

    def postpone(self, timeout_s: float) -> None:
        """Print the stacks in `timeout_s` seconds from now, unless this or `close` is called before."""
        faulthandler.dump_traceback_later(timeout_s, file=self._pipe)

    def close(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._pipe.close()
        self._thread.join()


def _pass_on(fd: int, log_format: str) -> None:
    with os.fdopen(fd, "r", errors="replace") as stacks:
        for line in stacks:
            if log_format == "json":
                _log.warning("the event loop is blocked", extra={"stack": line.rstrip("\n")})
            else:
                print(line, end="", file=sys.stderr, flush=True)
