"""What a connection is to those who use it, whichever Redis it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from revurb.bus.redis.pipelines import AnyRedis, ServerPipelines
from revurb.bus.redis.redis_socket import RedisSocket
from revurb.bus.redis.shared_redis import ServerSocket, SharedRedis, is_cluster, open_socket
from tests.bus.relay.relayed_host import RelayedHost
from tests.redis_server import RedisClusterServers, RedisServer


async def test_own_and_shared_connections_are_of_one_form(
    server: RedisServer, redis_cluster: RedisClusterServers, tmp_path: Path
) -> None:
    await server.start()
    await redis_cluster.start()
    connects: list[tuple[Callable[[], AnyRedis], bool]] = [
        (server.client, False),
        (redis_cluster.client, True),
    ]
    for connect, cluster in connects:
        client = connect()
        assert is_cluster(client) is cluster
        host = RelayedHost(connect, str(tmp_path / "relay.sock"))
        await host.start_relay()
        worker = await host.worker()
        assert isinstance(worker.redis, SharedRedis)
        assert is_cluster(worker.redis) is cluster
        await worker.redis.script_load("return 1")
        await host.close()
        await client.aclose()


async def test_a_connection_is_opened_by_a_client_or_by_what_is_shared(
    server: RedisServer, tmp_path: Path
) -> None:
    await server.start()
    host = RelayedHost(server.client, str(tmp_path / "relay.sock"))
    await host.start_relay()
    worker = await host.worker()
    async with server.client() as client:
        own: ServerSocket = await open_socket(client, ServerPipelines(lambda: client))
        shared: ServerSocket = await open_socket(
            worker.redis.commands, ServerPipelines(lambda: worker.redis.commands)
        )
        assert isinstance(own, RedisSocket)
        assert not isinstance(shared, RedisSocket)
        for socket in (own, shared):
            assert not socket.is_lost
            assert not socket.is_paused
            assert not socket.is_of_master
            assert socket.timeout_s is not None
            for _ in range(2):
                await socket.close()
            assert socket.is_lost
    await host.close()
