"""Real redis-servers for a test, alone, as a Cluster or behind a Sentinel: without persistence, started and killed at
will."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from revurb.bus.redis.pipelines import AnyRedis
from revurb.bus.redis.redis_client import client_factory
from revurb.config import RedisConfig

PATIENCE_S = 10.0
NOTHING: Mapping[str, str] = {}
_RANDOM = random.SystemRandom()  # every test process has the same seed


class RedisServer:
    """One server, whose data are gone when it is killed. `program` is redis-server, `path` a folder of its own."""

    def __init__(self, program: str, path: Path, *options: str) -> None:
        self._program = program
        self.socket = str(path / "redis.sock")
        self._path = path
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def client(self, path: str | None = None) -> Redis:
        """A client, by another way if `path` is one."""
        return Redis(
            unix_socket_path=path or self.socket, protocol=2, socket_timeout=2, retry=Retry(NoBackoff(), 0)
        )

    async def start(self) -> None:
        """Returns when it answers; at once if it runs."""
        if self._process is not None:
            return
        self._process = subprocess.Popen(
            [
                self._program, "--port", "0", "--unixsocket", self.socket, "--save", "", "--appendonly", "no",
                "--dir", str(self._path), *self._options,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        async with self.client() as client, asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await client.ping()
                except (RedisError, OSError):
                    await asyncio.sleep(0.01)
                else:
                    return

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class RedisClusterServers:
    """Three servers that are one Redis Cluster, started and killed together. `program` is redis-server; redis-cli makes
    the cluster. `environs` are what they have in their environment beside ours.

    A Cluster takes more than two seconds to be ready. With `has_standby` the next one, on other ports, is made as soon
    as the first has been killed and started again."""

    def __init__(
        self,
        program: str,
        cli: str,
        path: Path,
        environs: Sequence[Mapping[str, str]] = (NOTHING,) * 3,
        *,
        has_standby: bool = False,
    ) -> None:
        self._environs = environs
        self._program = program
        self._cli = cli
        self._path = path
        self._ports: list[int] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._has_standby = has_standby
        self._standby: Future[_Servers] | None = None
        self._makers = ThreadPoolExecutor(1)

    @property
    def ports(self) -> tuple[int, ...]:
        """Once they have been started."""
        return tuple(self._ports)

    def client(self, by_way_of: Mapping[int, int] | None = None) -> RedisCluster:
        """A client, that goes to other ports than the servers say where `by_way_of` has one."""
        return RedisCluster(
            host="127.0.0.1",
            port=self._ports[0],
            protocol=2,
            socket_timeout=2,
            retry=Retry(NoBackoff(), 0),
            address_remap=lambda address: (address[0], (by_way_of or {}).get(address[1], address[1])),
        )

    async def start(self) -> None:
        """Returns when all slots are served; at once if they are."""
        if self._processes:
            return
        was_killed = bool(self._ports)
        ports = free_ports(3) if self._has_standby or not self._ports else self._ports
        made = self._standby or self._makers.submit(self._make, ports)
        self._standby = None
        self._ports, self._processes = await asyncio.wrap_future(made)
        if self._has_standby and was_killed:
            self._standby = self._makers.submit(self._make, free_ports(3))

    def _make(self, ports: list[int]) -> _Servers:
        processes = []
        for port, environ in zip(ports, self._environs, strict=True):
            folder = self._path / f"{port}-{len(os.listdir(self._path))}"
            folder.mkdir()
            arguments = ["--port", str(port), "--cluster-enabled", "yes", "--cluster-node-timeout", "2000"]
            arguments += ["--save", "", "--appendonly", "no", "--dir", str(folder), "--bind", "127.0.0.1"]
            processes.append(
                subprocess.Popen(
                    [self._program, *arguments],
                    env={**os.environ, **environ},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
        addresses = [f"127.0.0.1:{port}" for port in ports]
        create = [self._cli, "--cluster", "create", *addresses, "--cluster-replicas", "0", "--cluster-yes"]
        deadline = time.monotonic() + PATIENCE_S * 2
        while b"[OK] All 16384 slots covered" not in _output(create):
            assert time.monotonic() < deadline, "the cluster was not made"
            time.sleep(0.05)
        for port in ports:
            while b"cluster_state:ok" not in _output([self._cli, "-p", str(port), "cluster", "info"]):
                assert time.monotonic() < deadline, "the cluster does not become ready"
                time.sleep(0.05)
        return ports, processes

    def move(self, key: str) -> None:
        """Move the slot of `key` to another server, with all that is in it."""

        def ask(port: int, *words: str) -> str:
            command = [self._cli, "-p", str(port), *words]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

        slot = ask(self._ports[0], "cluster", "keyslot", key)
        ids = {port: ask(port, "cluster", "myid") for port in self._ports}
        # Whoever answers for the slot without a MOVED has it.
        source = next(port for port in self._ports if "MOVED" not in ask(port, "exists", key))
        target = next(port for port in self._ports if port != source)
        ask(target, "cluster", "setslot", slot, "importing", ids[source])
        ask(source, "cluster", "setslot", slot, "migrating", ids[target])
        while keys := ask(source, "cluster", "getkeysinslot", slot, "100").split("\n"):
            if keys == [""]:
                break
            ask(source, "migrate", "127.0.0.1", str(target), "", "0", "5000", "KEYS", *keys)
        for port in (target, source, *self._ports):
            ask(port, "cluster", "setslot", slot, "node", ids[target])

    async def kill(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes = []

    async def close(self) -> None:
        """Kill also those that stand by."""
        await self.kill()
        if self._standby is not None:
            self._ports, self._processes = await asyncio.wrap_future(self._standby)
            self._standby = None
            await self.kill()
        self._makers.shutdown()


_Servers: TypeAlias = tuple[list[int], list["subprocess.Popen[bytes]"]]
"""Ports and processes."""


def _output(command: Sequence[str]) -> bytes:
    # With an environment of its own: `execve` in a thread could read that of this process while a test changes it.
    return subprocess.run(command, capture_output=True, check=False, env={**os.environ}).stdout


class Sentinels:
    """A server, its replica, and a Sentinel that watches them; started and killed together. `program` is redis-server,
    redis-cli looks whether they know each other. The Sentinel takes nobody for dead by itself: on a busy machine it
    would do that with one that lives."""

    def __init__(self, program: str, cli: str, path: Path) -> None:
        self._program = program
        self._cli = cli
        self._path = path
        self.first, self.second, self._sentinel = free_ports(3)
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def environment(self) -> Mapping[str, str]:
        """Of a node that is to find the server by the Sentinel."""
        return {
            "REVURB_REDIS_SENTINELS": f"127.0.0.1:{self._sentinel}",
            "REVURB_REDIS_SENTINEL_MASTER": "main",
        }

    def client(self, behind: object = None) -> AnyRedis:
        """A client of whichever server is the master; there is no other way to it."""
        assert behind is None
        return client_factory(
            RedisConfig(sentinels=(f"127.0.0.1:{self._sentinel}",), sentinel_master="main")
        )()

    async def start(self) -> None:
        """Returns when the replica follows and the Sentinel knows of it; at once if they run."""
        if self.processes:
            return
        # By way of a file: with a socket, the replica gets nothing more until it has confirmed that, a second later.
        self._run(self.first, "--repl-diskless-sync", "no")
        self._follow()
        await self._until(self.second, "info replication", b"master_link_status:up")
        config = self._path / "sentinel.conf"
        config.write_text(
            f"port {self._sentinel}\nsentinel monitor main 127.0.0.1 {self.first} 1\n"
            "sentinel down-after-milliseconds main 60000\nsentinel failover-timeout main 2000\n"
        )
        self._run(self._sentinel, "--sentinel", before=(str(config),))
        await self._until(self._sentinel, "sentinel replicas main", str(self.second).encode())

    async def kill(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes.clear()

    async def promoted(self) -> None:
        """Have the replica take over, as if the Sentinel had found that the server is dead, and wait for that."""
        await self._until(self._sentinel, "sentinel failover main", b"OK")
        await self._until(self.second, "info replication", b"role:master")

    # `first` is the server that is the master in what follows, and `second` its replica.

    def signal(self, number: signal.Signals) -> None:
        """Send the master a signal."""
        self.processes[self.first].send_signal(number)

    async def kill_master(self) -> None:
        self._stop(self.first)

    async def start_master(self) -> None:
        """Start it again after `kill_master`, with nothing in it."""
        self._run(self.first, "--repl-diskless-sync", "no")
        await self._until(self.second, "info replication", b"master_link_status:up")

    async def fail_over(self) -> None:
        """After `kill_master`: the replica takes over, and the killed server becomes its replica."""
        await self.promoted()
        # Not before: it would take the failover for failed if the new server were killed in that moment.
        await self._until(self._sentinel, "sentinel get-master-addr-by-name main", str(self.second).encode())
        self.first, self.second = self.second, self.first
        self._follow()
        await self._until(self.second, "info replication", b"master_link_status:up")
        await self._until(self._sentinel, "sentinel replicas main", b"\nslave\n")

    def _follow(self) -> None:
        self._run(self.second, "--repl-diskless-sync", "no", "--replicaof", "127.0.0.1", str(self.first))

    def _stop(self, port: int) -> None:
        process = self.processes.pop(port)
        process.kill()
        process.wait()

    def _run(self, port: int, *arguments: str, before: tuple[str, ...] = ()) -> None:
        folder = self._path / f"{port}-{len(os.listdir(self._path))}"
        folder.mkdir()
        command = [self._program, *before, "--port", str(port), "--bind", "127.0.0.1", *arguments]
        command += ["--save", "", "--dir", str(folder)]
        self.processes[port] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    async def _until(self, port: int, question: str, answer: bytes) -> None:
        ask = [self._cli, "-p", str(port), *question.split()]
        said, until = b"", time.monotonic() + PATIENCE_S * 2
        while answer not in said:
            assert time.monotonic() < until, f"{question}: {said.decode()}"
            await asyncio.sleep(0.02)
            said = await asyncio.to_thread(_output, ask)


def free_ports(count: int) -> list[int]:
    """Different ports that nobody has, nor the ones 10,000 above, which the servers of a cluster speak on among
    themselves. Below those that the system gives away by itself."""
    ports = []
    for port in _RANDOM.sample(range(11_000, 22_000), 1000):
        try:
            with socket.socket() as sock, socket.socket() as bus:
                sock.bind(("127.0.0.1", port))
                bus.bind(("127.0.0.1", port + 10_000))
        except OSError:
            continue
        ports.append(port)
        if len(ports) == count:
            return ports
    raise OSError("no port is free")


def free_port() -> int:
    """One such port. Two calls may give the same one."""
    return free_ports(1)[0]
