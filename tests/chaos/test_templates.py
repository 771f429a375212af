"""A template that is killed or stopped while a generation starts: everybody serves all the same, and nobody is lost."""

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
from tests.processes.serving import PATIENCE_S, Serving, all_ready, pids, serving

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
            with contextlib.suppress(OSError):
                for pid in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split():
                    if title in Path(f"/proc/{pid}/cmdline").read_bytes():
                        os.kill(int(pid), number)
                        victims.append(int(pid))
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
