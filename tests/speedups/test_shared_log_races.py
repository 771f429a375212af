"""The log that processes share, while they are killed, and written over while it is read."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from revurb._speedups.log_events import EventChannels
from revurb._speedups.shared_log import SharedLog, topic_bucket
from tests.speedups.logs import LogMemory, log_memory

NEWS = topic_bucket("app", "news")
HEADERS = Path(__file__).parents[2] / "revurb/_speedups"
# Words instead of vectors: a header is then read and written in several steps, as on other processors.
FLAGS = ("-mgeneral-regs-only",) if platform.machine() in ("x86_64", "AMD64") else ()
COMPILER = shutil.which("cc")


def append_for_ever(memory: LogMemory, name: int) -> None:
    log = memory.attached(os.getpid())
    number = 0
    while True:
        number += 1
        log.append(b"%d %d " % (name, number) + b"x" * (number * 37 % 700), NEWS)


def test_writers_that_are_killed_leave_whole_records_in_one_order() -> None:
    """Twelve processes, killed while they append as fast as they can; two readers see the same."""
    with log_memory(slots=5, places=1 << 16, ring_bytes=1 << 24) as memory:
        one, two = memory.attached(1, 0, NEWS), memory.attached(2, 0, NEWS)
        read: dict[SharedLog, list[bytes]] = {one: [], two: []}
        pids: list[int] = []

        def read_on() -> None:
            for log, texts in read.items():
                texts += filter(None, log.read(1000))

        def heard(name: int) -> bool:
            read_on()
            return any(text.startswith(b"%d " % name) for text in read[one][-1000:])

        for name in range(12):
            pid = os.fork()
            if not pid:
                try:
                    append_for_ever(memory, name)
                finally:
                    os._exit(1)
            pids.append(pid)
            while not heard(name):
                pass
            if len(pids) == 3:
                os.kill(victim := pids.pop(0), signal.SIGKILL)
                os.waitpid(victim, 0)
                one.free(victim)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        while one.has_unread or two.has_unread:
            read_on()
        newest = [0] * 12
        for text in read[one]:
            name, number = (int(part) for part in text.split()[:2])
            assert len(text) == len(b"%d %d " % (name, number)) + number * 37 % 700
            assert number > newest[name]
            newest[name] = number
        assert all(newest)
        common = set(read[one]) & set(read[two])
        assert [text for text in read[one] if text in common] == [
            text for text in read[two] if text in common
        ]


def test_events_that_are_written_over_while_they_are_read_are_whole_or_missed() -> None:
    """The ring has room for a few only, and its writer, which is killed in the end, does not wait for the reader."""
    with log_memory(places=1 << 12, ring_bytes=1 << 12) as memory:
        channels = EventChannels(lambda *event: event)
        keys = [("app" * (number % 3), f"channel-{number}") for number in range(8)]
        buckets = [topic_bucket(*key) for key in keys if channels.add(key)]
        reader = memory.attached(1, 0, *buckets)
        pid = os.fork()
        if not pid:
            try:
                log = memory.attached(os.getpid())
                while True:
                    for number, key in enumerate(keys):
                        log.append_event(
                            *key, b"%d" % number * 40 * (number + 1), str(number) * number, number
                        )
            finally:
                os._exit(1)
        read = 0
        try:
            while read < 20_000 or not reader.missed:
                for event in reader.read(100, 0, channels):
                    assert isinstance(event, tuple)
                    number = event[4]
                    assert event[:2] == keys[number]
                    assert event[2:4] == (b"%d" % number * 40 * (number + 1), str(number) * number)
                    read += 1
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        reader.free(pid)
        while reader.has_unread:
            reader.read(100, 0, channels)
        memory.attached(2).append_event(*keys[0], b"after")
        assert reader.read(10, 0, channels) == [(*keys[0], b"after", None, 0)]
        assert channels.invalid == 0


@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
@pytest.mark.parametrize("flags", [(), FLAGS], ids=["vectors", "words"])
def test_nobody_takes_a_later_record_for_the_one_that_it_has_written_over(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    program, source = tmp_path / "lapped_reader", Path(__file__).with_name("lapped_reader.c")
    command = ["cc", "-O2", *flags, "-pthread", f"-I{HEADERS}", str(source), "-o", str(program)]
    subprocess.run(command, check=True)
    given, wrong = subprocess.run([program], check=True, capture_output=True).stdout.split()
    assert int(given) > 1000
    assert int(wrong) == 0
