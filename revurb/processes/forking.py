"""Forks a process that is as one that was started afresh, and a child of the supervisor instead of this process.

The supervisor adopts orphans (`revurb.processes.prctl`): a process between the two forks and ends at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import signal
from collections.abc import Mapping, Sequence

from revurb.observe.unblocked_output import renew_output
from revurb.processes.process_title import set_title
from revurb.processes.supervision_link import BEGIN
from revurb.processes.template_link import close_all

# The supervisor tells its children what they ask for. systemd sends them to all processes of a service.
SUPERVISORS_SIGNALS = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT, signal.SIGHUP)


def fork_orphan() -> int | None:
    """The pid of a new process, whose parent is the nearest ancestor that adopts orphans by now; None in that process,
    perhaps before. Raises OSError."""
    reading, writing = os.pipe()
    try:
        between = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        raise
    if between == 0:
        os.close(reading)
        if _is_forked(writing):
            os.close(writing)
            return None
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = int(pipe.read() or b"0")
    os.waitpid(between, 0)
    if answer < 0:
        raise OSError(-answer, os.strerror(-answer))
    if answer == 0:
        raise OSError(0, "the process in between was killed")
    return answer


def _is_forked(writing: int) -> bool:
    """In the process in between: forks, and writes the pid, or the negative number of the error. True in the process
    that it forks."""
    try:
        try:
            pid = os.fork()
        except OSError as error:
            os.write(writing, b"-%d" % (error.errno or 0))
            return False
        if pid:
            os.write(writing, b"%d" % pid)
    except BaseException:  # the template is gone: nobody is to hear of it
        return False
    return pid == 0


def become(title: str, fds: Sequence[int], numbers: Sequence[int]) -> None:
    """Give a forked process what a fresh one would have, and `fds` the `numbers` that its arguments name them by."""
    os.setpgid(0, 0)  # Ctrl-C reaches the supervisor only
    for number in SUPERVISORS_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    set_title(title)
    renew_output()
    gc.enable()
    place(fds, numbers)


def place(fds: Sequence[int], numbers: Sequence[int]) -> None:
    """Move the descriptors `fds` to `numbers`, none of which is another one that is in use."""
    free = max(numbers, default=0) + 1
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, free) for fd in fds]
    close_all(fds)
    for fd, number in zip(moved, numbers, strict=True):
        os.dup2(fd, number, inheritable=False)
    close_all(moved)


def wait_for_begin(link_fd: int) -> None:
    """Returns when the supervisor knows this process. Ends it if that closes the link: it waits for another one."""
    if os.read(link_fd, len(BEGIN)) != BEGIN:
        os._exit(0)


def close_inherited(kept: int) -> None:
    """Close all descriptors from 3 on but `kept`, and read from /dev/null."""
    for fd in map(
        int, os.listdir("/proc/self/fd")
    ):  # not all that are possible: in a container that is a billion
        if fd > 2 and fd != kept:
            with contextlib.suppress(OSError):  # that of the list itself is closed by now
                os.close(fd)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


def set_environment(environ: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environ)
