"""The watchdog on a real process that is stopped, so that its loop does not run."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

import pytest

from revurb.processes import watchdog
from revurb.processes.child import start_child
from revurb.processes.watchdog import Watchdog
from tests.processes.children import hub_command, reaping


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "CHECK_INTERVAL_S", 0.01)
    monkeypatch.setattr("revurb.processes.child.STACK_START_S", 0.01)


async def until(caplog: pytest.LogCaptureFixture, message: str) -> None:
    async with asyncio.timeout(10):
        while message not in caplog.text:
            await asyncio.sleep(0)


def test_a_blocked_child_is_reported_and_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        with reaping() as reaper:
            child = await start_child("hub", hub_command(tmp_path), reaper)
            await child.ready
            dog = Watchdog(lambda: [child], warn_s=1.5, kill_s=None)  # a heartbeat comes every second
            watching = asyncio.ensure_future(dog.watch())
            os.kill(child.pid, signal.SIGSTOP)
            await until(caplog, "process is blocked, and this is where")
            assert dog.is_blocked(child)
            os.kill(child.pid, signal.SIGCONT)
            await until(caplog, "process goes on")
            assert not dog.is_blocked(child)
            watching.cancel()
            child.kill()
            await child.exit_code

    asyncio.run(main())


def test_a_child_that_stays_blocked_is_killed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        with reaping() as reaper:
            child = await start_child("hub", hub_command(tmp_path), reaper)
            await child.ready
            dog = Watchdog(lambda: [child], warn_s=0.05, kill_s=0.1)
            watching = asyncio.ensure_future(dog.watch())
            os.kill(child.pid, signal.SIGSTOP)
            assert await child.exit_code == -signal.SIGKILL
            async with asyncio.timeout(10):
                while dog.is_blocked(child):
                    await asyncio.sleep(0)
            watching.cancel()

    asyncio.run(main())
    assert len(re.findall("process is blocked for too long, killing it", caplog.text)) == 1
