"""What a process tells of itself."""

from __future__ import annotations

import mmap
import os
import resource
import sys
import time

import pytest

from revurb.observe.figures import Figures
from revurb.observe.process_figures import write_process
from revurb.version import __version__


def value(figures: Figures, name: str) -> float:
    ((number,),) = figures.values[name].values()
    return number


def test_it_is_as_the_system_says() -> None:
    figures = Figures()
    write_process(figures, time.monotonic() - 100)
    assert value(figures, "process_uptime_seconds") == pytest.approx(100, abs=5)
    assert value(figures, "process_cpu_seconds_total") == pytest.approx(time.process_time(), abs=5)
    assert value(figures, "process_open_files_limit") == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert list(figures.values["build_info"]) == [(__version__, sys.version.split()[0])]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
def test_memory_and_open_files() -> None:
    figures, more = Figures(), Figures()
    write_process(figures)
    held = mmap.mmap(-1, 32 * 1024 * 1024)  # new pages, whatever the allocator has left
    held.write(b"x" * len(held))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(10)]
    try:
        write_process(more)
    finally:
        for file in files:
            os.close(file)
    size = len(held)
    held.close()
    grown = value(more, "process_memory_bytes") - value(figures, "process_memory_bytes")
    assert grown > size * 0.5
    if "process_open_files" in figures.values:  # since Linux 6.2
        assert value(more, "process_open_files") - value(figures, "process_open_files") == 10
