"""The log in which all events of a host have their order: memory that its processes share (`_speedups/shared_log`).

A worker appends what it publishes, and reads what it has subscribers for; both without asking anybody. The place in the
log is an event's place in the order, and with it the event is accepted: it is there for everyone who reads on, whoever
dies. The hub appends the member events, and its replies to subscribers, which have a place among the events.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

from revurb._speedups.shared_log import SharedLog

PLACES = 1 << 18  # events, 2 MiB: the least that somebody who reads four times a second can be behind in
RING_BYTES = 16 * 1024 * 1024  # of one process's events; while everyone keeps up, 1 MiB of it is used
MAX_RING_BYTES = 64 * 1024 * 1024  # what a place in the log can name
MFD_NOEXEC_SEAL = 8  # memfd_create(2): without it, sysctl vm.memfd_noexec=2 forbids the memory
EVERYONE = 1  # flag of what every worker reads
CACHED = 2  # flag of what the hub reads: the last event of a cache channel
KEPT = 4  # another: an event of a channel with history


class LogDescriptors(NamedTuple):
    """What a process has to inherit to open the log: the memory, and for each slot what wakes its process."""

    memory: int
    wakes: tuple[int, ...]

    @property
    def all(self) -> tuple[int, ...]:
        return (self.memory, *self.wakes)

    def argument(self) -> str:
        """Both as an argument of a child's command line."""
        return ",".join(map(str, self.all))

    @classmethod
    def from_argument(cls, text: str) -> Self:
        """Raises ValueError if that is no such argument."""
        memory, *wakes = map(int, text.split(","))
        return cls(memory, tuple(wakes))

    @property
    def epoch(self) -> str:
        """What positions in this log are told from those in others by. No two that Linux makes between two boots have
        the same number."""
        memory, boot = os.fstat(self.memory), b""
        with contextlib.suppress(OSError):
            boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()
        return hashlib.sha256(b"%d %d %b" % (memory.st_dev, memory.st_ino, boot)).hexdigest()[:12]

    def open(self) -> SharedLog:
        """The log, in this process. Raises OSError."""
        return SharedLog(self.memory, self.wakes)


def ring_bytes_for(request_bytes: int) -> int:
    """The size of the rings where a request or a message may have so many bytes. A record has at most half a ring, and
    in JSON that is in JSON, text may become longer."""
    return min(MAX_RING_BYTES, max(RING_BYTES, -(-request_bytes // 2**20) * 4 * 2**20))


@contextlib.contextmanager
def shared_log(slots: int, places: int = PLACES, ring_bytes: int = RING_BYTES) -> Iterator[LogDescriptors]:
    """A new log for at most `slots` processes at a time, until the end of the block. Raises OSError."""
    with contextlib.ExitStack() as stack:
        memory = unnamed_memory("revurb-log")
        stack.callback(os.close, memory)
        wakes = []
        for _ in range(slots):
            wakes.append(wake := _wake())
            stack.callback(os.close, wake)
        SharedLog(memory, wakes, slots=slots, places=places, ring_bytes=ring_bytes)
        yield LogDescriptors(memory, tuple(wakes))


def unnamed_memory(shown_as: str) -> int:
    """The descriptor of memory that processes can share, and that has no name. Without memfd_create(2) it is that of a
    file without a name."""
    if hasattr(os, "memfd_create"):
        try:
            return os.memfd_create(shown_as, os.MFD_CLOEXEC | MFD_NOEXEC_SEAL)
        except OSError:  # Linux before 6.3
            return os.memfd_create(shown_as, os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _wake() -> int:
    if hasattr(os, "eventfd"):
        return os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    with tempfile.TemporaryDirectory() as directory:  # a pipe of which one descriptor is both ends
        os.mkfifo(path := os.path.join(directory, "wake"), 0o600)
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
