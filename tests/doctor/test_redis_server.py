"""What `revurb doctor` finds wrong with a real Redis."""

from __future__ import annotations

import asyncio

from revurb.config import Config, RedisConfig, ScalingConfig
from revurb.doctor.examination import run_examination
from tests.conftest import Run
from tests.redis_server import RedisServer


def test_settings_of_redis_that_are_no_good(server: RedisServer, run: Run) -> None:
    async def spoil() -> None:
        client = server.client()
        await client.config_set("client-output-buffer-limit", "pubsub 1mb 1mb 60")
        await client.config_set("maxmemory", "100mb")
        await client.config_set("maxmemory-policy", "allkeys-lru")
        await client.aclose()
        await asyncio.sleep(0)

    run(spoil())
    url = f"unix://{server.socket}"
    found = run_examination(Config(scaling=ScalingConfig(enabled=True, redis=RedisConfig(url=url))))
    of_redis = found[[finding.subject for finding in found].index("Redis") :]
    warned = {finding.subject for finding in of_redis if finding.mark == "warning"}
    assert warned == {"output buffers", "memory of Redis", "nodes"}
    assert all(finding.advice for finding in of_redis if finding.mark == "warning")
