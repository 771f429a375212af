"""The file of dead letters: a line of JSON for each request that was given up.

Writing must never hold up serving, so a thread does it, from a queue with a bound. The file has a bound too: one that
is full becomes FILE.1, in place of the one before, so that both together take twice `MAX_FILE_BYTES` at most.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import deque
from pathlib import Path

_log = logging.getLogger(__name__)

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_QUEUED_BYTES = 8 * 1024 * 1024


class DeadLetterFile:
    """Appends lines to the file at `path`, which only its owner may read. What cannot be written is counted in
    `lines_dropped`, and logged once until it can be again."""

    def __init__(self, path: str, max_file_bytes: int = MAX_FILE_BYTES) -> None:
        self._path = Path(path)
        self._max_file_bytes = max_file_bytes
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closing = False
        self._has_failed = False
        self.lines_dropped = 0

    def append(self, line: bytes) -> None:
        """Write `line`, which has no line end, soon."""
        with self._changed:
            if self._queued_bytes + len(line) > MAX_QUEUED_BYTES:
                self.lines_dropped += 1
                return
            self._queue.append(line)
            self._queued_bytes += len(line)
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="webhook dead letters", daemon=True)
                self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Write what is queued; waits for that no longer than `timeout_s`."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout_s)

    def _run(self) -> None:
        """In the thread: it ends when nothing is left and the file is closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._is_closing)
                if not self._queue:
                    self._thread = None
                    return
                line = self._queue[0]
            self._write(line + b"\n")
            with self._changed:
                self._queue.popleft()
                self._queued_bytes -= len(line)

    def _write(self, line: bytes) -> None:
        try:
            self._make_room(len(line))
            # Opened each time: others may move it away.
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(fd, line)
            finally:
                os.close(fd)
        except OSError as error:
            self.lines_dropped += 1
            if not self._has_failed:
                _log.warning(
                    "dead letters of webhooks cannot be written",
                    extra={"file": str(self._path), "reason": error.strerror},
                )
            self._has_failed = True
        else:
            self._has_failed = False

    def _make_room(self, line_bytes: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            size_bytes = self._path.stat().st_size
            if size_bytes and size_bytes + line_bytes > self._max_file_bytes:
                self._path.replace(f"{self._path}.1")
