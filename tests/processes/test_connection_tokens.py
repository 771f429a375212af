"""One limit for all workers: tokens that are shared, settled after a death, and replaced with the configuration."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import signal
from pathlib import Path

import pytest

from revurb.bus.hub.event_log import LogDescriptors
from revurb.processes.binding import Binding
from revurb.processes.connection_tokens import WORKERS, ConnectionTokens, SharedConnectionLimit
from revurb.processes.control_socket import ControlRequest
from revurb.processes.hub_socket import HubSocket
from revurb.processes.invocation import Invocation
from revurb.processes.reaper import Reaper
from revurb.processes.worker_pool import ChangeSignal, WorkerPool
from revurb.pusher.socket_id import process_of
from tests.client import connect
from tests.processes.serving import PATIENCE_S, Serving, all_ready, serving


def test_workers_share_the_tokens_and_a_dead_one_leaves_them() -> None:
    tokens = ConnectionTokens(3)
    rows = [tokens.share() for _ in range(2)]
    one, two = (SharedConnectionLimit(*tokens.fds, row) for row in rows)
    assert [one.take(), two.take(), one.take(), two.take()] == [True, True, True, False]
    two.give_back()
    assert two.take()
    tokens.settle(rows[0])  # it has died with two
    assert [two.take() for _ in range(3)] == [True, True, False]
    three = SharedConnectionLimit(*tokens.fds, tokens.share())
    assert not three.take()
    two.give_back()
    assert three.take()


def test_descriptors_are_closed_when_all_have_been_settled() -> None:
    tokens = ConnectionTokens(1)
    row = tokens.share()
    tokens.retire()
    for fd in tokens.fds:
        os.fstat(fd)
    tokens.settle(row)
    for fd in tokens.fds:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)


def test_there_is_no_row_for_one_worker_too_many() -> None:
    tokens = ConnectionTokens(1)
    for _ in range(WORKERS):
        tokens.share()
    with pytest.raises(OSError, match="more than 512 workers"):
        tokens.share()


async def connected(stack: contextlib.AsyncExitStack, server: Serving, tries: int) -> list[int]:
    """The workers of those of so many connections that were not refused for the limit."""
    pids = []
    for _ in range(tries):
        client = await stack.enter_async_context(connect(server.port, "key1", greet=False))
        message = (await client.receive()).message
        if message["event"] == "pusher:connection_established":
            pids.append(process_of(json.loads(message["data"])["socket_id"]))
        else:
            assert message["event"] == "pusher:error"
            assert await client.closed() == 4100
    return pids


async def places(server: Serving, count: int, tries: int = 40) -> None:
    """Wait until there are so many places, and not one more."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with contextlib.AsyncExitStack() as stack:
                found = len(await connected(stack, server, tries))
            assert found <= count
            if found == count:
                return


async def test_all_workers_together_have_the_limit(tmp_path: Path) -> None:
    environment = {"REVURB_MAX_CONNECTIONS": "7"}
    with serving(tmp_path, "--workers", "2", environment=environment) as server:
        async with contextlib.AsyncExitStack() as stack:
            assert len(await connected(stack, server, 40)) == 7
        await places(server, 7)
        async with contextlib.AsyncExitStack() as stack:
            held = await connected(stack, server, 40)
            victim = max(held, key=held.count)
            os.kill(victim, signal.SIGKILL)
            server.becomes(
                lambda status: all_ready(status) and victim not in {p.pid for p in status.processes}
            )
            async with contextlib.AsyncExitStack() as more:
                assert len(await connected(more, server, 40)) == held.count(victim)
        assert server.request(ControlRequest("restart")).error is None
        server.becomes(lambda status: all_ready(status) and len(status.processes) == 3)
        await places(server, 7)


async def test_a_restart_applies_another_limit(tmp_path: Path) -> None:
    toml = tmp_path / "revurb.toml"
    with serving(tmp_path, "--workers", "2") as server:
        for limit in (5, 8, 3):
            toml.write_text(f"[limits]\nmax_connections = {limit}\n")
            assert server.request(ControlRequest("restart")).error is None
            await places(server, limit, 20)
        toml.write_text("[limits]\nmax_connections = 0\n")
        assert server.request(ControlRequest("restart")).error is not None
        await places(server, 3, 20)
        toml.unlink()
        assert server.request(ControlRequest("restart")).error is None
        await places(server, 20, 20)


async def test_a_limit_that_cannot_be_shared_leaves_the_old_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_descriptor(*arguments: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    def nothing(*arguments: object) -> None:
        pass

    pool = WorkerPool(
        Invocation(),
        Binding(0, (), None),
        HubSocket("@hub", None, LogDescriptors(3, ())),
        Reaper(),
        ChangeSignal(),
        nothing,
        nothing,
        None,
    )
    monkeypatch.setattr(os, "eventfd", no_descriptor)
    reason = await pool.replace(5)
    assert reason == (
        "limits.max_connections cannot be shared by the workers: [Errno 24] Too many open files"
    )
