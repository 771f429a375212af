"""The order in which `revurb doctor` examines a server.

A check comes after those that it depends on. If Redis cannot be reached, the examination ends there.
"""

from __future__ import annotations

import asyncio

from revurb.bus.redis.redis_client import client_factory
from revurb.config import Config
from revurb.doctor.finding import Finding
from revurb.doctor.other_nodes import check_other_nodes
from revurb.doctor.php_nodes import check_legacy_channel
from revurb.doctor.redis_server import check_connection, check_settings


def run_examination(config: Config) -> list[Finding]:
    """`examine` on an event loop of its own."""
    return asyncio.run(examine(config))


async def examine(config: Config) -> list[Finding]:
    """The findings of all checks, in the order in which they ran. Raises ConfigError if the configured
    Redis client factory cannot be loaded."""
    if not config.scaling.enabled:
        return [
            Finding(
                "ok", "scaling", "off: this node, or the workers of this host, are all there is",
                "REVERB_SCALING_ENABLED=true shares events with other nodes through Redis.",
            )
        ]  # fmt: skip
    redis = client_factory(config.scaling.redis)()
    redis.response_callbacks.clear()
    try:
        connection = await check_connection(redis)
        if connection.mark == "wrong":
            return [connection]
        return [
            connection,
            *await check_settings(redis),
            await check_legacy_channel(redis, config),
            *await check_other_nodes(config),
        ]
    finally:
        await redis.aclose()
