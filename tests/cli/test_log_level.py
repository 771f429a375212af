"""`revurb log-level` on servers in processes of their own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.cli.local import run
from tests.client import connect, http
from tests.processes.serving import Serving, serving

pytestmark = pytest.mark.usefixtures("elsewhere")


async def refuse(server: Serving) -> None:
    """What each worker logs as a warning, in whichever it is."""
    for _ in range(12):
        async with connect(server.port, "nope", greet=False) as client:
            await client.expect_error(4001)


async def ask_for_nothing(server: Serving) -> None:
    async with http(server.port) as connection:
        assert (await connection.request("GET", "/nowhere")).status == 404


def refusals(server: Serving) -> int:
    return sum("unknown app" in line for line in server.lines)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_level_of_all_processes(tmp_path: Path, workers: str) -> None:
    with serving(tmp_path, "--workers", workers) as server:
        result = run(server.runtime_dir, "log-level", "error")
        assert (result.exit_code, result.output) == (
            0,
            f"The server on port {server.port} logs error and above\n",
        )
        count = 1 if workers == "1" else 4  # supervisor, hub, two workers
        for _ in range(count):
            server.said("log level is changed new_level=error")
        asyncio.run(refuse(server))
        assert refusals(server) == 0
        result = run(server.runtime_dir, "log-level", "info", "--for", "0.2")
        assert result.output.endswith(" logs info and above for 0.2 s\n")
        server.said("log level is as configured again")
        asyncio.run(ask_for_nothing(server))
        server.said("unknown path")


def test_what_is_no_level(tmp_path: Path) -> None:
    for arguments in (("loud",), ("info", "--for", "0"), ("info", "--for", "x"), ()):
        assert run(tmp_path, "log-level", *arguments).exit_code == 2
    result = run(tmp_path, "log-level", "info")
    assert result.exit_code == 1
