"""A redis-server with any options, and whether a configured client reaches it."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import trustme
from redis.exceptions import RedisError

from revurb.bus.redis.redis_client import client_factory
from revurb.config import RedisConfig

PATIENCE_S = 10.0
NOT_YET = ("refused", "Connect call failed", "No such file", "Error 2 ", "no Sentinel names")


@contextlib.contextmanager
def running(program: str, path: Path, *arguments: str) -> Iterator[None]:
    """A redis-server in the folder `path`; ready when the block is entered is up to the client."""
    process = subprocess.Popen(
        [program, *arguments, "--save", "", "--dir", str(path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def answer(config: RedisConfig, *command: str) -> str:
    """What the server says to PING or `command`, once it does."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            client = client_factory(config)()
            try:
                return str(await client.execute_command(*(command or ("PING",))))
            except (RedisError, OSError) as error:
                if not any(word in str(error) for word in NOT_YET):
                    raise
                await asyncio.sleep(0.02)
            finally:
                await client.aclose()


@dataclass(frozen=True)
class Certificates:
    """Files of an authority, of a server called redis.internal, and of a client."""

    ca: str
    server: tuple[str, str]
    client: tuple[str, str]

    @classmethod
    def made_in(cls, path: Path) -> Certificates:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(path / "ca.pem"))
        files = []
        for name in ("redis.internal", "node.internal"):
            cert = authority.issue_cert(name)
            cert.private_key_pem.write_to_path(str(path / f"{name}.key"))
            cert.cert_chain_pems[0].write_to_path(str(path / f"{name}.pem"))
            files.append((str(path / f"{name}.pem"), str(path / f"{name}.key")))
        return cls(str(path / "ca.pem"), files[0], files[1])

    def options(self, port: int) -> list[str]:
        """Those of a server that speaks nothing but TLS."""
        cert, key = self.server
        return [
            "--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--tls-ca-cert-file", self.ca,
            "--tls-cert-file", cert, "--tls-key-file", key,
        ]  # fmt: skip
