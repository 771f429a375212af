"""What prctl(2) of Linux says about a process and its relatives. Python has no function for it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import cast

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
MAX_NAME_BYTES = 15


def adopt_orphans(wanted: bool = True) -> bool:
    """Have this process become, or not, the parent of descendants whose own parent ends. Returns False if the system
    cannot do that."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, int(wanted))


def end_with(parent: int) -> None:
    """Have this process killed when `parent`, its parent process, is gone. Children do not inherit that."""
    if _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)  # it was gone before


def set_name(name: str) -> None:
    """Set the name that ps -o comm and top(1) show, of which there is room for `MAX_NAME_BYTES`."""
    _prctl(_PR_SET_NAME, name.encode()[:MAX_NAME_BYTES] + b"\0")


def _prctl(option: int, argument: int | bytes) -> bool:
    return _function is not None and _function(option, argument, 0, 0, 0) == 0


_function = cast(
    "Callable[..., int] | None",
    getattr(ctypes.CDLL(None), "prctl", None) if sys.platform == "linux" else None,
)
