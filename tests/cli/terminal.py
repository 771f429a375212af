"""A command on a terminal of its own, as a person has it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.cli.conftest import process_environment

PATIENCE_S = 20.0
NOTHING: Mapping[str, str] = {}


class Terminal:
    """`screen` is all that was written so far."""

    def __init__(self, process: subprocess.Popen[bytes], fd: int) -> None:
        self.process = process
        self._fd = fd
        self.screen = ""

    def _read(self, timeout_s: float) -> bool:
        """Whether there may be more."""
        if not select.select([self._fd], [], [], timeout_s)[0]:
            return True
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # the other end is closed
            return False
        self.screen += data.decode(errors="replace")
        return bool(data)

    def shows(self, pattern: str) -> re.Match[str]:
        """Wait until the pattern was written."""
        deadline = time.monotonic() + PATIENCE_S
        while (found := re.search(pattern, self.screen)) is None:
            is_open = self._read(0.1) and time.monotonic() < deadline
            assert is_open, f"{pattern!r} is not shown:\n{self.screen}"
        return found

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def ended(self) -> int:
        """Wait for its end; the exit code."""
        deadline = time.monotonic() + PATIENCE_S
        while self._read(0.1):
            assert time.monotonic() < deadline, f"it goes on:\n{self.screen}"
        return self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def terminal(
    cwd: Path, *command: str, columns: int = 100, environment: Mapping[str, str] = NOTHING
) -> Iterator[Terminal]:
    """Runs `python` with these arguments on a new terminal; killed at the end."""
    fd, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    env = {**process_environment(), "TERM": "xterm-256color", **environment}
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CI"):
        if name not in environment:
            env.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, *command], cwd=cwd, env=env, stdin=other, stdout=other, stderr=other,
        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C is one
    )  # fmt: skip
    os.close(other)
    try:
        yield Terminal(process, fd)
    finally:
        process.kill()
        process.wait()
        os.close(fd)
