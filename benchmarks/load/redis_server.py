"""A redis-server of a measurement's own: on a Unix socket in a folder of its own, without persistence."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from redis import Redis
from redis.exceptions import RedisError

PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class RedisServer:
    """Its socket's path, and its process."""

    path: str
    pid: int

    def info(self, section: str) -> dict[str, float | dict[str, float]]:
        """A section of INFO: figures by name, or, of `commandstats`, by command and name."""
        with Redis(unix_socket_path=self.path, protocol=2) as client:
            found: dict[str, float | dict[str, float]] = client.info(section)
            return found


@contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """One that answers, with more options if there are any. Ends the program where there is none to be had."""
    program = shutil.which("redis-server")
    if program is None:
        sys.exit("redis-server is missing: apt-get install redis-server")
    with tempfile.TemporaryDirectory(prefix="revurb-") as folder:  # short: it holds a Unix socket
        path = f"{folder}/redis.sock"
        process = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder, *options],
            stdout=subprocess.DEVNULL,
        )
        try:
            server = RedisServer(path, process.pid)
            deadline = time.monotonic() + PATIENCE_S
            while not _answers(server):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("redis-server did not start")
                time.sleep(0.02)
            yield server
        finally:
            process.kill()
            process.wait()


def _answers(server: RedisServer) -> bool:
    try:
        server.info("server")
    except (RedisError, OSError):
        return False
    return True
