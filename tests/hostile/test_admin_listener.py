"""Peers of the admin listener that mean no good: clients are served all the same, and so is who asks honestly."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from tests.client import Ended, connect, http
from tests.conftest import Run
from tests.processes.serving import Serving, serving

ENVIRONMENT = {"REVURB_ADMIN_PORT": "0"}
TOKEN = "geheim"


def admin_port(server: Serving) -> int:
    return int(server.said(r"admin listener is ready host=\S+ port=(\d+)")[1])


async def scrape(port: int, **headers: str) -> str:
    async with http(port) as connection:
        answer = await connection.request("GET", "/metrics", headers=list(headers.items()))
        assert answer.status == 200
        return answer.text


async def test_idle_connections_do_not_lock_out_who_asks(tmp_path: Path) -> None:
    with serving(tmp_path, environment=ENVIRONMENT) as server:
        port = admin_port(server)
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(100):
                held = await stack.enter_async_context(http(port))
                await held.send_bytes(b"GET /metrics HTTP/1.1\r\nHost: a")
            assert "revurb_ready 1.0" in await scrape(port)


async def test_who_takes_no_answers_holds_a_few_of_them(tmp_path: Path) -> None:
    with serving(tmp_path, environment=ENVIRONMENT) as server:
        port = admin_port(server)
        request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(10):
                _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
                stack.callback(writer.close)
                writer.write(request * 5)
            for _ in range(20):
                assert "revurb_ready 1.0" in await scrape(port)
            async with http(port) as connection:  # more than may wait
                await connection.send_bytes(request * 1000)
                with contextlib.suppress(ConnectionError):
                    while True:
                        await connection.response()


async def flood(port: int, end: asyncio.Event) -> int:
    count = 0
    while not end.is_set():
        with contextlib.suppress(Ended, ConnectionError):
            async with http(port) as connection:
                while not end.is_set():
                    await connection.request("GET", "/metrics")
                    count += 1
    return count


async def test_clients_are_served_while_metrics_are_asked_for_without_end(tmp_path: Path) -> None:
    """Made once a second for all: what is left is the writing of it."""
    with serving(tmp_path, environment=ENVIRONMENT) as server:
        port, end = admin_port(server), asyncio.Event()
        floods = [asyncio.ensure_future(flood(port, end)) for _ in range(8)]
        try:
            async with connect(server.port, "key1") as client:
                for _ in range(100):
                    await client.flushed()
        finally:
            end.set()
        assert sum(await asyncio.gather(*floods)) > 50


def test_a_token_is_in_no_output(tmp_path: Path, run: Run) -> None:
    environment = {**ENVIRONMENT, "REVURB_ADMIN_TOKEN": TOKEN, "REVURB_LOG_LEVEL": "debug"}

    async def main() -> None:
        port = admin_port(server)
        assert "revurb_ready" in await scrape(port, authorization=f"Bearer {TOKEN}")
        async with http(port) as connection:
            for given in (f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN):
                answer = await connection.request("GET", "/metrics", headers=[("Authorization", given)])
                assert answer.status == 401
                assert TOKEN not in answer.text

    for args in (("--debug",), ("--workers", "2", "--debug")):
        with serving(tmp_path, *args, environment=environment) as server:
            run(main())
            server.process.terminate()
            assert server.ended() == 0
        assert TOKEN not in server.output
