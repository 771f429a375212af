"""Clients of every kind of Redis that can be configured, against real ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from revurb.bus.redis.redis_client import client_factory
from revurb.config import ConfigError, RedisConfig
from tests.bus.redis.reached import answer, running
from tests.conftest import Need
from tests.redis_server import free_port, free_ports


async def test_a_user_a_password_and_a_database(need: Need, tmp_path: Path) -> None:
    port = free_port()
    acl = tmp_path / "users.acl"
    acl.write_text("user default off\nuser me on >secret ~* &* +@all\n")
    with running(need("redis-server"), tmp_path, "--port", str(port), "--aclfile", str(acl)):
        assert await answer(RedisConfig(url=f"redis://me:secret@127.0.0.1:{port}/3"))
        assert await answer(RedisConfig(port=port, username="me", password="secret", db=3))
        with pytest.raises(RedisError, match="username-password"):
            await answer(RedisConfig(port=port, username="me", password="wrong"))
        client = client_factory(RedisConfig(url=f"redis://me:secret@127.0.0.1:{port}/3"))()
        await client.set("here", "3")
        await client.aclose()
        other = client_factory(RedisConfig(port=port, username="me", password="secret", db=2))()
        assert await other.get("here") is None
        await other.aclose()


async def test_a_unix_socket(need: Need, tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    with running(need("redis-server"), tmp_path, "--port", "0", "--unixsocket", str(path)):
        assert await answer(RedisConfig(url=f"unix://{path}"))


async def test_sentinels_name_the_server(need: Need, tmp_path: Path) -> None:
    port, sentinel = free_ports(2)
    config = tmp_path / "sentinel.conf"
    config.write_text(f"port {sentinel}\nsentinel monitor main 127.0.0.1 {port} 1\n")
    (tmp_path / "data").mkdir()
    with running(need("redis-server"), tmp_path / "data", "--port", str(port)):
        with running(need("redis-server"), tmp_path, str(config), "--sentinel"):
            client = RedisConfig(sentinels=(f"127.0.0.1:{sentinel}",), sentinel_master="main", port=1)
            assert await answer(client)


def test_a_factory_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_redis.py").write_text(
        "from redis.asyncio import Redis\ndef make():\n    return Redis(port=7, protocol=2)\nnothing = 5\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_redis", raising=False)
    made = client_factory(RedisConfig(factory="own_redis:make"))()
    assert isinstance(made, Redis)
    assert made.connection_pool.connection_kwargs["port"] == 7
    for path in ("own_redis:nothing", "own_redis:gone", "no_such_module:make"):
        with pytest.raises(ConfigError, match="REVURB_REDIS_FACTORY"):
            client_factory(RedisConfig(factory=path))
