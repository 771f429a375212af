"""Real nginx and HAProxy in front of a node, each with a configuration of its own, on free ports."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

PATIENCE_S = 10.0
STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")  # libnginx-mod-stream of Debian


@asynccontextmanager
async def nginx(program: str, folder: Path, port: int, configuration: str) -> AsyncIterator[None]:
    """`configuration` is what is outside of `events`; nginx answers on `port`."""
    folder.chmod(0o755)
    paths = " ".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(
        f"{configuration.replace('PATHS', f'access_log off; {paths}')}\nevents {{ worker_connections 64; }}\n"
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
    )
    async with _running([program, "-c", str(file), "-p", str(folder), "-e", str(folder / "error.log")], port):
        yield


@asynccontextmanager
async def haproxy(program: str, folder: Path, port: int, configuration: str) -> AsyncIterator[None]:
    """`configuration` is what comes behind the defaults."""
    file = folder / "haproxy.cfg"
    file.write_text(
        "defaults\n    timeout connect 5s\n    timeout client 10s\n    timeout server 10s\n"
        + configuration
        + "\n"
    )
    async with _running([program, "-f", str(file), "-db"], port):
        yield


@asynccontextmanager
async def _running(command: Sequence[str], port: int) -> AsyncIterator[None]:
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={"PATH": os.environ["PATH"]}
    )
    try:
        await _listens(process, port)
        yield
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=PATIENCE_S)
        if process.returncode not in (0, 143, -15):
            print(errors.decode())


async def _listens(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        assert process.poll() is None, process.communicate()[1].decode()
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
