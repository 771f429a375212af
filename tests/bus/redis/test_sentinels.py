"""What is said of a server that no Sentinel names."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from revurb.bus.redis.redis_client import client_factory
from revurb.config import RedisConfig
from tests.bus.redis.reached import answer, running
from tests.conftest import Need
from tests.redis_server import Sentinels, free_ports


async def test_each_sentinel_is_told_with_its_reason(need: Need, tmp_path: Path) -> None:
    """And no object of the client's is printed."""
    there, gone = free_ports(2)
    config = tmp_path / "sentinel.conf"
    config.write_text(f"port {there}\n")
    with running(need("redis-server"), tmp_path, str(config), "--sentinel"):
        assert await answer(RedisConfig(port=there))
        names = (f"127.0.0.1:{gone}", f"127.0.0.1:{there}")
        client = client_factory(RedisConfig(sentinels=names, sentinel_master="main"))()
        with pytest.raises(RedisError) as raised:
            await client.ping()
        await client.aclose()
    text = str(raised.value)
    assert text.startswith(f"no Sentinel names the server 'main': 127.0.0.1:{gone}: ")
    assert text.endswith(f"; 127.0.0.1:{there}: knows no such server")
    assert "<" not in text


async def test_their_own_word_for_a_refusal(need: Need, tmp_path: Path) -> None:
    """As of a server; and an IPv6 address has brackets."""
    (port,) = free_ports(1)
    config = tmp_path / "sentinel.conf"
    config.write_text(f"port {port}\nbind 127.0.0.1 ::1\nrequirepass secret\n")
    with running(need("redis-server"), tmp_path, str(config), "--sentinel"):
        assert await answer(RedisConfig(port=port, password="secret"))
        for password, word in ((None, "NOAUTH"), ("wrong", "WRONGPASS")):
            names = (f"[::1]:{port}",)
            client = client_factory(RedisConfig(sentinels=names, sentinel_password=password))()
            with pytest.raises(RedisError, match=rf": \[::1\]:{port}: {word} "):
                await client.ping()
            await client.aclose()


async def test_a_client_is_of_one_server(need: Need, tmp_path: Path) -> None:
    """What is published on a server is heard on no other, so a connection to the next one would be deaf to it."""
    sentinels = Sentinels(need("redis-server"), need("redis-cli"), tmp_path)
    await sentinels.start()
    try:
        client = sentinels.client()
        async with client:
            await client.ping()
            await sentinels.kill_master()
            await sentinels.promoted()
            said = ""
            async with asyncio.timeout(10):
                while "another server" not in said:  # its Sentinel may name the old one for a moment more
                    with pytest.raises(RedisError) as raised:
                        await client.ping()
                    said = str(raised.value)
        async with sentinels.client() as another:
            assert await another.ping()
    finally:
        await sentinels.kill()
