"""Output that never waits: lines in order, a bound, what is dropped and told, descriptors that are closed."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from revurb.observe.unblocked_output import MAX_QUEUED_BYTES, UnblockedOutput, protect_output

PATIENCE_S = 20.0
LINE = "x" * 999


@contextlib.contextmanager
def piped(encoding: str = "utf-8") -> Iterator[tuple[UnblockedOutput, int, int]]:
    """An output to a pipe, and the pipe's ends: to read from, to write to. At the end all that is queued is read, so
    that the thread leaves the descriptor to others."""
    read_fd, write_fd = os.pipe()
    output = UnblockedOutput(write_fd, "test", encoding)
    yield output, read_fd, write_fd
    os.set_blocking(read_fd, False)
    while not output.wait_until_written(0.001):
        with contextlib.suppress(BlockingIOError):
            os.read(read_fd, 1 << 20)
    for fd in (read_fd, write_fd):
        os.close(fd)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_lines_arrive_whole_and_in_order() -> None:
    with piped() as (output, read_fd, _):
        for number in range(1000):
            print(number, "ä", file=output)
        output.write("the end")
        assert output.wait_until_written(PATIENCE_S)
        expected = "".join(f"{number} ä\n" for number in range(1000)) + "the end"
        assert os.read(read_fd, 1 << 20).decode() == expected
    assert output.lines_dropped == 0


def test_the_end_of_the_process_does_not_wait_for_a_thread_that_the_interpreter_has_ended() -> None:
    with piped() as (output, read_fd, _):
        print("first", file=output)
        output.finish(PATIENCE_S)
        # As a thread does that is ended where it has just got the lock.
        thread = threading.Thread(target=output._changed.acquire)
        thread.start()
        thread.join()
        ended = threading.Thread(
            target=print, args=("last",), kwargs={"file": output, "flush": True}, daemon=True
        )
        ended.start()
        ended.join(PATIENCE_S)
        assert not ended.is_alive()
        assert os.read(read_fd, 100) == b"first\nlast\n"
        output.renew()  # for `piped`: another lock


def test_a_character_that_the_encoding_lacks_is_escaped() -> None:
    with piped("latin-1") as (output, read_fd, _):
        print("ä日\ud800", file=output)
        assert output.wait_until_written(PATIENCE_S)
        assert os.read(read_fd, 100) == b"\xe4\\u65e5\\ud800\n"


def test_what_does_not_fit_is_dropped_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    with piped() as (output, read_fd, _), caplog.at_level(logging.WARNING):
        count = 2 * MAX_QUEUED_BYTES // len(f"{LINE}\n")
        for _ in range(count):
            print(LINE, file=output)
        assert not output.wait_until_written(0.01)  # nobody reads
        dropped = output.lines_dropped
        assert count / 2 - 70 < dropped <= count / 2 + 1  # a pipe takes 65
        received = 0
        while received < (count - dropped) * len(f"{LINE}\n"):
            received += len(os.read(read_fd, 1 << 20))
        assert output.wait_until_written(PATIENCE_S)
        until(lambda: sum(vars(record)["lines"] for record in caplog.records) == dropped)
        assert {record.message for record in caplog.records} == {"lines were dropped"}
        print(LINE, file=output)
        assert output.wait_until_written(PATIENCE_S)
        assert output.lines_dropped == dropped


def test_a_line_without_an_end_is_bound_too() -> None:
    with piped() as (output, _, _):
        for _ in range(4 * MAX_QUEUED_BYTES // 1000):
            output.write("x" * 1000)
        assert output.lines_dropped > 0


def test_errors_drop_lines_and_later_ones_are_written_again() -> None:
    with piped() as (output, read_fd, write_fd), open("/dev/full", "wb") as full:
        pipe = os.dup(write_fd)
        os.dup2(full.fileno(), write_fd)
        print("lost\nlost", file=output)
        assert output.wait_until_written(PATIENCE_S)
        assert output.lines_dropped == 2
        os.dup2(pipe, write_fd)
        print("there", file=output)
        assert output.wait_until_written(PATIENCE_S)
        assert os.read(read_fd, 100) == b"there\n"
        os.close(pipe)


def test_a_pipe_that_others_made_nonblocking_is_waited_for() -> None:
    with piped() as (output, read_fd, write_fd):
        os.set_blocking(write_fd, False)
        for _ in range(200):
            print(LINE, file=output)
        received = 0
        while received < 200_000:
            received += len(os.read(read_fd, 1 << 16))
        assert output.wait_until_written(PATIENCE_S)
        assert output.lines_dropped == 0


def test_streams_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    output = UnblockedOutput(1, "stdout")
    with open(os.devnull, "w") as theirs:
        monkeypatch.setattr(sys, "stdout", output)
        monkeypatch.setattr(sys, "stderr", theirs)
        protect_output()
        assert sys.stdout is output
        if not os.path.samestat(os.fstat(1), os.fstat(2)):
            assert sys.stderr is theirs


OPENED = """
import os, sys
from revurb.observe.unblocked_output import lines_dropped, protect_output
protect_output()
fds = [os.stat(f"/proc/self/fd/{fd}") for fd in range(3)]
null = os.stat(os.devnull)
print("into nothing")
sys.exit(7 if all(os.path.samestat(fd, null) for fd in fds) and lines_dropped() == 0 else 1)
"""


def test_closed_descriptors_are_opened_on_dev_null() -> None:
    shell = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", OPENED]
    assert subprocess.run(shell, check=False).returncode == 7


def test_the_last_lines_are_written_at_the_exit() -> None:
    code = "from revurb.observe.unblocked_output import protect_output as p; p(); print('x' * 100000); 1 / 0"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == f"{'x' * 100_000}\n"
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_one_stream_for_both_keeps_their_order() -> None:
    code = """
import sys
from revurb.observe.unblocked_output import protect_output
protect_output()
for number in range(200):
    print(number, file=(sys.stdout, sys.stderr)[number % 2])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    )
    assert done.stdout.split() == [str(number) for number in range(200)]


def test_a_forked_process_writes_its_own_lines_only() -> None:
    """Its parent's thread may have been at work, with the lock taken and lines in the queue."""
    code = """
import os, sys, threading
from revurb.observe.unblocked_output import lines_dropped, protect_output, renew_output

protect_output()
print("of the parent", flush=True)
assert sys.stdout.wait_until_written(20)
sys.stdout.lines_dropped = 3
sys.stdout._queue.append(b"not of the child\\n")
sys.stdout._queued_bytes += 17
sys.stdout.write("nor is this")
taken = threading.Event()

def hold():
    with sys.stdout._changed:
        taken.set()
        threading.Event().wait()

threading.Thread(target=hold, daemon=True).start()
taken.wait()
pid = os.fork()
if pid == 0:
    renew_output()
    print("of the child", lines_dropped())
    assert sys.stdout.wait_until_written(20)
os._exit(0 if pid == 0 else os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "of the parent\nof the child 0\n", "")
