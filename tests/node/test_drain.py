"""A node that stops does not send all its clients back at one time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time

import pytest

from revurb import App
from revurb.config import Config, LimitsConfig, ServerConfig
from revurb.node.drain import CLOSES_PER_S, SPREAD_PART, drain_connections
from revurb.node.node import Node
from revurb.transport.timer_wheel import Tick
from tests.client import Client, Ended, connect, http

APP = App(id="1", key="key1", secret="secret1")


async def started(drain_timeout_s: float) -> Node:
    server = ServerConfig(host="127.0.0.1", port=0, drain_timeout_s=drain_timeout_s)
    node = Node(Config(server=server, limits=LimitsConfig(close_timeout_s=0.5), apps=(APP,)))
    await node.start()
    return node


async def told_at(client: Client) -> float:
    assert await client.closed() == 4200
    return time.monotonic()


class LateConnection:
    """One with a request under way."""

    wheel_tick: Tick | None = None

    def on_due(self, now: float) -> None: ...
    def close_if_idle(self) -> None: ...
    def abort(self) -> None: ...


async def test_many_are_closed_evenly_over_the_timeout() -> None:
    count, timeout_s = 150, 2.0  # more than CLOSES_PER_S could let go in time
    node = await started(timeout_s)
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect(node.port, "key1")) for _ in range(count)]
        assert node.connection_count == count
        waits = [asyncio.ensure_future(told_at(client)) for client in clients]
        start = time.monotonic()
        await node.stop(spread=True)
        times = sorted(told - start for told in await asyncio.gather(*waits))
    spread_s = SPREAD_PART * timeout_s
    assert times[-1] >= spread_s * 0.95
    # No later moment is early: in any part of the time at most that part has been told, and a tick's worth.
    for number, told_s in enumerate(times):
        assert number / count <= told_s / spread_s + 0.05


async def test_a_few_do_not_take_the_whole_timeout() -> None:
    node = await started(600)
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect(node.port, "key1")) for _ in range(10)]
        waits = [asyncio.ensure_future(told_at(client)) for client in clients]
        start = time.monotonic()
        async with asyncio.timeout(20):
            await node.stop(spread=True)
        times = [told - start for told in await asyncio.gather(*waits)]
    assert max(times) >= 0.9 * 9 / CLOSES_PER_S


async def test_nobody_there_is_the_end_at_once() -> None:
    node = await started(600)
    async with asyncio.timeout(5):
        await node.stop(spread=True)


@pytest.mark.parametrize("spread", [True, False])
async def test_who_is_being_accepted_as_the_last_one_goes_is_served(spread: bool) -> None:
    """A request that waits for the bus, on a connection that the loop has accepted and not told of yet."""
    node = await started(600)
    connections, late = node._connections, LateConnection()
    draining = asyncio.ensure_future(drain_connections(connections, 4200, "", 600, spread=spread))
    asyncio.get_running_loop().call_soon(connections.http.setdefault, late)
    for _ in range(20):
        await asyncio.sleep(0)
    was_done = draining.done()
    connections.forget_http(late)
    async with asyncio.timeout(5):
        await draining
        await node.stop()
    assert not was_done


async def frames_until_told(client: Client) -> list[int]:
    opcodes = []
    with contextlib.suppress(Ended):
        while True:
            opcodes.append((await client.receive()).opcode)
    return opcodes


async def test_who_waits_still_gets_events() -> None:
    node = await started(600)
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect(node.port, "key1")) for _ in range(20)]
        for client in clients:
            await client.subscribe("a")
        hearing = [asyncio.ensure_future(frames_until_told(client)) for client in clients]
        stopping = asyncio.ensure_future(node.stop(spread=True))
        await asyncio.wait(hearing, return_when=asyncio.FIRST_COMPLETED)
        node.trigger(APP, ["a"], "e", "1")
        heard = [opcodes.count(1) for opcodes in await asyncio.gather(*hearing)]
        assert set(heard) == {0, 1}
        await stopping


async def test_a_kept_connection_gets_one_more_answer_that_says_draining() -> None:
    node = await started(600)
    async with http(node.port) as kept, http(node.port) as idle:
        assert (await kept.request("GET", "/ready")).status == 200
        assert (await idle.request("GET", "/up")).status == 200
        stopping = asyncio.ensure_future(node.stop(spread=True))
        await asyncio.sleep(0)
        answer = await kept.request("GET", "/ready")
        assert (answer.status, answer.headers["connection"]) == (503, "close")
        assert json.loads(answer.body) == {"ready": False, "reason": "draining"}
        async with asyncio.timeout(5):
            await stopping
        with contextlib.suppress(Ended):
            await idle.response()
