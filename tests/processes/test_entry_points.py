"""The modules that a supervisor starts, also by the names that one of an older release knows them by."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from revurb.bus.hub.event_log import LogDescriptors, shared_log
from revurb.processes.child import ChildCommand, start_child
from revurb.processes.reaper import Reaper
from tests.processes.children import HERE


@pytest.mark.parametrize("module", ["revurb.processes.hub", "revurb.server.hub"])
def test_a_hub_starts_and_ends(module: str, tmp_path: Path) -> None:
    with shared_log(2) as log:
        assert asyncio.run(start_and_end(module, tmp_path, log)) == 0


async def start_and_end(module: str, tmp_path: Path, log: LogDescriptors) -> int:
    arguments = (
        "--event-log",
        log.argument(),
        "--socket",
        str(tmp_path / "hub"),
        "--workers",
        "0",
        "--log-format",
        "plain",
        "--log-level",
        "error",
    )
    reaper = Reaper()
    reaper.start()
    hub = await start_child("hub", ChildCommand(module, arguments, log.all, HERE), reaper)
    await hub.ready
    hub.drain()
    return await hub.exit_code


@pytest.mark.parametrize("module", ["revurb.processes.worker", "revurb.server.worker"])
def test_a_worker_says_which_supervisors_it_understands(module: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        done = subprocess.run(
            [sys.executable, "-m", module, "--link", f"0:{theirs.fileno()}", "--stack", "2"],
            pass_fds=(theirs.fileno(),),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("revurb: the supervisor speaks version 0, this is 1")
