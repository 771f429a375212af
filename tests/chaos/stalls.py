"""Runs a command while all its processes are stopped for a part of each second, as on a machine that is far too busy.

    python -m tests.chaos.stalls [--stopped 0.4] -- python -m pytest tests/processes

What passes here depends on no deadline that such a machine misses. Exits with the command's exit code.

Plan: this process becomes the subreaper of all that the command starts, so that also processes that lost their parent
stay its descendants. Each second they get SIGSTOP until no process of them is left that runs, and later SIGCONT.
Those that a test has stopped itself are left as they are.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
PERIOD_S = 1.0


def adopt_orphans() -> None:
    """Become the parent of the descendants that lose theirs, so that they stay descendants."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(root: int) -> dict[int, str]:
    """The processes below `root`, with their states as in proc(5): "S", "T" (stopped), "Z"..."""
    parents: dict[int, int] = {}
    states: dict[int, str] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError):
                # The command's name, in parentheses, may have spaces.
                state, parent = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[:2]
                parents[int(name)], states[int(name)] = int(parent), state

    def is_below(pid: int) -> bool:
        while (pid := parents.get(pid, 0)) != 0:
            if pid == root:
                return True
        return False

    return {pid: state for pid, state in states.items() if is_below(pid)}


@contextlib.contextmanager
def stopped(root: int) -> Iterator[set[int]]:
    """Stops all processes below `root` for the time of the block."""
    ours: set[int] = set()
    theirs = {pid for pid, state in descendants(root).items() if state in "TtZX"}
    try:
        # Again until nothing new is found: a process may start another one before it stops.
        while fresh := descendants(root).keys() - ours - theirs:
            for pid in fresh:
                ours.add(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
        yield ours
    finally:
        for pid in ours:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def run_stalled(command: Sequence[str], stopped_s: float) -> int:
    """Run `command`, stopped for `stopped_s` in each second. Returns its exit code."""
    adopt_orphans()
    process = subprocess.Popen(command)
    try:
        while True:
            try:
                return process.wait(PERIOD_S - stopped_s)
            except subprocess.TimeoutExpired:
                with stopped(os.getpid()):
                    time.sleep(stopped_s)
                _reap_orphans(process.pid)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def _reap_orphans(main: int) -> None:
    """Wait for the processes that ended without a parent of theirs."""
    for pid, state in descendants(os.getpid()).items():
        if state == "Z" and pid != main:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.stalls", allow_abbrev=False)
    parser.add_argument("--stopped", type=float, default=0.4, metavar="SECONDS", help="of each second")
    parser.add_argument("command", nargs="+")
    given = parser.parse_args(arguments)
    if not 0 < given.stopped < PERIOD_S:
        parser.error(f"--stopped: found {given.stopped:g}; allowed: more than 0 and less than {PERIOD_S:g}")
    return run_stalled(given.command, given.stopped)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
