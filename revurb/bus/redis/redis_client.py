"""Creating clients of the configured Redis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from redis.asyncio import Redis, RedisCluster, Sentinel, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from revurb.bus.redis.pipelines import AnyRedis
from revurb.config import RedisConfig, load_redis_factory, redis_address

ClientFactory: TypeAlias = Callable[[], AnyRedis]


def client_factory(config: RedisConfig) -> ClientFactory:
    """Returns a function that creates a new client. The client speaks RESP2, decodes nothing, and gives up at the first
    failure, since the link retries by itself; a factory of the user's own has to do the same.

    Raises ConfigError for a factory of the user's own that cannot be loaded.
    """
    if config.factory is not None:
        return load_redis_factory(config.factory)
    address = redis_address(config)
    options: dict[str, Any] = {
        "username": address.username,
        "password": address.password,
        "db": address.db,
        "protocol": 2,
        "socket_timeout": config.answer_timeout_s,
        "socket_connect_timeout": config.answer_timeout_s,
        "socket_keepalive": True,
        "client_name": "revurb",
        "retry": Retry(NoBackoff(), 0),
    }
    if address.tls:
        options |= _tls_options(config)
    if config.cluster:
        del options["db"]  # a Cluster has only one
        return lambda: RedisCluster(host=address.host, port=address.port, **options)
    if config.sentinels is not None:
        sentinels = config.sentinels
        return lambda: _sentinel_client(sentinels, config, options)
    if address.path is not None:
        del options["socket_keepalive"]
        return lambda: Redis(unix_socket_path=address.path, **options)
    if address.tls and config.tls_server_name is not None:
        return lambda: _client_with_server_name(config.tls_server_name, address.host, address.port, options)
    return lambda: Redis(host=address.host, port=address.port, **options)


def _tls_options(config: RedisConfig) -> dict[str, Any]:
    return {
        "ssl": True,
        "ssl_ca_certs": config.tls_ca,
        "ssl_certfile": config.tls_cert,
        "ssl_keyfile": config.tls_key,
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
    }


def _client_with_server_name(server_name: str | None, host: str, port: int, options: dict[str, Any]) -> Redis:
    """A client of a server whose certificate has another name than its host."""
    client = Redis(host=host, port=port, **options)

    class ServerNameConnection(SSLConnection):
        def _connection_arguments(self) -> dict[str, Any]:
            return {**super()._connection_arguments(), "server_hostname": server_name}

    client.connection_pool.connection_class = ServerNameConnection
    return client


def _sentinel_client(sentinels: tuple[str, ...], config: RedisConfig, options: dict[str, Any]) -> Redis:
    """A client of the server that is the master at the time of connecting."""
    addresses = []
    for text in sentinels:
        host, _, port = text.rpartition(":")
        addresses.append((host, int(port)))
    sentinel_options = {
        "password": config.sentinel_password,
        "socket_timeout": config.answer_timeout_s,
        "socket_connect_timeout": config.answer_timeout_s,
        "retry": Retry(NoBackoff(), 0),
    }

    class SentinelMaster(Redis):
        async def aclose(self, close_connection_pool: bool | None = None) -> None:
            await super().aclose(close_connection_pool)
            for server in sentinel.sentinels:  # redis-py leaves them open
                await server.aclose()

    sentinel = Sentinel(addresses, sentinel_kwargs=sentinel_options, **options)  # type: ignore[no-untyped-call]
    master: Redis = sentinel.master_for(config.sentinel_master, redis_class=SentinelMaster)
    return master
