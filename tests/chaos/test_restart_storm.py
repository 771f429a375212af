"""Restarts that come faster than the workers of earlier ones drain, and more of those than the log has room for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from revurb.processes.control_socket import ControlRequest
from tests.processes.serving import connect_all, hub_pid, serving


async def test_a_restart_waits_for_room_and_nothing_else_does(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", "--drain-timeout", "60") as server:
        async with contextlib.AsyncExitStack() as clients:
            waiting = None
            while waiting is None:
                await connect_all(clients, server.port, 6)
                restart = asyncio.create_task(asyncio.to_thread(server.request, ControlRequest("restart")))
                while not restart.done() and waiting is None:
                    await asyncio.sleep(0.01)
                    waiting = restart if "restart waits" in server.output else None
                if waiting is None:
                    assert (await restart).error is None
            hub = hub_pid(server.status())
            os.kill(hub, signal.SIGKILL)  # it gets its place in the log again
            await asyncio.to_thread(
                server.becomes,
                lambda status: any(
                    row.process == "hub" and row.pid != hub and row.state == "ready"
                    for row in status.processes
                ),
            )
            assert not waiting.done()
        assert (await waiting).error is None
        await asyncio.to_thread(server.becomes, lambda status: len(status.processes) == 3)
        assert "slots of the shared log" not in server.output
