"""Standard output and error that cannot be written to: a server of one process and one with workers serve on."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from revurb.processes.control_socket import ControlRequest, ServerStatus, send_control_request
from revurb.processes.runtime_dir import control_sockets
from tests.client import api, connect
from tests.processes.test_single_node import APP

PATIENCE_S = 20.0
ROOM = "presence-room"


@contextlib.contextmanager
def blocked_pipe() -> Iterator[int]:
    """A pipe that is full, and that nobody reads."""
    read_fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write_fd, b"x" * 4096)
    os.set_blocking(write_fd, True)
    yield write_fd
    os.close(read_fd)
    os.close(write_fd)


@contextlib.contextmanager
def broken_pipe() -> Iterator[int]:
    """A pipe whose reader is gone."""
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    yield write_fd
    os.close(write_fd)


@contextlib.contextmanager
def full_disk() -> Iterator[int]:
    with open("/dev/full", "wb") as file:
        yield file.fileno()


@contextlib.contextmanager
def nowhere() -> Iterator[int]:
    with open(os.devnull, "wb") as file:
        yield file.fileno()


# Name -> the output, what the shell does to it, and whether every line of a process is dropped.
OUTPUTS: dict[str, tuple[Callable[[], contextlib.AbstractContextManager[int]], str, bool]] = {
    "blocked": (blocked_pipe, "", False),
    "broken": (broken_pipe, "", True),
    "full": (full_disk, "", True),
    "closed": (nowhere, ">&- 2>&-", False),
    "all-closed": (nowhere, "<&- >&- 2>&-", False),
    "stdout-full": (full_disk, "2>/dev/null", True),
    "latin-1": (nowhere, "", False),
}


def status_of(folder: Path) -> ServerStatus | None:
    for _, sock in control_sockets(str(folder)):
        with sock:
            return send_control_request(sock, ControlRequest("status"), PATIENCE_S).status
    return None


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("debug", [(), ("--debug",)], ids=["", "debug"])
@pytest.mark.parametrize("output", OUTPUTS)
async def test_a_server_serves_on(tmp_path: Path, output: str, workers: str, debug: tuple[str, ...]) -> None:
    make_output, redirections, drops = OUTPUTS[output]
    command = [sys.executable, "-P", "-m", "revurb", "serve", "--dev", "--port", "0", "--workers", workers]
    environment = {"PATH": os.environ["PATH"], "REVURB_RUNTIME_DIR": str(tmp_path)}
    if output == "latin-1":
        environment["PYTHONIOENCODING"] = "latin-1"
    with make_output() as fd:
        process = subprocess.Popen(
            ["sh", "-c", f'exec "$@" {redirections}', "sh", *command, *debug],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=fd,
            stderr=fd,
        )
        try:
            deadline = time.monotonic() + PATIENCE_S
            while (status := status_of(tmp_path)) is None or status.state != "ready":
                assert time.monotonic() < deadline, status
                assert process.poll() is None
                time.sleep(0.02)
            async with connect(status.port, APP.key) as ann:
                await ann.subscribe(ROOM, APP, {"user_id": "ann"})
                async with connect(status.port, APP.key) as bob:
                    await bob.subscribe(ROOM, APP, {"user_id": "bob"})
                    await ann.expect("pusher_internal:member_added")
                    for number in range(50):
                        event = {"name": "e", "channel": ROOM, "data": f"日本 \u202e {number}"}
                        response = await api(status.port, APP, "POST", "/events", event)
                        assert (response.status, response.text) == (200, "{}")
                        await ann.expect("e")
                        await bob.expect("e")
                await ann.expect("pusher_internal:member_removed")  # and no ghost stays
            while drops and status.lines_dropped == 0:  # with workers, by their next heartbeat
                assert time.monotonic() < deadline + PATIENCE_S
                status = status_of(tmp_path)
                assert status is not None
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
            process.wait()


EMBEDDED = """
import asyncio
from revurb import App, Server
from tests.client import connect

async def main():
    async with Server(apps=[App(id="1", key="key1", secret="secret1")], port=0, debug=True) as server:
        async with connect(server.port, "key1") as client:
            for _ in range(900):
                await client.subscribe("news")

asyncio.run(main())
"""


def test_a_program_with_a_node_that_traces_does_not_wait_for_its_output() -> None:
    with blocked_pipe() as fd:
        done = subprocess.run([sys.executable, "-c", EMBEDDED], stdout=fd, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0
