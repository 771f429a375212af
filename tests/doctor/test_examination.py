"""What `revurb doctor` and `revurb status --cluster` find on a real Redis with real nodes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from revurb.config import Config, RedisConfig, ScalingConfig
from revurb.doctor.examination import run_examination
from revurb.node.cluster_status import NodeStatus
from revurb.node.cluster_survey import survey_cluster
from tests.client import connect
from tests.conftest import Need, Run
from tests.processes.serving import serving
from tests.redis_server import RedisServer

HEADINGS = ["Host", "Pid", "State", "Uptime", "Connections", "Topics", "Lag", "Waiting", "Lost", "Version"]


@pytest.fixture
def server(need: Need, tmp_path: Path, run: Run) -> Iterator[RedisServer]:
    server = RedisServer(need("redis-server"), tmp_path)
    run(server.start())
    yield server
    run(server.kill())


def revurb(cwd: Path, environment: Mapping[str, str], *arguments: str) -> tuple[int, str, str]:
    app = {"REVERB_APP_ID": "1", "REVERB_APP_KEY": "key1", "REVERB_APP_SECRET": "secret1"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "revurb", *arguments],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **app, **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.returncode, done.stdout, done.stderr


def test_nodes_are_found_and_asked(server: RedisServer, tmp_path: Path) -> None:
    environment = {"REVERB_SCALING_ENABLED": "true", "REDIS_URL": f"unix://{server.socket}"}
    with serving(tmp_path, environment=environment), serving(tmp_path, environment=environment):
        code, out, err = revurb(tmp_path, environment, "doctor")
        assert (code, err) == (0, "")
        assert "2 answered" in out
        assert "wrong" not in out
        assert "warning" not in out
        code, out, err = revurb(tmp_path, environment, "status", "--cluster", "--json")
        assert (code, err) == (0, "")
        found = json.loads(out)
        assert [node["state"] for node in found] == ["ready", "ready"]
        assert len({node["pid"] for node in found}) == 2
        code, out, _ = revurb(tmp_path, environment, "status", "--cluster")
        assert code == 0
        first, headings, *rows = out.splitlines()
        assert first == "2 processes on 1 host, 0 connections"
        assert headings.split() == HEADINGS
        assert len(rows) == 2


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


def test_a_redis_that_is_not_there(tmp_path: Path) -> None:
    environment = {"REVERB_SCALING_ENABLED": "true", "REDIS_URL": f"unix://{tmp_path}/none.sock"}
    code, out, _ = revurb(tmp_path, environment, "doctor")
    assert code == 1
    assert out.startswith("wrong  connection")
    assert "REDIS_URL" in out
    code, _, err = revurb(tmp_path, environment, "status", "--cluster")
    assert code == 1
    assert "revurb doctor" in err


def test_without_scaling_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    code, out, _ = revurb(tmp_path, {}, "doctor")
    assert (code, out.split()[:2]) == (0, ["ok", "scaling"])
    code, _, err = revurb(tmp_path, {}, "status", "--cluster")
    assert code == 1
    assert "REVERB_SCALING_ENABLED" in err


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
    warned = {finding.subject for finding in found if finding.mark == "warning"}
    assert warned == {"output buffers", "memory", "nodes"}
    assert all(finding.advice for finding in found if finding.mark == "warning")
