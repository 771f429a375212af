"""A worker's side of the log of its host, where a relay appends what Redis publishes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

from revurb._speedups.shared_log import SharedLog
from revurb.bus.hub.event_log import EVERYONE, LogDescriptors
from revurb.bus.relay.relay_records import RelayRecord, channel_bucket, read_record

READ_RECORDS = 64  # at a time
TURN_S = 0.004  # what takes longer is read on in the next turn of the loop

RecordsRead = Callable[[list[RelayRecord]], None]


class RelayReader:
    """Attached from `start` to `stop`. Between `begin` and `end`, what is read goes to the callback.

    `token` is the name by which the relay addresses what is for this worker alone.
    """

    def __init__(self, descriptors: LogDescriptors) -> None:
        self._log: SharedLog = descriptors.open()
        self._wakes = descriptors.wakes
        self._loop = asyncio.get_running_loop()
        self._wake = -1
        self._is_attached = self._is_held = self._is_reading = False
        self._next_turn: asyncio.Handle | None = None
        self._on_records: RecordsRead | None = None
        self._on_missed: Callable[[int], None] = lambda missed: None
        self._missed = 0
        self.invalid_messages = 0

    def start(self) -> None:
        """Raises OSError if too many processes are attached already."""
        self._wake = self._wakes[self._log.attach(os.getpid(), EVERYONE)]
        self._is_attached = True
        self._loop.add_reader(self._wake, self.look)

    def stop(self) -> None:
        """Read nothing any more."""
        self._on_records = None
        if self._is_attached:
            self._is_attached = False
            self._loop.remove_reader(self._wake)
            self._log.detach()
        if self._next_turn is not None:
            self._next_turn.cancel()

    @property
    def token(self) -> int:
        return self._log.token

    def begin(self, on_records: RecordsRead, on_missed: Callable[[int], None]) -> None:
        """Give what is appended from now on to `on_records`. `on_missed` is called when some of it was overwritten
        before it was read, with the number of records, wanted or not."""
        self._is_held = False
        self._on_records, self._on_missed = None, on_missed
        while self._is_attached and (self._log.read(READ_RECORDS) or self._log.has_unread):
            pass  # what came before is not wanted
        self._missed = self._log.missed
        self._on_records = on_records

    def end(self) -> None:
        """Give nothing to anybody any more."""
        self._on_records = None

    def add_channel(self, channel: bytes) -> None:
        """Read what is published there. As often as it was added, it has to be removed."""
        if self._is_attached:
            self._log.add_topic(channel_bucket(channel))

    def remove_channel(self, channel: bytes) -> None:
        """Read it no more."""
        if self._is_attached:
            self._log.remove_topic(channel_bucket(channel))

    @property
    def has_unread(self) -> bool:
        """Whether there is anything that was not read, wanted or not."""
        return self._is_attached and self._log.has_unread

    def hold(self) -> None:
        """Read nothing until `read_on`. What is overwritten meanwhile is missed."""
        self._is_held = True

    def read_on(self) -> None:
        """Read again, from the next turn of the event loop on."""
        self._is_held = False
        self._read_soon()

    def look(self) -> None:
        """Read what there is. To be called a few times a second also if nothing has woken this process: who was about
        to may have been killed."""
        if self._is_attached:
            self._log.woken()
            self.read()

    def read(self) -> None:
        """Read what there is, for a while."""
        if not self._may_read() or self._is_reading or not self._log.has_unread:
            return
        log, until = self._log, time.perf_counter() + TURN_S
        self._is_reading = True
        try:
            while (records := log.read(READ_RECORDS)) or log.has_unread:
                self._pass_on(records)
                if not self._may_read():
                    return
                if time.perf_counter() >= until:
                    self._read_soon()
                    return
        finally:
            self._is_reading = False

    def _may_read(self) -> bool:
        return self._is_attached and not self._is_held

    def _pass_on(self, records: list[bytes | None]) -> None:
        missed, self._missed = self._log.missed - self._missed, self._log.missed
        on_records = self._on_records
        if on_records is None:
            return
        if missed:
            self._on_records = None
            self._on_missed(missed)
            return
        found: list[RelayRecord] = []
        for record in records:
            try:
                found.append(read_record(record or b""))
            except ValueError:
                self.invalid_messages += 1
        if found:
            on_records(found)

    def _read_soon(self) -> None:
        if self._next_turn is None:
            self._next_turn = self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._next_turn = None
        self.read()
