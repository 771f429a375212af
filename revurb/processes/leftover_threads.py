"""Threads that outlive their node: what a hook, an app provider or a DNS server has one wait for.

Python waits for threads before a process ends, without a limit. A node that has drained has nothing to do for them.
"""

from __future__ import annotations

import logging
import os
import threading
import time

from revurb.observe.unblocked_output import hand_over_output, start_thread

_log = logging.getLogger(__name__)

LEFTOVER_S = 2.0


def end_without_threads(exit_code: int = 0, after_s: float = LEFTOVER_S) -> None:
    """End the process `after_s` seconds from now, whatever its other threads do, unless it has ended by then. To be
    called when nothing is left to be done but to end."""

    def end() -> None:
        time.sleep(after_s)
        own = threading.main_thread()
        names = [each.name for each in threading.enumerate() if each is not own and not each.daemon]
        _log.warning(
            "ending without threads that do not end", extra={"threads": ", ".join(names), "after_s": after_s}
        )
        hand_over_output()
        os._exit(exit_code)

    start_thread(end, "end")
