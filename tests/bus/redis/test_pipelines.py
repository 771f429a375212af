"""Commands and replies over the connection to one server."""

import asyncio

import pytest
from redis.exceptions import ResponseError

from revurb.bus.redis.pipelines import FAILURES, ServerPipelines, pipelines
from tests.redis_server import RedisServer


async def test_replies_come_in_order_and_an_error_is_one_of_them(server: RedisServer) -> None:
    await server.start()
    async with server.client() as redis:
        sender = pipelines(redis)
        assert isinstance(sender, ServerPipelines)
        added, error, length, all_entries = await sender.run(
            [("HSET", "h", "a", 1), ("INCR", "h"), ("HLEN", "h"), ("HGETALL", "h")]
        )
        assert (added, length, all_entries) == (1, 1, [b"a", b"1"])
        assert isinstance(error, ResponseError)
        await sender.close()


async def test_a_server_that_is_gone_is_a_failure(server: RedisServer) -> None:
    await server.start()
    async with server.client() as redis, asyncio.timeout(10):
        sender = pipelines(redis)
        await sender.run([("PING",)])
        await server.kill()
        with pytest.raises(FAILURES):
            await sender.run([("PING",)])
        await sender.close()
