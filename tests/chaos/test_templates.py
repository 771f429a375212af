"""A template that is killed or stopped while a generation starts: everybody serves all the same, and nobody is lost.
A supervisor that is killed then: nobody is left."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb.processes.control_socket import ControlRequest
from tests.client import connect
from tests.processes.serving import PATIENCE_S, Serving, all_ready, launched, pids, serving

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")

TITLES = {"while it imports": b"revurb.processes.template", "when it forks": b"revurb: template"}


@contextlib.contextmanager
def struck(server: Serving, title: bytes, number: signal.Signals) -> Iterator[list[int]]:
    """Signal the first template with that in its command line, once, as soon as there is one; the pids of those."""
    victims: list[int] = []
    is_over = threading.Event()

    def strike() -> None:
        supervisor = server.process.pid
        while not victims and not is_over.is_set():
            for pid in children(supervisor):
                if title in command_line(pid):
                    with contextlib.suppress(OSError):
                        os.kill(pid, number)
                        victims.append(pid)
                        return

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        yield victims
    finally:
        is_over.set()
        thread.join()


@pytest.mark.parametrize("phase", TITLES)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_restart_without_its_template(tmp_path: Path, phase: str, number: signal.Signals) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        server.becomes(all_ready)
        before = pids(server)
        with struck(server, TITLES[phase], number) as victims:
            assert server.request(ControlRequest("restart")).error is None
        assert len(victims) == 1
        status = server.becomes(lambda status: all_ready(status) and len(status.processes) == 3)
        assert not set(before) & {row.pid for row in status.processes}
        deadline = time.monotonic() + PATIENCE_S
        while os.path.exists(f"/proc/{victims[0]}"):
            assert time.monotonic() < deadline, "the template is still there"
            time.sleep(0.01)
        async with connect(server.port, "key1") as client:
            await client.subscribe("a")
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
        assert "Traceback" not in server.output
        assert "unknown message" not in server.output


@pytest.mark.parametrize("phase", ["at the start", *TITLES])
def test_nobody_outlives_a_supervisor_that_is_killed_while_a_generation_starts(
    tmp_path: Path, phase: str
) -> None:
    title = TITLES.get(phase, b"revurb: template")
    with launched(tmp_path, "--workers", "4", environment={"OF_THIS_SERVER": str(tmp_path)}) as server:
        if phase != "at the start":
            server.said("Revurb is listening on")
            server.signal(signal.SIGHUP)
        deadline = time.monotonic() + PATIENCE_S
        while not any(title in command_line(pid) for pid in children(server.process.pid)):
            assert time.monotonic() < deadline
        server.signal(signal.SIGKILL)
        while of_server(str(tmp_path)):
            assert time.monotonic() < deadline + PATIENCE_S, of_server(str(tmp_path))
            time.sleep(0.01)


def of_server(folder: str) -> list[bytes]:
    """The command lines of the processes that run with that in their environment."""
    found = []
    for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))):
        with contextlib.suppress(OSError):
            if f"OF_THIS_SERVER={folder}".encode() in Path(f"/proc/{pid}/environ").read_bytes():
                found.append(command_line(pid))
    return found


def children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def command_line(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
