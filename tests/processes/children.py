"""Child processes in the test's own process: the hub as a child, and a reaper for it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from revurb.bus.hub.event_log import shared_log
from revurb.processes.child import ChildCommand
from revurb.processes.fresh_process import Surroundings
from revurb.processes.reaper import Reaper

_LOGS = ExitStack()
HERE = Surroundings(os.environ, Path.cwd())


@contextmanager
def reaping() -> Iterator[Reaper]:
    """A reaper on the running loop. To be left when all its processes have been waited for."""
    reaper = Reaper()
    reaper.start()
    yield reaper
    asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)


def hub_command(folder: Path) -> ChildCommand:
    """A hub whose socket is in `folder`, with a log that stays open until the tests end."""
    log = _LOGS.enter_context(shared_log(2))
    arguments = (
        *("--event-log", log.argument()),
        *("--socket", str(folder / "hub")),
        *("--workers", "0"),
        *("--log-format", "plain", "--log-level", "error"),
    )
    return ChildCommand("revurb.processes.hub", arguments, log.all, HERE)
