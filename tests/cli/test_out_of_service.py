"""`revurb drain` on servers in processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from tests.cli.local import run
from tests.client import Client, connect, http
from tests.processes.serving import all_ready, serving

pytestmark = pytest.mark.usefixtures("elsewhere")


async def readiness(port: int) -> tuple[int, str]:
    async with http(port) as connection:
        answer = await connection.request("GET", "/ready")
        return answer.status, answer.text


@pytest.mark.parametrize("workers", ["1", "2"])
def test_out_of_service_and_back(tmp_path: Path, workers: str) -> None:
    with serving(tmp_path, "--workers", workers) as server:
        key = "key1"

        async def use_it() -> None:
            async with contextlib.AsyncExitStack() as stack:
                clients: list[Client] = [
                    await stack.enter_async_context(connect(server.port, key)) for _ in range(8)
                ]
                result = await asyncio.to_thread(run, server.runtime_dir, "drain", "--over", "0.3")
                assert result.output == f"The server on port {server.port} is going out of service\n"
                assert [await client.closed() for client in clients] == [4200] * 8
                assert await readiness(server.port) == (503, '{"ready":false,"reason":"draining"}')
                assert server.status().state == "draining"
                async with connect(server.port, key) as late:  # is served
                    again = await asyncio.to_thread(run, server.runtime_dir, "drain")
                    assert again.exit_code == 0
                    await late.send({"event": "pusher:ping"})
                    await late.expect("pusher:pong")
                    result = await asyncio.to_thread(run, server.runtime_dir, "drain", "--back")
                    assert result.output == f"The server on port {server.port} is back in service\n"
                    assert await readiness(server.port) == (200, '{"ready":true}')
                    await late.expect_silence()

        asyncio.run(use_it())


def test_workers_that_come_later_are_out_of_service_too(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        run(server.runtime_dir, "drain")
        assert run(server.runtime_dir, "restart").exit_code == 0
        assert asyncio.run(readiness(server.port))[0] == 503
        run(server.runtime_dir, "drain", "--back")
        server.becomes(all_ready)
        assert asyncio.run(readiness(server.port))[0] == 200


def test_over_does_not_go_with_back(tmp_path: Path) -> None:
    assert run(tmp_path, "drain", "--back", "--over", "5").exit_code == 2
    assert run(tmp_path, "drain", "--over", "-1").exit_code == 2
