"""What those who read the log of a host have in common: a slot there, being woken, and reading for a while."""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod

from revurb._speedups.shared_log import SharedLog
from revurb.bus.hub.event_log import EVERYONE, LogDescriptors

READ_RECORDS = 64  # at a time
TURN_S = 0.004  # what takes longer is read on in the next turn of the loop


class LogReader(ABC):
    """Attached from `start` to `stop`. `token` is the name by which others address what is for this process alone."""

    def __init__(self, descriptors: LogDescriptors) -> None:
        self._log: SharedLog = descriptors.open()
        self._wakes = descriptors.wakes
        self._loop = asyncio.get_running_loop()
        self._wake = -1
        self._is_attached = self._is_held = self._is_reading = False
        self._next_turn: asyncio.Handle | None = None
        self._missed = 0  # records, as far as it was told

    def start(self) -> None:
        """Read what is appended from now on. Raises OSError if too many processes do already."""
        self._wake = self._wakes[self._log.attach(os.getpid(), EVERYONE)]
        self._is_attached = True
        self._loop.add_reader(self._wake, self.look)

    def stop(self) -> None:
        """Read nothing any more."""
        if self._is_attached:
            self._is_attached = False
            self._loop.remove_reader(self._wake)
            self._log.detach()
        if self._next_turn is not None:
            self._next_turn.cancel()

    @property
    def token(self) -> int:
        return self._log.token

    def look(self) -> None:
        """Read what there is. To be called a few times a second also if nothing has woken this process: who was about
        to may have been killed or stopped, and nobody else would."""
        if self._is_attached:
            self._log.woken()
            self.read()

    def read(self) -> None:
        """Read what there is, for a while."""
        if self._may_read() and not self._is_reading and self._log.has_unread:
            self._read()

    @abstractmethod
    def _read(self) -> None:
        """Read until there is no more, this process is held or TURN_S have passed; then `_read_soon`."""

    def _may_read(self) -> bool:
        return self._is_attached and not self._is_held

    def _newly_missed(self) -> int:
        """How many records were overwritten before they were read, since the last call."""
        missed, self._missed = self._log.missed - self._missed, self._log.missed
        return missed

    def _read_soon(self) -> None:
        if self._next_turn is None:
            self._next_turn = self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._next_turn = None
        self.read()
