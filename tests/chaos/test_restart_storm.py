"""Restarts that come faster than the workers of earlier ones drain, and more of those than the log has room for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest

from revurb.processes.control_socket import ControlRequest
from tests.processes.serving import Serving, connect_all, serving
from tests.redis_server import RedisServer


@pytest.mark.parametrize("workers", [2, 3])  # of which the log has slots to spare after some restarts, or not
@pytest.mark.parametrize("service", ["hub", "relay"])
async def test_a_restart_waits_for_room_and_nothing_else_does(
    server: RedisServer, tmp_path: Path, service: str, workers: int
) -> None:
    scaling = {
        "REVERB_SCALING_ENABLED": "true",
        "REVURB_SCALING_PROTOCOL": "revurb",
        "REDIS_URL": f"unix://{server.socket}",
    }
    options = ("--workers", str(workers), "--drain-timeout", "60")
    if service == "relay":
        await server.start()
    try:
        with serving(tmp_path, *options, environment=scaling if service == "relay" else {}) as host:
            await _restart_until_it_waits(host, service, workers)
    finally:
        await server.kill()


async def _restart_until_it_waits(host: Serving, service: str, workers: int) -> None:
    async with contextlib.AsyncExitStack() as clients:
        waiting = None
        while waiting is None:
            await connect_all(clients, host.port, 3 * workers)
            restart = asyncio.create_task(asyncio.to_thread(host.request, ControlRequest("restart")))
            while not restart.done() and waiting is None:
                await asyncio.sleep(0.01)
                waiting = restart if "restart waits" in host.output else None
            if waiting is None:
                assert (await restart).error is None
        killed = _pid(host, service)
        os.kill(killed, signal.SIGKILL)  # another one gets its place in the log again
        await asyncio.to_thread(
            host.becomes,
            lambda status: any(
                row.process == service and row.pid != killed and row.state == "ready"
                for row in status.processes
            ),
        )
        assert not waiting.done()
    assert (await waiting).error is None
    await asyncio.to_thread(host.becomes, lambda status: len(status.processes) == workers + 1)
    assert "slots of the shared log" not in host.output


def _pid(host: Serving, service: str) -> int:
    (pid,) = (row.pid for row in host.status().processes if row.process == service and row.state == "ready")
    assert pid is not None
    return pid
