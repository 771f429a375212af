"""Stalls: all processes of a command are stopped for a while, also those without a parent, and go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from tests.chaos.stalls import descendants, stopped


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_all_processes_stop_and_go_on_but_those_that_were_stopped_before() -> None:
    sleeper = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    running, held = (subprocess.Popen(sleeper, stdin=subprocess.PIPE) for _ in range(2))
    try:
        held.send_signal(signal.SIGSTOP)
        until(lambda: descendants(os.getpid())[held.pid] == "T")
        with stopped(os.getpid()) as pids:
            assert running.pid in pids
            assert held.pid not in pids
            until(lambda: descendants(os.getpid())[running.pid] == "T")
        until(lambda: descendants(os.getpid())[running.pid] != "T")
        assert descendants(os.getpid())[held.pid] == "T"
    finally:
        for process in (running, held):
            process.kill()
            process.communicate()


def test_an_orphan_is_stopped_too_and_the_exit_code_is_the_commands() -> None:
    shell = "sleep 30 >/dev/null & echo $!"
    look = f"""
import os, subprocess, sys, time
orphan = int(subprocess.run(["sh", "-c", {shell!r}], stdout=subprocess.PIPE).stdout)
began, stalls = time.monotonic(), 0
while stalls < 2 and time.monotonic() - began < 20:
    last = time.monotonic()
    time.sleep(0.005)
    stalls += time.monotonic() - last > 0.3
parent = int(open(f"/proc/{{orphan}}/stat").read().rpartition(")")[2].split()[1])
os.kill(orphan, 9)
sys.exit(7 if stalls == 2 and parent == os.getppid() else 1)
"""
    command = [sys.executable, "-m", "tests.chaos.stalls", "--stopped", "0.4", "--"]
    assert subprocess.run([*command, sys.executable, "-c", look], check=False).returncode == 7


def test_a_stop_of_a_whole_second_is_refused() -> None:
    command = [sys.executable, "-m", "tests.chaos.stalls", "--stopped", "1", "--", "true"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--stopped: found 1; allowed: more than 0 and less than 1" in done.stderr
