"""A link that cannot be opened says why, at once, and goes on trying."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bus.engines import DEADLINE_S, RedisCluster
from tests.conftest import Need
from tests.redis_server import RedisServer


class Warnings(logging.Handler):
    """The reasons of warnings, as they come."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.reasons: asyncio.Queue[str] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.reasons.put_nowait(getattr(record, "reason", ""))


@pytest.fixture
def warnings() -> Iterator[Warnings]:
    handler = Warnings()
    logger = logging.getLogger("revurb.bus.redis.redis_link")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


async def test_what_redis_refuses(need: Need, tmp_path: Path, warnings: Warnings) -> None:
    server = RedisServer(need("redis-server"), tmp_path)
    cluster = RedisCluster(server)
    await server.start()
    try:
        async with server.client() as client:
            await client.acl_setuser("default", enabled=True, commands=["-zadd"])
            node = asyncio.create_task(cluster.node())
            async with asyncio.timeout(
                2
            ):  # a fraction of what it would wait for an answer that does not come
                assert "run this command" in await warnings.reasons.get()
            await client.acl_setuser("default", enabled=True, commands=["+zadd"])
            async with asyncio.timeout(DEADLINE_S):
                assert (await node).bus.degraded is None
    finally:
        await cluster.close()
