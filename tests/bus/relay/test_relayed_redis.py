"""A worker's connection to the relay of its host."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from functools import partial
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError

from revurb.bus.redis.command_queue import RedisUnavailable
from revurb.bus.relay.relayed_redis import RelayedRedis
from tests.bus.relay.relayed_host import RelayedHost, impatient_client
from tests.redis_server import RedisServer


async def test_commands_go_on_behind_a_script_that_was_loaded(host: RelayedHost) -> None:
    """As where Redis has forgotten the scripts: what was sent before is sent again over what it was sent over."""
    worker = await host.worker()
    await worker.run(("SET", "a", "1"))
    await worker.redis.script_load("return redis.call('GET', KEYS[1])")
    sha = await worker.redis.execute_command("SCRIPT", "LOAD", "return redis.call('GET', KEYS[1])")
    assert await worker.run(("EVALSHA", sha, 1, "a")) == [b"1"]


async def test_an_error_of_a_command_is_raised(host: RelayedHost) -> None:
    worker = await host.worker()
    with pytest.raises(NoScriptError):
        await worker.redis.execute_command("EVALSHA", "0" * 40, 0)
    assert await worker.run(("PING",)) == [b"PONG"]


async def test_it_is_known_what_is_behind_the_relay(host: RelayedHost, server: RedisServer) -> None:
    worker = await host.worker()
    assert not worker.redis.is_cluster
    assert worker.redis.server_of("news") == server.socket
    assert worker.redis.joined is not None
    assert worker.redis.joined.timeout_s == 5.0


async def test_a_relay_that_does_not_answer_is_given_up(
    host: RelayedHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its socket takes connections, as that of one that is stopped."""
    monkeypatch.setattr("revurb.bus.relay.relayed_redis.OPEN_S", 0.1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(address := str(tmp_path / "silent.sock"))
        silent.listen()
        redis = RelayedRedis(address, host.new_worker().reader)
        with pytest.raises(RedisUnavailable, match="the relay of this host has not answered"):
            await redis.open()


async def test_a_relay_that_speaks_nonsense_is_left(host: RelayedHost, tmp_path: Path) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"\xff" * 5)
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        writer.close()

    address = str(tmp_path / "nonsense.sock")
    async with await asyncio.start_unix_server(speak, address):
        with pytest.raises(RedisUnavailable, match="the relay speaks nonsense"):
            await RelayedRedis(address, host.new_worker().reader).open()


async def test_whoever_waits_for_replies_is_told_that_the_relay_has_gone(host: RelayedHost) -> None:
    worker = await host.worker()
    await worker.run(("PING",))
    waiting = asyncio.ensure_future(worker.run(("BLPOP", "nothing", "5")))
    await asyncio.sleep(0)
    await host.stop_relay()
    with pytest.raises(RedisConnectionError, match="the relay of this host"):
        await waiting
    with pytest.raises(RedisConnectionError, match="the relay of this host"):
        await worker.run(("PING",))
    await host.start_relay()
    assert await (await host.worker()).run(("PING",)) == [b"PONG"]


async def test_a_redis_that_takes_too_long_fails_alone_in_its_time(
    server: RedisServer, tmp_path: Path
) -> None:
    """A late reply is nobody's."""
    await server.start()

    async with RelayedHost(partial(impatient_client, server), str(tmp_path / "relay.sock")) as host:
        worker = await host.worker()
        await worker.run(("PING",))
        with pytest.raises(TimeoutError):
            await worker.run(("BLPOP", "nothing", "1"))
        assert await worker.run(("PING",)) == [b"PONG"]
