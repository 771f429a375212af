"""What /proc tells of a process."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from revurb.observe.proc_files import proc_usage


def test_cpu_time_and_memory_of_another_process() -> None:
    program = "import sys, time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\nsys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        usage = proc_usage(process.pid)
        assert usage is not None
        assert usage.cpu_s >= 0.25
        assert usage.memory_bytes > 1_000_000
        assert usage.waited_s >= 0
        process.communicate()
    assert proc_usage(process.pid) is None


def test_our_own_is_that_of_the_clock() -> None:
    usage = proc_usage(os.getpid())
    assert usage is not None
    assert abs(usage.cpu_s - time.process_time()) < 0.5
