"""The stacks of a blocked server without a supervisor: on standard error, also where that cannot take them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

# Blocks for as long as its standard input is open, beside a dump that is due at once, and closes the dump.
BLOCKED = """
import sys
from revurb.observe.unblocked_output import protect_output
from revurb.processes.stack_dump import StackDump
protect_output()
dump = StackDump()
dump.postpone(3600)
def blocks():
    dump.postpone(0.01)  # in here: what is printed has this function in it, however late that is
    sys.stdin.read()
blocks()
dump.close()
print("closed", flush=True)
"""


def test_the_stack_is_printed_while_the_thread_is_blocked() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", BLOCKED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if " in blocks" in line:
            break
    else:
        raise AssertionError("no stack")
    out, _ = process.communicate()
    assert (process.returncode, out) == (0, "closed\n")


def test_a_stack_is_json_where_the_log_is() -> None:
    program = BLOCKED.replace("StackDump()", "StackDump('json')").replace(
        "protect_output()\ndump", "protect_output()\nconfigure_logging('json', 'info')\ndump"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", f"from revurb.observe.logs import configure_logging\n{program}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        entry = json.loads(line)
        assert entry["message"] == "the event loop is blocked"
        if " in blocks" in entry["stack"]:
            break
    else:
        raise AssertionError("no stack")
    assert process.communicate()[0] == "closed\n"


def test_a_full_pipe_does_not_hold_up_the_end() -> None:
    read_fd, write_fd = os.pipe()
    try:
        os.set_blocking(write_fd, False)
        while True:
            try:
                os.write(write_fd, b"x" * 4096)
            except BlockingIOError:
                break
        os.set_blocking(write_fd, True)
        code = BLOCKED.replace("sys.stdin.read()", "__import__('time').sleep(0.1)")
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=write_fd,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, b"closed\n")
    finally:
        os.close(read_fd)
        os.close(write_fd)
