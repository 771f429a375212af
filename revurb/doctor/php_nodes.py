"""Check of the legacy channel, on which PHP Reverb nodes and Revurb nodes listen."""

from __future__ import annotations

from typing import Any

from revurb.bus.redis.pipelines import AnyRedis
from revurb.config import Config
from revurb.doctor.finding import Finding


async def check_legacy_channel(redis: AnyRedis, config: Config) -> Finding:
    """Counts the subscribers of the legacy channel. Raises RedisError if the user may not ask."""
    channel = config.scaling.channel
    reply: Any = await redis.execute_command("PUBSUB", "NUMSUB", channel)
    return Finding(
        "ok", "legacy channel", f"{int(reply[1])} listen on {channel!r} (PHP Reverb nodes, and ours)"
    )
