"""The tokens of a server's connections (`limits.max_connections`), shared by its workers without a round trip.

The tokens are the count of an eventfd(2) that is a semaphore: taking one is a read, which the kernel does for one
worker at a time. How many each worker holds is in memory that it shares with the supervisor: when it has ended,
whichever way, the supervisor gives those back. A worker that is killed between taking a token and noting it takes one
with it.
"""

from __future__ import annotations

import mmap
import os
from typing import Self

MAX_LIMIT = (1 << 32) - 1  # of eventfd(2); there are not that many ports
WORKERS = 512  # at the same time, with those that drain
_COUNT_BYTES = 8


class ConnectionTokens:
    """The supervisor's end. `fds` are for the workers to inherit. `settle` is called for each worker that was given a
    `share`, when it has ended."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._tokens = os.eventfd(min(limit, MAX_LIMIT), os.EFD_SEMAPHORE | os.EFD_NONBLOCK)
        self._memory = os.memfd_create("revurb-connections")
        os.ftruncate(self._memory, WORKERS * _COUNT_BYTES)
        self._held = memoryview(mmap.mmap(self._memory, WORKERS * _COUNT_BYTES)).cast("q")
        self._free = list(range(WORKERS))
        self._retired = False

    @property
    def fds(self) -> tuple[int, int]:
        return (self._tokens, self._memory)

    def share(self) -> int:
        """A row of the memory for one worker. Raises OSError if there is none."""
        if not self._free:
            raise OSError(f"there are more than {WORKERS} workers")
        return self._free.pop()

    def settle(self, row: int) -> None:
        """Give back what the worker with this row has not."""
        held, self._held[row] = self._held[row], 0
        if held > 0:
            os.eventfd_write(self._tokens, held)
        self._free.append(row)
        self._close_if_done()

    def retire(self) -> None:
        """No worker will be given a share any more: close the descriptors when all have been settled."""
        self._retired = True
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._retired and len(self._free) == WORKERS:
            os.close(self._tokens)
            os.close(self._memory)


class SharedConnectionLimit:
    """A worker's end: a `node.connection_limit.ConnectionLimit`."""

    def __init__(self, tokens: int, memory: int, row: int) -> None:
        self._tokens = tokens
        self._held = memoryview(mmap.mmap(memory, WORKERS * _COUNT_BYTES)).cast("q")
        self._row = row

    @classmethod
    def inherited(cls, text: str) -> Self:
        """From the argument of a worker: the two descriptors and its row, such as "7,8,0"."""
        tokens, memory, row = map(int, text.split(","))
        for fd in (tokens, memory):
            os.set_inheritable(fd, False)
        return cls(tokens, memory, row)

    def take(self) -> bool:
        try:
            os.eventfd_read(self._tokens)
        except BlockingIOError:
            return False
        self._held[self._row] += 1
        return True

    def give_back(self) -> None:
        self._held[self._row] -= 1
        os.eventfd_write(self._tokens, 1)
