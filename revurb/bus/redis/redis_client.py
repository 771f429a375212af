"""Creating clients of the configured Redis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from revurb.bus.redis.pipelines import AnyRedis
from revurb.bus.redis.redis_connections import (
    MasterConnection,
    MasterTlsConnection,
    NamedConnection,
    TcpConnection,
    TlsConnection,
    UnixConnection,
    for_server_name,
)
from revurb.bus.redis.sentinels import NamingSentinels
from revurb.config import RedisConfig, load_redis_factory, redis_address
from revurb.config.redis_address import host_and_port

SENTINEL_PORT = 26379
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
        "retry": Retry(NoBackoff(), 0),
    }
    if address.tls:
        options |= _tls_options(config)
    direct = for_server_name(TlsConnection, config.tls_server_name) if address.tls else TcpConnection
    if config.cluster:
        del options["db"]  # a Cluster has only one
        return lambda: _cluster_client(
            RedisCluster(host=address.host, port=address.port, **options),  # its retry is its own
            direct,
        )
    if config.sentinels is not None:
        master = (
            for_server_name(MasterTlsConnection, config.tls_server_name) if address.tls else MasterConnection
        )
        sentinels = [host_and_port(text, SENTINEL_PORT) for text in config.sentinels]
        return lambda: _sentinel_client(sentinels, config, options, master)
    if address.path is not None:
        options = {name: value for name, value in options.items() if name in _FOR_UNIX_SOCKETS}
        return lambda: _connected_by(Redis(unix_socket_path=address.path, **options), UnixConnection)
    return lambda: _connected_by(Redis(host=address.host, port=address.port, **options), direct)


_FOR_UNIX_SOCKETS = {
    "username",
    "password",
    "db",
    "protocol",
    "socket_timeout",
    "socket_connect_timeout",
    "retry",
}


def _tls_options(config: RedisConfig) -> dict[str, Any]:
    return {
        "ssl": True,
        "ssl_ca_certs": config.tls_ca,
        "ssl_certfile": config.tls_cert,
        "ssl_keyfile": config.tls_key,
        "ssl_cert_reqs": "required" if config.tls_verify else "none",
        "ssl_check_hostname": config.tls_verify,
    }


def _connected_by(client: Redis, connection_class: type[NamedConnection]) -> Redis:
    pool: Any = client.connection_pool  # whose type takes the class for one of TCP connections
    pool.connection_class = connection_class
    return client


def _cluster_client(client: RedisCluster, connection_class: type[NamedConnection]) -> RedisCluster:
    client.connection_kwargs["connection_class"] = connection_class  # of the servers that it will find
    server: Any  # whose type takes the class for one of TCP connections
    for server in client.startup_nodes:
        server.connection_class = connection_class
    return client


def _sentinel_client(
    addresses: list[tuple[str, int]],
    config: RedisConfig,
    options: dict[str, Any],
    connection_class: type[NamedConnection],
) -> Redis:
    """A client of the server that is the master at the time of connecting."""
    sentinel_options = {
        "username": config.sentinel_username,
        "password": config.sentinel_password,
        "socket_timeout": config.answer_timeout_s,
        "socket_connect_timeout": config.answer_timeout_s,
        "retry": Retry(NoBackoff(), 0),
        **(_tls_options(config) if config.sentinel_tls else {}),
    }

    class SentinelMaster(Redis):
        async def aclose(self, close_connection_pool: bool | None = None) -> None:
            await super().aclose(close_connection_pool)
            for server in naming.sentinels:  # redis-py leaves them open
                await server.aclose()

    naming = NamingSentinels(addresses, sentinel_kwargs=sentinel_options, **options)  # type: ignore[no-untyped-call]
    by_tls = for_server_name(TlsConnection, config.tls_server_name)
    for server in naming.sentinels:
        _connected_by(server, by_tls if config.sentinel_tls else TcpConnection)
    master: Redis = naming.master_for(config.sentinel_master, redis_class=SentinelMaster)
    return _connected_by(master, connection_class)
