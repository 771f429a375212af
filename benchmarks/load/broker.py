"""A redis-server of our own under measurement: its CPU time, what went over its connections, what it keeps."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from benchmarks.load.cluster import cpu_s
from benchmarks.load.redis_server import redis_server

ANSWER_S = 5.0  # the machine may be busy with others; a link that breaks spoils a round


@dataclass(frozen=True, slots=True)
class Broker:
    """A server on loopback, over TCP as in life."""

    port: int
    pid: int
    cluster: bool

    def client(self) -> Redis | RedisCluster:
        """What a node is given: RESP2, and no second try."""
        retry = Retry(NoBackoff(), 0)
        if self.cluster:
            return RedisCluster(
                host="127.0.0.1", port=self.port, protocol=2, retry=retry, socket_timeout=ANSWER_S
            )
        return Redis(host="127.0.0.1", port=self.port, protocol=2, retry=retry, socket_timeout=ANSWER_S)

    def cpu_us(self) -> float:
        """Used so far, by the thread that does everything."""
        return cpu_us(self.pid)

    def calls(self, command: str) -> int:
        """How often a command was called, by clients or scripts."""
        with redis.Redis(port=self.port, socket_timeout=ANSWER_S) as asking:
            return int(asking.info("commandstats").get(f"cmdstat_{command}", {}).get("calls", 0))

    def figures(self) -> dict[str, float]:
        """Bytes in and out, memory in use; asking costs a few hundred bytes and us itself."""
        with redis.Redis(port=self.port, socket_timeout=ANSWER_S) as asking:
            stats, memory = asking.info("stats"), asking.info("memory")
        return {
            "in": stats["total_net_input_bytes"],
            "out": stats["total_net_output_bytes"],
            "memory": memory["used_memory"],
        }


def cpu_us(pid: int) -> float:
    """CPU time of the thread of a process that works."""
    return cpu_s({"it": pid})["it"] * 1e6


@contextmanager
def broker(*, cluster: bool = False) -> Iterator[Broker]:
    """A fresh one, gone at the end of the block; with `cluster` a Redis Cluster of one server."""
    port = _free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1"]
    options += ["--cluster-enabled", "yes"] if cluster else []
    with redis_server(*options) as server:
        if cluster:
            with redis.Redis(port=port, socket_timeout=ANSWER_S) as first:
                first.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
                while b"cluster_state:ok" not in first.execute_command("CLUSTER", "INFO"):
                    time.sleep(0.05)
        yield Broker(port, server.pid, cluster)


def _free_port() -> int:
    """Below 55,536: a Redis of a cluster also wants the one 10,000 above."""
    while True:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port: int = sock.getsockname()[1]
        if port < 55_536:
            return port
