"""Declares every option of the server once: type, default, environment name, range and a sentence about it.

`revurb.config.load` makes one frozen `Config`, which is passed down; no other code reads the environment. Names carry
units: they end in _s for seconds, in _bytes for bytes. The options of addresses, processes, scaling, webhooks, apps and
their lookup are in server.py, process.py, scaling.py, webhook_sending.py, app_options.py and app_lookup.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Annotated, Any, Literal

from revurb.apps import App
from revurb.config.admin_options import AdminConfig, MetricsConfig
from revurb.config.app_lookup import AppLookupConfig
from revurb.config.hooks_options import HooksConfig
from revurb.config.limits_profile import LimitsProfile
from revurb.config.normalization import object_path
from revurb.config.option import Option, Setting, build, settings_of
from revurb.config.process import ProcessConfig
from revurb.config.scaling import ScalingConfig
from revurb.config.server import ServerConfig, TlsConfig
from revurb.config.webhook_sending import WebhooksConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsConfig:
    """Sizes, timeouts and counts that apply to all apps; the limits of one app are in `App`."""

    profile: Annotated[
        LimitsProfile,
        Option(
            env="REVURB_LIMITS",
            doc="Whose limits apps have where nothing sets them: with `pusher` all of Pusher's, which are below at the "
            "options of apps, with its errors; `max_request_size_bytes` is 65,536 then and `max_message_size` of apps "
            "16,384, so that 10 KiB of data fit in.",
        ),
    ] = "reverb"
    max_request_size_bytes: Annotated[
        int,
        Option(
            env="REVERB_MAX_REQUEST_SIZE",
            minimum=1,
            doc="Largest body of an HTTP request, in bytes; above: 413. Signed requests with several events, or to "
            "several channels, may have `max_batch_size_bytes`.",
        ),
    ] = 10_000
    max_batch_size_bytes: Annotated[
        int,
        Option(
            env="REVURB_MAX_BATCH_SIZE",
            minimum=1,
            doc="Largest body of a signed request with up to 10 events, or with one to several channels, in bytes; "
            "above: 413. The default has room for ten events with 10 KiB of data each, however that is escaped.",
        ),
    ] = 655_360
    max_head_size_bytes: Annotated[
        int,
        Option(
            env="REVURB_MAX_HEAD_SIZE",
            minimum=256,
            doc="Largest request line and headers together, in bytes; above: 413.",
        ),
    ] = 16_384
    request_timeout_s: Annotated[
        float,
        Option(
            env="REVURB_REQUEST_TIMEOUT",
            minimum=0.01,
            doc="Seconds in which a request must have arrived whole, and a TLS handshake be complete.",
        ),
    ] = 10.0
    keep_alive_timeout_s: Annotated[
        float,
        Option(
            env="REVURB_KEEP_ALIVE_TIMEOUT",
            minimum=0.01,
            doc="Seconds an idle HTTP connection is kept for the next request.",
        ),
    ] = 75.0
    signature_max_age_s: Annotated[
        int,
        Option(
            env="REVURB_SIGNATURE_MAX_AGE",
            minimum=0,
            doc="Seconds the `auth_timestamp` of a signed request may differ from now; 0 is no check.",
        ),
    ] = 600
    pong_timeout_s: Annotated[
        float,
        Option(
            env="REVURB_PONG_TIMEOUT",
            minimum=0.01,
            doc="Seconds a pinged connection has to answer before it is closed with 4201.",
        ),
    ] = 30.0
    close_timeout_s: Annotated[
        float,
        Option(
            env="REVURB_CLOSE_TIMEOUT",
            minimum=0.01,
            doc="Seconds a client has to answer a close frame before TCP is closed, and to go on with answers that it "
            "does not take when the server stops.",
        ),
    ] = 3.0
    max_queued_bytes: Annotated[
        int,
        Option(
            env="REVURB_MAX_QUEUED_BYTES",
            minimum=1024,
            doc="Bytes that may wait for a slow client before it is closed with 4100.",
        ),
    ] = 1_048_576
    max_queued_total_bytes: Annotated[
        int | None,
        Option(
            env="REVURB_MAX_QUEUED_TOTAL",
            minimum=1_048_576,
            doc="Bytes that may wait for all clients together, in all workers, before no more input is handled until "
            "clients have taken some; without a value a quarter of the memory.",
        ),
    ] = None
    max_connections: Annotated[
        int | None,
        Option(
            env="REVURB_MAX_CONNECTIONS",
            minimum=1,
            doc="WebSocket connections of all apps and all workers together; without a value there is no limit.",
        ),
    ] = None
    max_connections_per_address: Annotated[
        int | None,
        Option(
            env="REVURB_MAX_CONNECTIONS_PER_ADDRESS",
            minimum=1,
            doc="WebSocket connections that an address may have with each process; more are closed with 4100. One of "
            "IPv6 stands for its /64. Loopback and trusted proxies are not counted. Without a value there is no limit.",
        ),
    ] = None
    max_handshakes_per_address: Annotated[
        int | None,
        Option(
            env="REVURB_MAX_HANDSHAKES_PER_ADDRESS",
            minimum=1,
            doc="WebSocket handshakes that an address may make with each process in a second; above: 429 with "
            "`Retry-After`. Without a value there is no limit.",
        ),
    ] = None
    ban_after: Annotated[
        int | None,
        Option(
            env="REVURB_BAN_AFTER",
            minimum=1,
            doc="Handshakes of an address that a process refuses in a minute (unknown app, origin, bad handshake, too "
            "many) before it bans the address: 429 for all its handshakes. Without a value nobody is banned.",
        ),
    ] = None
    ban_s: Annotated[
        float,
        Option(env="REVURB_BAN_TIME", minimum=1, doc="Seconds for which an address is banned."),
    ] = 600.0
    cache_ttl_s: Annotated[
        int,
        Option(
            env="REVURB_CACHE_TTL",
            minimum=1,
            doc="Seconds the last event of a cache channel is kept.",
        ),
    ] = 1800
    max_cached_bytes: Annotated[
        int,
        Option(
            env="REVURB_MAX_CACHED_BYTES",
            minimum=1,
            doc="Bytes that the last events of an app's cache channels may take; beyond it the oldest are dropped.",
        ),
    ] = 67_108_864


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressionConfig:
    """Compression of messages for clients that offer permessage-deflate (RFC 7692)."""

    mode: Annotated[
        Literal["off", "shared", "dedicated"],
        Option(
            env="REVURB_COMPRESSION",
            doc="How: each event once for all its subscribers, or with a window for each connection. See "
            "[compression](compression.md).",
        ),
    ] = "off"
    min_size_bytes: Annotated[
        int,
        Option(
            env="REVURB_COMPRESSION_MIN_SIZE",
            minimum=1,
            doc="Smallest message that is sent compressed, in bytes.",
        ),
    ] = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """Format and level of the log, and whether messages are printed."""

    format: Annotated[
        Literal["plain", "json"],
        Option(
            env="REVURB_LOG_FORMAT", flag="--log-format", doc="Lines for people, or one JSON object a line."
        ),
    ] = "plain"
    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Option(env="REVURB_LOG_LEVEL", flag="--log-level", doc="The least important messages to log."),
    ] = "info"
    access: Annotated[
        Literal["off", "connections", "all"],
        Option(
            env="REVURB_ACCESS_LOG",
            doc="Whether WebSocket connections that open and close have a line in the log, or requests too, whose "
            "answers then have an `X-Request-Id`. See [logs](logs.md).",
        ),
    ] = "off"
    access_sample: Annotated[
        float,
        Option(
            env="REVURB_ACCESS_LOG_SAMPLE",
            minimum=0,
            maximum=1,
            doc="The part of them that has a line, from 0 to 1.",
        ),
    ] = 1.0
    debug: Annotated[
        bool,
        Option(
            env="REVURB_DEBUG_MESSAGES",
            flag="--debug",
            doc="Print each message of a connection and each request, and log each refusal.",
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole configuration of a server.

    `provenance` maps each dotted key (`server.port`, `apps.<id>.ping_interval`) to where its value came from:
    `default`, `revurb.toml`, `.env (REVERB_SERVER_PORT)`, `environment (REVERB_SERVER_PORT)` or `--port`.
    `warnings` are lines for the operator about values that are accepted and ignored.
    """

    server: ServerConfig = field(default=ServerConfig())
    tls: TlsConfig = field(default=TlsConfig())
    limits: LimitsConfig = LimitsConfig()
    compression: CompressionConfig = CompressionConfig()
    log: LogConfig = LogConfig()
    # ruff cannot see that these classes of other modules are frozen, hence `field`
    process: ProcessConfig = field(default=ProcessConfig())
    admin: AdminConfig = field(default=AdminConfig())
    metrics: MetricsConfig = field(default=MetricsConfig())
    scaling: ScalingConfig = field(default=ScalingConfig())
    webhooks: WebhooksConfig = field(default=WebhooksConfig())
    apps: tuple[App, ...] = ()
    app_provider: Annotated[
        str | None,
        Option(
            env="REVURB_APP_PROVIDER",
            flag="--app-provider",
            parse=object_path,
            allowed="package.module:Class",
            doc="Class (or function that makes an instance) that finds apps, instead of the configured ones.",
        ),
    ] = None
    app_lookup: AppLookupConfig = field(default=AppLookupConfig())
    hooks: HooksConfig = field(default=HooksConfig())
    provenance: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType({}), compare=False, repr=False
    )
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @property
    def looks_up_apps(self) -> bool:
        """Whether apps are found by a provider or in a database, and those in `apps` are not used."""
        return self.app_provider is not None or self.app_lookup.database is not None


SETTINGS: tuple[Setting, ...] = tuple(settings_of(Config))


def config_of(values: Mapping[str, Any], apps: tuple[App, ...]) -> Config:
    """Returns the configuration with these checked values by dotted key, and the defaults of all others."""
    defaults = {setting.key: setting.default for setting in SETTINGS}
    return replace(build(Config, {**defaults, **values}), apps=apps)
