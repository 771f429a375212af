"""The title of a forked process, which has the command line of the process that it was forked from otherwise.

Linux shows as the command line what is in the memory where exec(2) has put the arguments, up to the first zero byte if
the last byte there is none (fs/proc/base.c, get_mm_cmdline()). So the title is written there, as setproctitle(3) does.
"""

from __future__ import annotations

import contextlib
import ctypes

from revurb.processes import prctl

_ARG_START, _ARG_END = 48, 49  # fields of /proc/PID/stat by proc(5), counted from 1


def set_title(title: str) -> None:
    """Have ps(1) show `title` as the command line, and ps -o comm its begin without spaces."""
    prctl.set_name(title.replace(" ", ""))
    show_as_command_line(title)


def show_as_command_line(text: str) -> None:
    """Have ps(1) show `text`, as far as there is room for it. Without effect where the system does not tell where the
    arguments are."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        start, end = _arguments()
        room = end - start
        if room > 1:
            shown = text.encode()[: room - 2]
            ctypes.memmove(start, shown.ljust(room - 1, b"\0") + b".", room)


def _arguments() -> tuple[int, int]:
    """The addresses of the first byte of the arguments and of the one after them; twice 0 if they are hidden."""
    with open(
        "/proc/self/stat"
    ) as file:  # Path would take more of the memory that is shared with other processes
        stat = file.read()
    fields = stat.rpartition(")")[
        2
    ].split()  # the name before it may have spaces; the first of them is field 3
    return int(fields[_ARG_START - 3]), int(fields[_ARG_END - 3])
