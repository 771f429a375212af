"""What befalls Sentinels and Clusters: a server is replaced by its replica, a slot moves to another server."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb.bus.redis.client import client_factory
from revurb.bus.redis.keys import Keys, partition
from revurb.bus.redis.pipelines import AnyRedis
from revurb.config import RedisConfig
from tests.bus.engines import APP, RedisCluster
from tests.chaos.storm import storm
from tests.conftest import Need, Run
from tests.redis_server import RedisClusterServers, free_port


class Sentinels:
    """A server, its replica, and a Sentinel that watches them."""

    def __init__(self, program: str, cli: str, path: Path) -> None:
        self._program = program
        self._cli = cli
        self._path = path
        self.first, self.second, self._sentinel = free_port(), free_port(), free_port()
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def client(self) -> AnyRedis:
        return client_factory(
            RedisConfig(sentinels=(f"127.0.0.1:{self._sentinel}",), sentinel_master="main")
        )()

    async def start(self) -> None:
        if self.processes:
            return
        self._run(self.first)
        self._run(self.second, "--replicaof", "127.0.0.1", str(self.first))
        await self._until(self.second, "info replication", b"master_link_status:up")
        config = self._path / "sentinel.conf"
        config.write_text(
            f"port {self._sentinel}\nsentinel monitor main 127.0.0.1 {self.first} 1\n"
            "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n"
        )
        self._run(self._sentinel, "--sentinel", before=(str(config),))
        await self._until(self._sentinel, "sentinel replicas main", str(self.second).encode())

    async def kill(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes.clear()

    async def promoted(self) -> None:
        """Wait until the replica has taken over."""
        await self._until(self.second, "info replication", b"role:master")

    def _run(self, port: int, *arguments: str, before: tuple[str, ...] = ()) -> None:
        folder = self._path / str(port)
        folder.mkdir()
        command = [
            self._program,
            *before,
            "--port",
            str(port),
            "--save",
            "",
            "--dir",
            str(folder),
            *arguments,
        ]
        self.processes[port] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    async def _until(self, port: int, question: str, answer: bytes) -> None:
        ask = [self._cli, "-p", str(port), *question.split()]
        async with asyncio.timeout(20):
            while True:
                done = await asyncio.to_thread(subprocess.run, ask, capture_output=True, check=False)
                if answer in done.stdout:
                    return
                await asyncio.sleep(0.05)


@pytest.fixture
def sentinels(need: Need, tmp_path: Path, run: Run) -> Iterator[Sentinels]:
    servers = Sentinels(need("redis-server"), need("redis-cli"), tmp_path)
    yield servers
    run(servers.kill())


async def test_a_replica_takes_over(sentinels: Sentinels) -> None:
    """What the old server had acknowledged and not yet passed on to its replica is lost with it: counted, if so."""
    cluster = RedisCluster(sentinels, lease_s=5)
    async with storm(cluster) as blowing:
        before = blowing.published
        sentinels.processes[sentinels.first].kill()
        blowing.forgotten = range(before - 200, blowing.published)
        await sentinels.promoted()
        for node in blowing.nodes:
            async with asyncio.timeout(15):
                while node.bus.degraded:
                    await asyncio.sleep(0.02)
        await asyncio.sleep(1)
    await cluster.close()


async def test_a_slot_moves(need: Need, tmp_path: Path) -> None:
    servers = RedisClusterServers(need("redis-server"), need("redis-cli"), tmp_path)
    cluster = RedisCluster(servers, lease_s=5)
    try:
        async with storm(cluster) as blowing:
            key = Keys("revurb").logs[partition(APP, "storm")]
            await asyncio.to_thread(servers.move, key)
            await asyncio.sleep(2)
            for node in blowing.nodes:
                async with asyncio.timeout(15):
                    while node.bus.degraded:
                        await asyncio.sleep(0.02)
    finally:
        await cluster.close()
