"""pusher-js is told how many subscribers a channel has: on one process, on workers and over Redis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Need, Run
from tests.e2e.node import options, start
from tests.processes.serving import serving
from tests.processes.test_single_node import APP
from tests.redis_server import RedisServer


@pytest.fixture
def redis(need: Need, tmp_path: Path, run: Run) -> Iterator[RedisServer]:
    server = RedisServer(need("redis-server"), tmp_path)
    run(server.start())
    yield server
    run(server.kill())


@pytest.mark.parametrize(("nodes", "flags"), [(1, ()), (1, ("--workers", "2")), (2, ())])
async def test_subscribers_are_told_how_many_they_are(
    tmp_path: Path, redis: RedisServer, node_program: str, nodes: int, flags: Sequence[str]
) -> None:
    environment = {"REVURB_APP_SUBSCRIPTION_COUNT_EVENTS": "true", "REDIS_URL": f"unix://{redis.socket}"}
    if nodes > 1:
        environment["REVERB_SCALING_ENABLED"] = "true"
    with ExitStack() as stack:
        servers = [
            stack.enter_context(serving(tmp_path, *flags, environment=environment)) for _ in range(nodes)
        ]
        async with start(node_program) as node:

            async def told(client: str, count: int) -> None:
                data = await node.event(client, "pusher:subscription_count", "news")
                assert data == {"subscription_count": count}

            for number in range(3):
                client = f"c{number}"
                await node.open(client, APP.key, options(servers[number % nodes].port))
                await node.subscribe(client, "news")
                for each in range(number + 1):
                    await told(f"c{each}", number + 1)
            await node.do("close", "c1")
            for client in ("c0", "c2"):
                await told(client, 2)
