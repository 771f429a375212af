"""The order in which `revurb doctor` examines a server.

This host comes first: port and server, certificate, proxies, limits, apps and their webhooks. A check comes after those
that it depends on. If Redis cannot be reached, the examination ends there.
"""

from __future__ import annotations

import asyncio

from revurb.bus.redis.redis_client import client_factory
from revurb.config import Config
from revurb.doctor.app_database import check_app_database
from revurb.doctor.configured_apps import check_apps
from revurb.doctor.finding import Finding
from revurb.doctor.local_server import check_local_server
from revurb.doctor.other_nodes import check_other_nodes
from revurb.doctor.php_nodes import check_legacy_channel
from revurb.doctor.proxy_trust import check_proxies
from revurb.doctor.redis_server import check_connection, check_partitions, check_settings, check_writing
from revurb.doctor.server_certificate import check_certificate
from revurb.doctor.system_limits import check_limits
from revurb.doctor.webhook_targets import check_webhook_targets


def run_examination(config: Config) -> list[Finding]:
    """`examine` on an event loop of its own."""
    return asyncio.run(examine(config))


async def examine(config: Config) -> list[Finding]:
    """The findings of all checks, in the order in which they ran. Raises ConfigError if the configured
    Redis client factory cannot be loaded."""
    here = [
        *check_local_server(config),
        check_certificate(config),
        *check_proxies(config),
        *check_limits(config),
        *check_apps(config),
        *await check_app_database(config),
        *await check_webhook_targets(config),
    ]
    if not config.scaling.enabled:
        off = "off: this node, or the workers of this host, are all there is (REVERB_SCALING_ENABLED)"
        return [*here, Finding("ok", "scaling", off)]
    redis = client_factory(config.scaling.redis)()
    redis.response_callbacks.clear()
    try:
        connection = await check_connection(redis)
        if connection.mark == "wrong":
            return [*here, connection]
        return [
            *here,
            connection,
            await check_writing(redis, config.scaling.redis.prefix),
            await check_partitions(redis, config.scaling.redis.prefix),
            *await check_settings(redis),
            await check_legacy_channel(redis, config),
            *await check_other_nodes(config),
        ]
    finally:
        await redis.aclose()
