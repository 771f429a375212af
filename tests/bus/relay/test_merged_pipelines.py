"""Commands of several workers in one pipeline."""

from __future__ import annotations

import asyncio
import hashlib
import signal
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import NoScriptError, ResponseError

from revurb.bus.redis.pipelines import FAILURES
from revurb.bus.relay.merged_pipelines import MAX_COMMANDS, MergedPipelines
from tests.bus.relay.relayed_host import DEADLINE_S, RelayedHost, until
from tests.redis_server import RedisClusterServers, RedisServer


async def test_each_worker_gets_its_own_replies_in_its_order(host: RelayedHost) -> None:
    workers = [await host.worker() for _ in range(3)]

    async def work(number: int) -> None:
        name = f"w{number}"
        for turn in range(50):
            size = 1 + (turn * (number + 3)) % 17
            replies = await workers[number].run(*[("APPEND", name, "x")] * size, ("ECHO", name))
            assert replies[-1] == name.encode()
            before = replies[0] - 1
            assert replies[:-1] == list(range(before + 1, before + size + 1))

    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*map(work, range(3)))
    lengths = await workers[0].run(*(("STRLEN", f"w{number}") for number in range(3)))
    assert lengths == [sum(1 + (turn * (number + 3)) % 17 for turn in range(50)) for number in range(3)]


async def test_what_comes_while_one_is_in_flight_shares_the_next(
    host: RelayedHost, server: RedisServer
) -> None:
    """As far as its commands are not too many."""
    workers = [await host.worker() for _ in range(4)]
    for worker in workers:
        await worker.run(("PING",))
    merged, sizes, count = _merged(host), list[int](), MAX_COMMANDS // 2
    send_next = merged._send_next

    def send_and_look() -> None:
        send_next()
        sizes.append(len(merged._in_flight))

    async with asyncio.timeout(DEADLINE_S):
        server.signal(signal.SIGSTOP)
        tasks = [asyncio.ensure_future(workers[0].run(("PING",)))]
        await until(lambda: merged._in_flight)
        tasks += [asyncio.ensure_future(worker.run(*[("PING",)] * count)) for worker in workers[1:]]
        await until(lambda: len(merged._waiting) == 3)
        merged._send_next = send_and_look  # type: ignore[method-assign]
        server.signal(signal.SIGCONT)
        assert [len(replies) for replies in await asyncio.gather(*tasks)] == [1, count, count, count]
    assert sizes == [2, 1, 0]


async def test_a_command_that_fails_fails_alone(host: RelayedHost) -> None:
    workers = [await host.worker() for _ in range(3)]
    await workers[0].run(("HSET", "h", "a", "1"))
    commands: list[list[tuple[Any, ...]]] = [
        [("INCR", "a"), ("EVALSHA", "0" * 40, 1, "h"), ("INCR", "a")],
        [("INCR", "h"), ("INCR", "b")],
        [("INCR", "c"), ("HLEN", "h")],
    ]
    first, second, third = await asyncio.gather(
        *(worker.run(*each) for worker, each in zip(workers, commands, strict=True))
    )
    assert isinstance(first[1], NoScriptError)
    assert [first[0], first[2]] == [1, 2]
    assert isinstance(second[0], ResponseError)
    assert second[1] == 1
    assert third == [1, 1]


async def test_a_worker_that_leaves_while_its_pipeline_is_in_flight(host: RelayedHost) -> None:
    """Its replies have nobody who takes them. The others get theirs."""
    leaver, other = await host.worker(), await host.worker()
    await other.run(("SET", "a", "1"))
    leaver.pipelines.send([("BLPOP", "nothing", "0.2")], lambda replies: None)
    await until(lambda: _merged(host)._in_flight)
    reply = asyncio.ensure_future(other.run(("GET", "a")))
    await until(lambda: _merged(host)._waiting)
    await leaver.close()
    assert await reply == [b"1"]
    assert await other.run(("GET", "a")) == [b"1"]


async def test_a_redis_that_is_gone_is_told_to_all_and_is_connected_to_again(
    host: RelayedHost, server: RedisServer
) -> None:
    workers = [await host.worker() for _ in range(2)]
    for worker in workers:
        await worker.run(("PING",))
    await server.kill()
    await until(lambda: all(worker.lost for worker in workers))
    for worker in workers:
        with pytest.raises(FAILURES):
            await worker.run(("PING",))
        with pytest.raises(FAILURES):
            await worker.run(("PING",))


async def test_what_a_worker_cannot_be_told_holds_up_nobody(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    await server.start()
    async with server.client() as redis, asyncio.timeout(DEADLINE_S):
        pipelines, told = MergedPipelines(redis), asyncio.get_running_loop().create_future()

        def raise_something(replies: list[Any] | Exception) -> None:
            raise RuntimeError("the worker's connection is closed")

        pipelines.run(b"PING\r\n", 1, raise_something)
        pipelines.run(b"PING\r\n", 1, told.set_result)
        assert await told == [b"PONG"]
        await pipelines.close()
    assert [record.message for record in caplog.records] == ["replies not passed on"]


def _merged(host: RelayedHost) -> MergedPipelines:
    assert host.relay is not None
    session = host.relay._session
    assert session is not None
    return session._pipelines


async def test_scripts_are_loaded_on_every_server_of_a_cluster_and_errors_of_others_are_theirs(
    redis_cluster: RedisClusterServers, tmp_path: Path
) -> None:
    """A script that Redis does not know yet is an error of who calls it, and none of who loads it."""
    await redis_cluster.start()
    async with RelayedHost(redis_cluster.client, str(tmp_path / "relay.sock")) as host:
        loader, caller = await host.worker(), await host.worker()
        source = "return redis.call('INCRBY', KEYS[1], 3)"
        sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
        blocked = asyncio.ensure_future(caller.run(("BLPOP", "{a}nothing", "0.1")))
        await until(lambda: _merged(host)._in_flight)
        called = asyncio.ensure_future(loader.run(("INCR", "{b}n"), ("EVALSHA", "0" * 40, 1, "{b}n")))
        await until(lambda: _merged(host)._waiting)
        third = await host.worker()
        loaded = asyncio.ensure_future(third.redis.script_load(source))
        await asyncio.gather(blocked, loaded)
        replies = await called
        assert replies[0] == 1
        assert isinstance(replies[1], NoScriptError)
        replies = await caller.run(*(("EVALSHA", sha, 1, f"{{{tag}}}n") for tag in "abcdefgh"))
        assert replies == [3, 4, 3, 3, 3, 3, 3, 3]
        await caller.run(*(("DEL", f"{{{tag}}}n") for tag in "abcdefgh"))
