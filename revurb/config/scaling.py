"""Declares the options of scaling: the Redis by which several nodes share events and members."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from revurb.config.normalization import host_name, object_path
from revurb.config.option import Option


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisConfig:
    """The Redis that nodes share: the options of Laravel's `.env`, and those that Reverb lacks."""

    url: Annotated[
        str | None,
        Option(
            env="REDIS_URL",
            secret=True,
            doc="`redis://user:password@host:port/db?option=value`, `rediss://` or `unix:///path`; what it has goes "
            "before the single options.",
        ),
    ] = field(default=None, repr=False)
    scheme: Annotated[
        Literal["tcp", "tls", "unix", "redis", "rediss", "ssl"],
        Option(
            env="REDIS_SCHEME",
            doc="Whether to speak TLS with the Redis server, or over a Unix socket; `redis` is tcp, `rediss` and `ssl` "
            "are tls, as PHP's clients have it.",
        ),
    ] = "tcp"
    host: Annotated[
        str,
        Option(
            env="REDIS_HOST",
            doc="Host of the Redis server; also `tls://host`, or the path of a Unix socket, as PHP's clients take it.",
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        Option(
            env="REDIS_PORT",
            minimum=-1,
            maximum=65535,
            doc="Port of the Redis server; without a meaning, and 0 or -1 as a rule, for a Unix socket.",
        ),
    ] = 6379
    path: Annotated[
        str | None,
        Option(
            env="REDIS_PATH", doc="Path of the Unix socket with the scheme `unix`, where it is not the host."
        ),
    ] = None
    username: Annotated[str | None, Option(env="REDIS_USERNAME", doc="ACL user.")] = None
    password: Annotated[str | None, Option(env="REDIS_PASSWORD", secret=True, doc="Password.")] = field(
        default=None, repr=False
    )
    db: Annotated[int, Option(env="REDIS_DB", minimum=0, doc="Number of the database.")] = 0
    timeout_s: Annotated[
        float,
        Option(
            env="REDIS_TIMEOUT",
            minimum=0.01,
            doc="Seconds after which Reverb gives a lost Redis up and ends; of no effect here: a node goes on trying.",
        ),
    ] = 60.0
    answer_timeout_s: Annotated[
        float,
        Option(
            env="REVURB_REDIS_ANSWER_TIMEOUT",
            minimum=0.05,
            doc="Seconds to wait for a connection or an answer before Redis counts as lost.",
        ),
    ] = 2.0
    prefix: Annotated[
        str,
        Option(env="REVURB_REDIS_PREFIX", doc="What all keys and channels of the nodes begin with."),
    ] = "revurb"
    lease_s: Annotated[
        float,
        Option(
            env="REVURB_REDIS_LEASE",
            minimum=1,
            doc="Seconds without a heartbeat after which a node is taken for dead, and its members are removed.",
        ),
    ] = 10.0
    kept_s: Annotated[
        float,
        Option(
            env="REVURB_REDIS_LOG",
            minimum=1,
            doc="Seconds that events are kept in Redis for nodes that were cut off.",
        ),
    ] = 60.0
    tls_ca: Annotated[
        str | None,
        Option(
            env="REVURB_REDIS_TLS_CA",
            is_path=True,
            doc="PEM file of the authorities that may sign for the server.",
        ),
    ] = None
    tls_cert: Annotated[
        str | None,
        Option(env="REVURB_REDIS_TLS_CERT", is_path=True, doc="PEM file of the client's certificate."),
    ] = None
    tls_key: Annotated[
        str | None,
        Option(env="REVURB_REDIS_TLS_KEY", is_path=True, doc="PEM file of the client's private key."),
    ] = None
    tls_verify: Annotated[
        bool,
        Option(
            env="REVURB_REDIS_TLS_VERIFY",
            doc="Whether the server's certificate is checked. Without, whoever is in between can read and change "
            "everything; Heroku's Redis needs it off.",
        ),
    ] = True
    tls_server_name: Annotated[
        str | None,
        Option(
            env="REVURB_REDIS_TLS_SERVER_NAME",
            parse=host_name,
            allowed="a host name",
            doc="Name that the server's certificate must have, where it is not the host's.",
        ),
    ] = None
    sentinels: Annotated[
        tuple[str, ...] | None,
        Option(
            env="REVURB_REDIS_SENTINELS",
            doc="Addresses of Sentinels by commas, `host`, `host:port` or `[::1]:port`; they name the server then. The "
            "port is 26379 unless it is given.",
        ),
    ] = None
    sentinel_master: Annotated[
        str, Option(env="REVURB_REDIS_SENTINEL_MASTER", doc="What the Sentinels call the server.")
    ] = "mymaster"
    sentinel_password: Annotated[
        str | None,
        Option(env="REVURB_REDIS_SENTINEL_PASSWORD", secret=True, doc="Password of the Sentinels."),
    ] = field(default=None, repr=False)
    sentinel_username: Annotated[
        str | None, Option(env="REVURB_REDIS_SENTINEL_USERNAME", doc="ACL user of the Sentinels.")
    ] = None
    sentinel_tls: Annotated[
        bool,
        Option(
            env="REVURB_REDIS_SENTINEL_TLS",
            doc="Whether to speak TLS with the Sentinels; certificates and authorities are those for the server.",
        ),
    ] = False
    cluster: Annotated[
        bool,
        Option(
            env="REVURB_REDIS_CLUSTER",
            doc="Whether it is a Redis Cluster (Redis 7 or later); the address is that of any of its servers.",
        ),
    ] = False
    factory: Annotated[
        str | None,
        Option(
            env="REVURB_REDIS_FACTORY",
            parse=object_path,
            allowed="package.module:function",
            doc="Function that makes the client, instead of all this: takes nothing, gives a `redis.asyncio.Redis`.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingConfig:
    """Whether nodes share events through Redis. If not, the clients of a server reach each other only."""

    enabled: Annotated[
        bool,
        Option(env="REVERB_SCALING_ENABLED", doc="Share events with other nodes through Redis."),
    ] = False
    channel: Annotated[
        str,
        Option(
            env="REVERB_SCALING_CHANNEL", doc="Redis channel that PHP Reverb nodes share; see `protocol`."
        ),
    ] = "reverb"
    protocol: Annotated[
        Literal["auto", "revurb", "reverb"],
        Option(
            env="REVURB_SCALING_PROTOCOL",
            doc="Whether to speak with PHP Reverb nodes: while there are any, never, or always.",
        ),
    ] = "auto"
    reverb_release: Annotated[
        Literal["auto", "1.6", "1.7"],
        Option(
            env="REVURB_SCALING_REVERB",
            doc="Release of the PHP Reverb nodes: `1.6` for all up to 1.6.3, `1.7` for later ones, which are asked for "
            "their counts in another way; `auto` waits until they have shown it.",
        ),
    ] = "auto"
    redis: RedisConfig = RedisConfig()
