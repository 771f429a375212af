"""Standard output and error of a process that serves: writing to them neither waits nor raises.

A pipe that nobody reads, a full disk, a terminal that is gone or a stream that was closed must not hurt clients. So a
line goes to a queue, and a thread writes it. What does not fit into the queue or cannot be written is dropped and
counted, and the number is logged when lines can be written again.

The thread and not O_NONBLOCK, since that would be set for all processes that share the pipe or the terminal.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import io
import logging
import os
import select
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import TextIO

_log = logging.getLogger(__name__)

MAX_QUEUED_BYTES = 1 << 20  # for each stream; then lines are dropped
MAX_WRITE_BYTES = 1 << 16  # the capacity of a pipe on Linux
LAST_LINES_S = 1.0  # how long the exit of the process waits for the lines that are queued


class UnblockedOutput(io.TextIOBase):
    """A text stream to the descriptor `fd`, by a thread of its own. Characters that `encoding` does not have are
    written as escape sequences. `lines_dropped` counts the lines that were not written."""

    def __init__(self, fd: int, name: str, encoding: str = "utf-8") -> None:
        self.name = name
        self.lines_dropped = 0
        self._fd = fd
        self._encoding = encoding
        self._unfinished = ""  # the begin of a line
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0  # of the queue and of what is being written
        self._changed = threading.Condition(threading.RLock())  # a signal handler may write while it is held
        self._thread: threading.Thread | None = None
        self._is_finished = False

    @property
    def encoding(self) -> str:  # type: ignore[override]  # of a class, an attribute
        return self._encoding

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "backslashreplace"

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return os.isatty(self._fd)

    def write(self, text: str) -> int:
        if self._is_finished:
            self._write_at_once(text)
            return len(text)
        with self._changed:
            *lines, self._unfinished = (self._unfinished + text).split("\n")
            for line in lines:
                self._put(f"{line}\n")
            if len(self._unfinished) > MAX_WRITE_BYTES:
                self.flush()
        return len(text)

    def flush(self) -> None:
        """Hands over the line that is not finished. Does not wait for the thread."""
        if self._is_finished:
            return
        with self._changed:
            unfinished, self._unfinished = self._unfinished, ""
            if unfinished:
                self._put(unfinished)

    def wait_until_written(self, timeout_s: float) -> bool:
        """Whether all lines were written or dropped within `timeout_s` seconds."""
        self.flush()
        with self._changed:
            return self._changed.wait_for(lambda: not self._queued_bytes, timeout_s)

    def finish(self, timeout_s: float) -> None:
        """Wait for what is queued, at most `timeout_s` seconds. From then on the lock is not taken any more: while the
        interpreter ends, it ends the thread wherever that waits for the GIL, also where it has just got the lock."""
        self.wait_until_written(timeout_s)
        self._is_finished = True

    def _write_at_once(self, text: str) -> None:
        """Write as much as the descriptor takes without waiting."""
        data = text.encode(self._encoding, "backslashreplace")[: select.PIPE_BUF]
        with contextlib.suppress(OSError):
            if select.select((), (self._fd,), (), 0)[1]:
                os.write(self._fd, data)

    def renew(self) -> None:
        """To be called in a forked process, where the thread is not: forget what the other process will write."""
        self._changed = threading.Condition(threading.RLock())  # the thread may have held the other one
        self._thread = None
        self._queue.clear()
        self._queued_bytes = 0
        self._unfinished = ""
        self.lines_dropped = 0

    def _put(self, line: str) -> None:
        data = line.encode(self._encoding, "backslashreplace")
        if self._queued_bytes + len(data) > MAX_QUEUED_BYTES:
            self.lines_dropped += 1
            return
        self._queue.append(data)
        self._queued_bytes += len(data)
        if self._thread is None:
            self._thread = start_thread(self._write_queued, f"{self.name} writer")
        self._changed.notify_all()

    def _write_queued(self) -> None:
        reported = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue)
                lines = [self._queue.popleft()]
                size = len(lines[0])
                while self._queue and size + len(self._queue[0]) <= MAX_WRITE_BYTES:
                    lines.append(self._queue.popleft())
                    size += len(lines[-1])
            written = _write(self._fd, b"".join(lines))
            with self._changed:
                self._queued_bytes -= size
                if not written:
                    self.lines_dropped += len(lines)
                dropped = self.lines_dropped - reported
                tell = written and dropped and not self._queue  # not for each part of what was queued
                self._changed.notify_all()
            if tell:
                reported += dropped
                _log.warning("lines were dropped", extra={"stream": self.name, "lines": dropped})


def _write(fd: int, data: bytes) -> bool:
    """Whether all of `data` was written. Waits as long as it takes."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # O_NONBLOCK, which another process has set
            with contextlib.suppress(OSError):
                select.select((), (fd,), (), 1.0)
        except OSError:
            return False
    return True


def start_thread(run: Callable[[], None], name: str) -> threading.Thread:
    """A daemon thread that gets no signals: one that the kernel gives to it does not wake the main thread, which has to
    handle it."""
    thread = threading.Thread(target=run, name=name, daemon=True)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        thread.start()  # it inherits the mask
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return thread


def protect_output() -> None:
    """Put an `UnblockedOutput` in place of `sys.stdout` and of `sys.stderr`, for the rest of the process. Without
    effect on streams that are not the process's own: of a test, or of a program that has replaced them."""
    open_standard_descriptors()
    # In the background of a terminal that has `tostop` set, writing to it would stop the process.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    sys.stdout = unblocked(sys.stdout, 1, "stdout")
    if os.path.samestat(os.fstat(1), os.fstat(2)) and isinstance(sys.stdout, UnblockedOutput):
        sys.stderr = sys.stdout  # by one thread, so that the lines of both keep their order
    else:
        sys.stderr = unblocked(sys.stderr, 2, "stderr")


def hand_over_output() -> None:
    """To be called before this process becomes another program: its lines are written, or dropped after a second."""
    for stream in set(_protected_streams()):
        stream.wait_until_written(LAST_LINES_S)


def renew_output() -> None:
    """To be called in a forked process, before it writes anything."""
    for stream in set(_protected_streams()):
        stream.renew()


def open_standard_descriptors() -> None:
    """Open /dev/null for each of the descriptors 0, 1 and 2 that is closed. A socket would get its number, and child
    processes would read from it and write to it."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError as error:
            if error.errno == errno.EBADF:
                os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free
                os.set_inheritable(fd, True)


def lines_dropped() -> int:
    """How many lines this process has dropped."""
    return sum(stream.lines_dropped for stream in set(_protected_streams()))


def unblocked(stream: TextIO | None, fd: int, name: str) -> TextIO:
    """An `UnblockedOutput` to the descriptor, if the stream writes to that; otherwise the stream."""
    if stream is not None:
        try:
            if isinstance(stream, UnblockedOutput) or stream.fileno() != fd:
                return stream
        except (OSError, ValueError, AttributeError):  # it has no descriptor, is closed, or is no file at all
            return stream
    output = UnblockedOutput(fd, name, getattr(stream, "encoding", None) or "utf-8")
    atexit.register(output.finish, LAST_LINES_S)
    return output  # type: ignore[return-value]  # all of TextIO that is used


def _protected_streams() -> Iterator[UnblockedOutput]:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, UnblockedOutput):
            yield stream
