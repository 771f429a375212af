"""What `revurb doctor` finds wrong with a real Redis."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from revurb.bus.redis.keys import Keys
from revurb.config import Config, RedisConfig, ScalingConfig
from revurb.doctor.examination import run_examination
from revurb.doctor.finding import Finding
from revurb.doctor.redis_server import check_partitions
from tests.conftest import Need, Run
from tests.redis_server import RedisClusterServers, RedisServer


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


def test_the_rights_that_are_documented_are_enough(
    server: RedisServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only the doctor asks is told apart from what nodes need."""

    async def others(config: Config) -> list[Finding]:
        return []

    monkeypatch.setattr("revurb.doctor.examination.check_other_nodes", others)  # takes seconds here
    page = (Path(__file__).parents[2] / "docs/redis.md").read_text("utf-8")
    rights = re.search(r"The user needs `([^`]*)` on `([^`]*)` and `([^`]*)`", page)
    assert rights is not None

    async def allow() -> None:
        client = server.client()
        words = [*rights[1].split(), rights[2], rights[3], "&reverb"]
        await client.execute_command("ACL", "SETUSER", "node", "on", ">secret", *words)  # type: ignore[no-untyped-call]
        await client.aclose()

    run(allow())
    redis = RedisConfig(host=server.socket, port=0, username="node", password="secret")
    found = run_examination(Config(scaling=ScalingConfig(enabled=True, redis=redis)))
    of_redis = found[[finding.subject for finding in found].index("Redis") :]
    unknown = [finding for finding in of_redis if finding.mark != "ok"]
    assert {finding.subject for finding in unknown} == {"version of Redis", "buffers", "memory of Redis"}
    assert all("NOPERM" in finding.observation for finding in unknown)
    assert all(finding.advice.startswith("Only the doctor asks") for finding in unknown)


def test_how_many_partitions_there_are(server: RedisServer, run: Run) -> None:
    key = Keys("revurb").partition_count

    async def found() -> list[tuple[str, str]]:
        marks = []
        async with server.client() as client:
            for value in (None, "64", "1024"):
                if value is not None:
                    await client.set(key, value)
                finding = await check_partitions(client, "revurb")
                marks.append((finding.mark, finding.observation))
            await client.delete(key)
            await client.rpush(key, "x")
            finding = await check_partitions(client, "revurb")
            await client.delete(key)
            return [*marks, (finding.mark, finding.observation)]

    first, *counted, wrong = run(found())
    assert first == ("ok", "none yet: the first node makes them")
    assert counted == [("ok", "64"), ("ok", "1024")]
    assert wrong[0] == "wrong"


def test_a_cluster_with_the_partitions_of_older_nodes(need: Need, tmp_path: Path, run: Run) -> None:
    servers = RedisClusterServers(need("redis-server"), need("redis-cli"), tmp_path)

    async def found(value: str) -> Finding:
        await servers.start()
        async with servers.client() as client:
            await client.set(Keys("revurb").partition_count, value)
            return await check_partitions(client, "revurb")

    few, all_of_them = run(found("64")), run(found("1024"))
    run(servers.kill())
    assert (few.mark, few.observation) == ("warning", "64")
    assert "all nodes have to be stopped" in few.advice
    assert all_of_them.mark == "ok"
