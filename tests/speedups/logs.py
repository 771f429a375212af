"""Shared logs for tests."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from revurb._speedups.shared_log import SharedLog

PLACES = 64
RING_BYTES = 1 << 14


class LogMemory:
    """Memory and descriptors of a log. `open` gives it to one process more."""

    def __init__(self, slots: int, places: int, ring_bytes: int) -> None:
        self.fd = os.memfd_create("test")
        self.wakes = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(slots)]
        SharedLog(self.fd, self.wakes, slots=slots, places=places, ring_bytes=ring_bytes)

    def open(self) -> SharedLog:
        return SharedLog(self.fd, self.wakes)

    def attached(self, pid: int = 1, flags: int = 0, *topics: int, wake: bool = True) -> SharedLog:
        log = self.open()
        log.attach(pid, flags, wake=wake)
        for topic in topics:
            log.add_topic(topic)
        return log

    def is_woken(self, slot: int) -> bool:
        try:
            os.eventfd_read(self.wakes[slot])
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        for fd in (self.fd, *self.wakes):
            os.close(fd)


@contextlib.contextmanager
def log_memory(slots: int = 4, places: int = PLACES, ring_bytes: int = RING_BYTES) -> Iterator[LogMemory]:
    memory = LogMemory(slots, places, ring_bytes)
    try:
        yield memory
    finally:
        memory.close()
