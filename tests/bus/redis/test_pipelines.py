"""Commands and replies over the connection to one server."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import Any, cast

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, ResponseError

from revurb.bus.redis.pipelines import FAILURES, CommandArg, ServerPipelines, run_pipeline
from revurb.bus.redis.redis_socket import RedisSocket
from tests.bus.redis.test_redis_socket import client, speaking
from tests.redis_server import RedisServer


async def test_replies_come_in_order_and_an_error_is_one_of_them(server: RedisServer) -> None:
    await server.start()
    async with server.client() as redis:
        sender = ServerPipelines(lambda: redis)
        added, error, length, all_entries = await run_pipeline(
            sender, [("HSET", "h", "a", 1), ("INCR", "h"), ("HLEN", "h"), ("HGETALL", "h")]
        )
        assert (added, length, all_entries) == (1, 1, [b"a", b"1"])
        assert isinstance(error, ResponseError)
        await sender.close()


async def test_replies_need_no_turn_of_the_loop_of_their_own(server: RedisServer) -> None:
    """Whoever is called back may send at once, in the turn in which the replies were read."""
    await server.start()
    async with server.client() as redis, asyncio.timeout(10):
        sender, found = ServerPipelines(lambda: redis), asyncio.Queue[Any]()

        def again(replies: list[Any] | Exception) -> None:
            found.put_nowait(replies)
            if found.qsize() < 3:
                sender.send([("INCR", "n"), ("INCR", "n")], again)

        sender.send([("INCR", "n")], again)
        assert [await found.get() for _ in range(3)] == [[1], [2, 3], [4, 5]]
        await sender.close()


async def test_a_server_that_is_gone_is_a_failure_until_it_is_back(server: RedisServer) -> None:
    await server.start()
    async with server.client() as redis, asyncio.timeout(10):
        sender = ServerPipelines(lambda: redis)
        await run_pipeline(sender, [("PING",)])
        await server.kill()
        for _ in range(2):
            with pytest.raises(FAILURES):
                await run_pipeline(sender, [("PING",)])
        await server.start()
        assert await run_pipeline(sender, [("PING",)]) == [b"PONG"]
        await sender.close()


async def test_a_server_that_stands_still_has_failed_after_its_time(server: RedisServer) -> None:
    """Counted from when the pipeline was sent, whatever was sent before."""
    await server.start()
    async with server.client() as redis, asyncio.timeout(10):
        redis.connection_pool.connection_kwargs["socket_timeout"] = 0.8
        sender = ServerPipelines(lambda: redis)
        until = time.monotonic() + 0.9
        while time.monotonic() < until:
            assert await run_pipeline(sender, [("PING",)]) == [b"PONG"]
        server.signal(signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            await run_pipeline(sender, [("PING",)])
        server.signal(signal.SIGCONT)
        assert await run_pipeline(sender, [("PING",), ("PING",)]) == [b"PONG"] * 2
        await sender.close()


async def test_what_is_in_flight_at_the_end_is_told_to_nobody(server: RedisServer) -> None:
    await server.start()
    async with server.client() as redis, asyncio.timeout(10):
        for opened in (False, True):
            sender, told = ServerPipelines(lambda: redis), list[Any]()
            if opened:
                await run_pipeline(sender, [("PING",)])
            sender.send([("BLPOP", "nothing", 5)], told.append)
            await sender.close()
            assert await redis.ping()
            assert told == []


async def test_a_command_that_cannot_be_packed_is_refused_at_once(server: RedisServer) -> None:
    await server.start()
    async with server.client() as redis:
        sender, broken = ServerPipelines(lambda: redis), cast("CommandArg", ["a list"])
        with pytest.raises(TypeError):
            sender.send([("SET", "a", broken)], lambda replies: None)
        await sender.close()


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"+ONE\r\n+TWO\r\n", "a reply that nobody has asked for"),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "Redis is loading the dataset in memory"),
        (b"-ERR max number of clients reached\r\n", "max number of clients reached"),
    ],
)
async def test_a_reply_after_which_a_connection_is_of_no_use(answer: bytes, text: str) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"GO\r\n")
        writer.write(answer)
        await reader.read()

    async with speaking(speak) as port, client(port) as redis, asyncio.timeout(10):
        sender = ServerPipelines(lambda: redis)
        for _ in range(2):  # over two connections
            with pytest.raises(RedisConnectionError, match=text):
                await run_pipeline(sender, [("GO",)])
        await sender.close()


async def test_a_replica_where_the_master_was_is_left(server: RedisServer) -> None:
    """Sentinels are asked again then; who has asked for that server and no other is told READONLY."""
    await server.start()
    async with server.client() as redis, server.client() as admin, asyncio.timeout(10):
        sender = ServerPipelines(lambda: redis)
        await run_pipeline(sender, [("PING",)])
        await admin.replicaof("127.0.0.1", "1")
        (error,) = await run_pipeline(sender, [("INCR", "n")])
        assert isinstance(error, ReadOnlyError)
        assert isinstance(sender._socket, RedisSocket)
        sender._socket._connection.connection_pool = type("Sentinels", (), {"is_master": True})
        with pytest.raises(RedisConnectionError, match="The previous master is now a slave"):
            await run_pipeline(sender, [("INCR", "n")])
        assert sender._socket.is_lost
        await sender.close()
