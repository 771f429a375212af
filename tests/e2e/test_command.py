"""pusher-js on the real command: `revurb serve` in a process of its own, ended by SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from tests.client import api, connect
from tests.e2e.conftest import APP
from tests.e2e.node import options, start

ENVIRONMENT = {"REVERB_APP_ID": APP.id, "REVERB_APP_KEY": APP.key, "REVERB_APP_SECRET": APP.secret}


@contextlib.asynccontextmanager
async def revurb_serve(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """The process and its port, in a folder without a .env."""
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).parent / "revurb"), "serve", "--host", "127.0.0.1", "--port", "0"),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "REVURB_RUNTIME_DIR": str(folder), **ENVIRONMENT},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        assert process.stdout is not None
        said = ""
        async with asyncio.timeout(10):
            while (port := re.search(r"listening on 127\.0\.0\.1:(\d+)", said)) is None:
                line = await process.stdout.readline()
                assert line, f"revurb ended: {said}"
                said += line.decode()
        yield process, int(port[1])
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_a_whole_life(node_program: str, tmp_path: Path) -> None:
    async with revurb_serve(tmp_path) as (process, port), start(node_program) as node:
        await node.open("a", APP.key, options(port))
        await node.subscribe("a", "news")
        await api(port, APP, "POST", "/events", {"name": "e", "channel": "news", "data": '{"n":1}'})
        assert await node.event("a", "e", "news") == {"n": 1}

        async with connect(port, APP.key) as client:
            process.terminate()
            await node.state("a", "connecting")  # 4200: it tries to come back at once
            assert await client.closed() == 4200
        async with asyncio.timeout(10):
            assert await process.wait() == 0


async def test_an_unknown_key_is_not_tried_again(node_program: str, tmp_path: Path) -> None:
    async with revurb_serve(tmp_path) as (_, port), start(node_program) as node:
        await node.do("open", "a", key="nobody", options=options(port), echo=False)
        await node.state("a", "disconnected")  # 4001: refused; anything below 4000 would be tried again
