"""A worker's side of the log of its host, where a relay appends what Redis publishes."""

from __future__ import annotations

import time
from collections.abc import Callable

from revurb.bus.hub import log_reader
from revurb.bus.hub.event_log import LogDescriptors
from revurb.bus.hub.log_reader import LogReader
from revurb.bus.relay.relay_records import RelayRecord, channel_bucket, read_record

RecordsRead = Callable[[list[RelayRecord]], None]


class RelayReader(LogReader):
    """Between `begin` and `end`, what is read goes to the callback."""

    def __init__(self, descriptors: LogDescriptors) -> None:
        super().__init__(descriptors)
        self._on_records: RecordsRead | None = None
        self._on_missed: Callable[[int], None] = lambda missed: None
        self.invalid_messages = 0

    def stop(self) -> None:
        self._on_records = None
        super().stop()

    def begin(self, on_records: RecordsRead, on_missed: Callable[[int], None]) -> None:
        """Give what is appended from now on to `on_records`. `on_missed` is called when some of it was overwritten
        before it was read, with the number of records, wanted or not."""
        self._is_held = False
        self._on_records, self._on_missed = None, on_missed
        while self._is_attached and (self._log.read(log_reader.READ_RECORDS) or self._log.has_unread):
            pass  # what came before is not wanted
        self._newly_missed()
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

    def _read(self) -> None:
        log, until = self._log, time.perf_counter() + log_reader.TURN_S
        self._is_reading = True
        try:
            while (records := log.read(log_reader.READ_RECORDS)) or log.has_unread:
                self._pass_on(records)
                if not self._may_read():
                    return
                if time.perf_counter() >= until:
                    self._read_soon()
                    return
        finally:
            self._is_reading = False

    def _pass_on(self, records: list[bytes | None]) -> None:
        missed, on_records = self._newly_missed(), self._on_records
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
