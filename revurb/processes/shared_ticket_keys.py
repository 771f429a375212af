"""The keys of TLS session tickets of a server: the supervisor makes them, its workers read them.

They are in memory that has no name and no file, and that only the supervisor and its children have a descriptor of.
The supervisor stays over a restart, and so do they. New ones are made once a day, since whoever learns the keys can
read the connections of TLS 1.2 whose tickets they were for. A ticket of the old ones is of no use any more then: its
client makes a full handshake.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from revurb.bus.hub.event_log import unnamed_memory
from revurb.transport.ticket_keys import KEYS_BYTES

RENEWED_AFTER_S = 86_400.0


class SharedTicketKeys:
    """The supervisor's end. `fd` is for workers to inherit."""

    def __init__(self) -> None:
        self.fd = unnamed_memory("revurb-tickets")
        self._timer: asyncio.TimerHandle | None = None
        self.renew()

    def renew(self) -> None:
        """New keys, which workers use within seconds."""
        os.pwrite(self.fd, os.urandom(KEYS_BYTES), 0)

    def keep_renewing(self) -> None:
        """Renew them every `RENEWED_AFTER_S` from now on, for as long as the loop runs. A second call does nothing."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(RENEWED_AFTER_S, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self.renew()
        self.keep_renewing()


def inherited_ticket_keys(fd: int) -> Callable[[], bytes]:
    """A worker's end: reads the keys of now. Who reads while they are written may get some of both, and whole ones with
    the next look."""
    os.set_inheritable(fd, False)
    return lambda: os.pread(fd, KEYS_BYTES, 0)
