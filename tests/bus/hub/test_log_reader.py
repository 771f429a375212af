"""The rest is tested with its two kinds, in test_worker_log.py and tests/bus/relay/test_relay_reader.py."""

import pytest

from revurb.bus.hub.event_log import EVERYONE, shared_log
from revurb.bus.hub.log_reader import READ_RECORDS, LogReader


class Counting(LogReader):
    """Counts what it reads."""

    count = 0

    def _read(self) -> None:
        self.count += len(self._log.read(READ_RECORDS))
        if self._log.has_unread:
            self._read_soon()


async def test_what_is_held_or_stopped_reads_nothing() -> None:
    with shared_log(2) as log:
        reader, writer = Counting(log), log.open()
        reader.look()  # not started
        reader.start()
        writer.attach(1)
        writer.append(b"one", 0, EVERYONE)
        reader._is_held = True
        reader.look()
        assert reader.count == 0
        reader._is_held = False
        reader.look()
        assert (reader.count, reader._newly_missed()) == (1, 0)
        writer.append(b"two", 0, EVERYONE)
        reader.stop()
        reader.look()
        reader.stop()
        assert reader.count == 1


async def test_there_has_to_be_a_slot() -> None:
    with shared_log(1) as log:
        readers = [Counting(log) for _ in range(2)]
        readers[0].start()
        with pytest.raises(OSError, match="slots of the shared log are taken"):
            readers[1].start()
        readers[0].stop()
