"""A thread of the project's own code that does not end: real processes."""

from __future__ import annotations

import asyncio
import re
import signal
from pathlib import Path

import pytest

from tests.client import connect
from tests.processes.serving import serving

HOOKS = """
import asyncio, os, time

class Hooks:
    async def on_connect(self, connection):
        os.mkdir("hangs")
        await asyncio.to_thread(time.sleep, 600)
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_ends_without_a_hook_that_hangs_in_a_thread(tmp_path: Path, workers: str) -> None:
    (tmp_path / "hanging.py").write_text(HOOKS)
    environment = {"REVURB_HOOKS": "hanging:Hooks", "REVURB_DRAIN_TIMEOUT": "0"}
    with serving(tmp_path, "--workers", workers, environment=environment) as server:

        async def main() -> None:
            async with connect(server.port, "key1"):
                while not (tmp_path / "hangs").exists():
                    await asyncio.sleep(0)

        asyncio.run(main())
        server.signal(signal.SIGTERM)
        assert server.ended() == 0  # within 20 s, of 600
        assert re.search("ending without threads that do not end threads=(uvloop|asyncio)_0", server.output)
        assert "killing it" not in server.output
