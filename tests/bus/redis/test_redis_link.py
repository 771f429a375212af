"""A link says why it cannot be opened, at once, and goes on trying. Rule 7: nothing on the bus can crash a node."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb.bus.redis.ledger_queries import LedgerQueries
from revurb.bus.redis.refusals import UnusableValue
from revurb.pusher.ports import Member
from tests.bus.engines import APP, DEADLINE_S, resolve
from tests.bus.redis_engines import RedisCluster
from tests.conftest import Need, Run
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
            # a fraction of what it would wait for an answer that does not come
            async with asyncio.timeout(2):
                assert (
                    "zadd" in (text := await warnings.reasons.get()) or "run this command" in text
                )  # Redis 8, 7
            await client.acl_setuser("default", enabled=True, commands=["+zadd"])
            async with asyncio.timeout(DEADLINE_S):
                assert (await node).bus.degraded is None
    finally:
        await cluster.close()


def test_garbage_on_redis_hurts_nobody(run: Run, need: Need, tmp_path: Path) -> None:
    async def main() -> None:
        server = RedisServer(need("redis-server"), tmp_path)
        cluster = RedisCluster(server)
        node, other = await cluster.node(), await cluster.node()
        await node.enter()
        await other.enter("presence-x", Member("ann", b'"ann"', b"null"))
        async with server.client() as client:
            channels = await client.pubsub_channels("revurb:*")
            assert len(channels) >= 5
            for channel in channels:
                for data in (
                    b"",
                    b"\n",
                    b"x",
                    b"1-1\n",
                    b"99999999999999-0\n\x91",
                    b"\xff" * 1000,
                    b"5",
                    b"-1-1\nx",
                ):
                    await client.publish(channel, data)
        await node.publish(b"after")
        await node.until(lambda: node.texts())
        assert node.texts() == [b"after"]
        assert len(await resolve(other.bus.members(APP, "presence-x"))) == 1
        assert node.bus.degraded is None
        await cluster.close()
        await asyncio.sleep(0)

    run(main())


async def test_whoever_stops_is_gone_long_before_its_lease_ends(server: RedisServer) -> None:
    """A rolling restart: members of the old process are not to stay for the length of a lease."""
    cluster = RedisCluster(server, lease_s=10 * DEADLINE_S)
    here, there = await cluster.node(), await cluster.node()
    await here.enter("presence-x")
    await there.enter("presence-x", Member("ann", b'"ann"', b"null"))
    await there.bus.stop()
    assert there.bus._link._task.done()  # so that its connections are closed, too
    async with asyncio.timeout(DEADLINE_S):
        while await resolve(here.bus.members(APP, "presence-x")):
            await asyncio.sleep(0.02)
    await cluster.close()


async def test_a_question_that_redis_cannot_answer_is_answered_at_once(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what this node knows, as without Redis; nobody waits for the patience that an outage gets."""

    async def members(self: LedgerQueries, app_id: str, channel: str) -> list[Member]:
        raise UnusableValue("garbage")

    monkeypatch.setattr("revurb.bus.brokered.brokered_bus.BROKER_WAIT_S", 10 * DEADLINE_S)
    monkeypatch.setattr(LedgerQueries, "members", members)
    cluster = RedisCluster(server)
    node, ann = await cluster.node(), Member("ann", b'"ann"', b"null")
    await node.enter("presence-x", ann)
    async with asyncio.timeout(DEADLINE_S):
        assert await resolve(node.bus.members(APP, "presence-x")) == [ann]
    await cluster.close()
