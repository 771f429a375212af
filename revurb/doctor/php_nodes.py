"""Check of the legacy channel, on which PHP Reverb nodes and Revurb nodes listen."""

from __future__ import annotations

from typing import Any

from revurb.bus.redis.pipelines import FAILURES, AnyRedis
from revurb.bus.redis.refusals import reason_of
from revurb.bus.reverb.reverb_connection import ReverbChannels, count_php_nodes
from revurb.config import Config
from revurb.doctor.finding import Finding
from revurb.doctor.remedies import remedy_for


async def check_legacy_channel(redis: AnyRedis, config: Config) -> Finding:
    """Counts those who listen on the legacy channel. A warning if there are PHP nodes that are left alone. So it is
    where the user may not ask."""
    scaling = config.scaling
    if scaling.redis.cluster:
        return Finding("ok", "legacy channel", "none: PHP Reverb does not speak Redis Cluster")
    channels = ReverbChannels.of(scaling.channel, "")
    try:
        reply: Any = await redis.execute_command("PUBSUB", "NUMSUB", channels.php, channels.bridges)
    except FAILURES as error:
        remedy = remedy_for(error, "Without it PHP nodes are not found.")
        return Finding("warning", "legacy channel", f"cannot be looked at: {reason_of(error)}", remedy)
    php_nodes = count_php_nodes(reply)
    is_left_alone = php_nodes > 0 and scaling.protocol == "revurb"
    return Finding(
        "warning" if is_left_alone else "ok",
        "legacy channel",
        f"PHP Reverb nodes that listen on {scaling.channel!r}: {php_nodes}; Revurb nodes: {int(reply[3])}",
        "REVURB_SCALING_PROTOCOL=revurb leaves PHP nodes alone: their clients get no events of Revurb nodes.",
    )
