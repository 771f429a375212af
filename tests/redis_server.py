"""A real redis-server for a test: on a Unix socket, without persistence, started and killed at will."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

PATIENCE_S = 10.0


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
