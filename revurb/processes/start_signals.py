"""The signals of a server before its loop runs, and the hang-up of the terminal that it was started in.

Before the loop runs nobody is served, so a signal that stops the server ends the process. Process 1 of a container
needs a handler for that: the kernel discards what it does not handle.

Whether a SIGHUP is that of a hang-up is seen from the terminal, not from the sender: the kernel signals the foreground
of a terminal that is gone, but a shell passes it on to its jobs as anybody may. A server that was started in the
background, with nohup or without a terminal has no hang-up.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
_HELD = (*STOPPING, signal.SIGHUP)


def obey_while_starting() -> None:
    """End the process with exit code 0 on a signal that stops a server, until other handlers are installed. SIGHUP is
    without effect unless it is that of a hang-up: what it would have read again has not been read.

    It ends at once: an exception that is raised in the middle of an import, or while msgspec reads a type, may crash
    the process (msgspec 0.22), come out as another error, or be lost."""
    _install(_end_at_once)


def obey_by_unwinding() -> None:
    """The same with SystemExit, from when on there is something to clean up: sockets, files, processes."""
    _install(_end)


def _install(end: Callable[[], None]) -> None:
    for number in STOPPING:
        signal.signal(number, lambda *_: end())
    signal.signal(signal.SIGHUP, lambda *_: end() if is_hung_up() else None)


def hold() -> None:
    """Keep these signals until `obey_held`, in this process or in another program that it becomes. That finds out as
    this one did whether it was started in the foreground: by how SIGHUP is handled."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
    if not _started_in_foreground:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def obey_held() -> None:
    """Obey those that have come, and others, as `obey_while_starting` says."""
    obey_while_starting()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)


def is_hung_up() -> bool:
    """Whether the process was started in the foreground of a terminal that is gone."""
    return _started_in_foreground and not _has_terminal()


def _end() -> None:
    sys.exit(0)


def _end_at_once() -> None:
    os._exit(0)


def _has_terminal() -> bool:
    """Whether the process has a controlling terminal, which has not been hung up."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _is_in_foreground() -> bool:
    try:
        fd = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(fd)


_started_in_foreground = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and _is_in_foreground()
