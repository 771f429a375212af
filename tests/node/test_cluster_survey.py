"""What a survey of the cluster finds on a real Redis with real nodes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb.config import Config, RedisConfig, ScalingConfig
from revurb.node.cluster_status import NodeStatus
from revurb.node.cluster_survey import survey_cluster
from tests.client import connect
from tests.conftest import Need, Run
from tests.processes.serving import serving
from tests.redis_server import RedisServer


@pytest.fixture
def server(need: Need, tmp_path: Path, run: Run) -> Iterator[RedisServer]:
    server = RedisServer(need("redis-server"), tmp_path)
    run(server.start())
    yield server
    run(server.kill())


def test_what_the_nodes_say_of_themselves(server: RedisServer, run: Run, tmp_path: Path) -> None:
    url = f"unix://{server.socket}"
    environment = {"REVERB_SCALING_ENABLED": "true", "REDIS_URL": url, "REVURB_REDIS_LEASE": "1"}
    config = Config(scaling=ScalingConfig(enabled=True, redis=RedisConfig(url=url)))
    with serving(tmp_path, environment=environment) as one, serving(tmp_path, environment=environment) as two:

        async def main() -> dict[int, NodeStatus]:
            async with connect(one.port, "key1") as client, asyncio.timeout(20):
                await client.subscribe("news")
                await client.subscribe("other")
                while True:
                    found = {status.pid: status for status in await survey_cluster(config)}
                    if all(status.lag_ms is not None for status in found.values()):
                        return found

        found = run(main())
    said = found[one.process.pid], found[two.process.pid]
    assert [status.topics for status in said] == [2, 0]
    for status in said:
        assert (status.waiting, status.dropped, status.missed, status.lost) == (0, 0, 0, 0)
        assert status.lag_ms is not None
        assert 0 < status.lag_ms < 5000
