"""Connections with and without TLS, to servers that allow much or little."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from redis.asyncio import RedisCluster
from redis.exceptions import RedisError

from revurb.bus.redis.receiving_gate import ReceivingGate
from revurb.bus.redis.redis_client import client_factory
from revurb.bus.redis.redis_connections import CLIENT_NAME
from revurb.bus.redis.sharded_listener import ShardedListener
from revurb.config import RedisConfig
from tests.bus.redis.reached import Certificates, answer, running
from tests.bus.redis.test_pubsub_listener import Handler
from tests.conftest import Need
from tests.redis_server import free_port, free_ports


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.made_in(tmp_path_factory.mktemp("certificates"))


def tls(certificates: Certificates, **options: object) -> RedisConfig:
    known: dict[str, object] = {
        "scheme": "tls", "tls_ca": certificates.ca, "tls_cert": certificates.client[0],
        "tls_key": certificates.client[1], "tls_server_name": "redis.internal",
    }  # fmt: skip
    return RedisConfig(**{**known, **options})  # type: ignore[arg-type]


async def test_tls_with_both_certificates_and_a_name(
    need: Need, tmp_path: Path, certificates: Certificates
) -> None:
    port = free_port()
    with running(need("redis-server"), tmp_path, *certificates.options(port)):
        assert await answer(tls(certificates, port=port))
        assert await answer(tls(certificates, host="tls://127.0.0.1", port=port, scheme="tcp"))
        unverified = {"tls_verify": False, "tls_ca": None, "tls_server_name": None}
        assert await answer(tls(certificates, port=port, **unverified))
        for wrong in ({"tls_server_name": None}, {"tls_cert": None, "tls_key": None}, {"tls_ca": None}):
            # another name than the host's; no client certificate; an authority that is not known
            with pytest.raises((RedisError, OSError)):
                await answer(tls(certificates, port=port, **wrong))


async def test_tls_to_a_sentinel_and_to_the_server_that_it_names(
    need: Need, tmp_path: Path, certificates: Certificates
) -> None:
    port, sentinel = free_ports(2)
    cert, key = certificates.server
    config = tmp_path / "sentinel.conf"
    config.write_text(
        f"port 0\ntls-port {sentinel}\ntls-replication yes\ntls-ca-cert-file {certificates.ca}\n"
        f"tls-cert-file {cert}\ntls-key-file {key}\nuser default off\nuser me on >secret ~* &* +@all\n"
        f"sentinel monitor main 127.0.0.1 {port} 1\n"
    )
    (tmp_path / "data").mkdir()
    program = need("redis-server")
    known = {
        "sentinels": (f"127.0.0.1:{sentinel}",),
        "sentinel_master": "main",
        "sentinel_password": "secret",
    }
    with running(program, tmp_path / "data", *certificates.options(port)):
        with running(program, tmp_path, str(config), "--sentinel"):
            right = tls(certificates, sentinel_tls=True, sentinel_username="me", **known)
            assert await answer(right)
            client = client_factory(tls(certificates, sentinel_tls=True, **known))()  # without the user
            with pytest.raises(RedisError, match="no Sentinel names the server"):
                await client.ping()
            await client.aclose()


async def test_tls_to_a_cluster_and_to_the_servers_that_it_is_listened_to_on(
    need: Need, tmp_path: Path, certificates: Certificates
) -> None:
    (port,) = free_ports(1)
    options = [*certificates.options(port), "--cluster-enabled", "yes", "--tls-cluster", "yes"]
    with running(need("redis-server"), tmp_path, *options):
        await answer(tls(certificates, port=port), "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        client, handler = client_factory(tls(certificates, port=port, cluster=True))(), Handler()
        assert isinstance(client, RedisCluster)
        await client.initialize()
        listener = ShardedListener(client, handler, ReceivingGate())
        async with asyncio.timeout(10):
            await listener.open(["a"])
            await client.execute_command("SPUBLISH", "a", "1")
            assert await handler.messages.get() == (b"a", b"1")
        await listener.close()
        await client.aclose()


async def test_a_server_may_refuse_a_name(need: Need, tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    acl = tmp_path / "users.acl"
    acl.write_text("user default on nopass ~* &* +@all\nuser me on >secret ~* &* +@all -client\n")
    options = ["--port", "0", "--unixsocket", str(path), "--aclfile", str(acl)]
    with running(need("redis-server"), tmp_path, *options):
        config = RedisConfig(host=str(path), port=0)
        assert CLIENT_NAME in await answer(config, "CLIENT", "GETNAME")
        assert await answer(RedisConfig(host=str(path), username="me", password="secret"))
