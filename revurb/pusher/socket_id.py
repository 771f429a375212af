"""Socket ids: `<process>.<connection>`, two decimal numbers as every Pusher SDK expects (`\\d+\\.\\d+`).

Unique by construction: the second number counts the connections of a process, and the first is the process:
its pid (22 bits at most), which no other live process of the host has, and 31 random bits, which distinguish hosts,
containers (where every server is pid 1) and earlier runs. 53 bits are a number to any client.
"""

from __future__ import annotations

import os
from itertools import count

_RANDOM_BITS = 31
_FIRST_CONNECTION_BITS = 30  # a random start: the number must not reveal how many connections there were


def process_of(socket_id: str) -> int:
    """The pid of the process that gave this id, as it sees itself."""
    return int(socket_id.partition(".")[0]) >> _RANDOM_BITS


def _random_bits(bits: int) -> int:
    """Without the module `secrets`, which takes 0.1 MiB."""
    return int.from_bytes(os.urandom(8)) >> (64 - bits)


class SocketIds:
    """Gives each connection of this process its id."""

    def __init__(self, process: int | None = None) -> None:
        if process is None:
            process = (os.getpid() << _RANDOM_BITS) | _random_bits(_RANDOM_BITS)
        self._prefix = f"{process}."
        self._numbers = count(_random_bits(_FIRST_CONNECTION_BITS) + 1)

    def next(self) -> str:
        return f"{self._prefix}{next(self._numbers)}"
