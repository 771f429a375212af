"""What the supervisor adds to the console of a server with workers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

from revurb.processes.server_console import NO_WORKER, ServerConsole
from tests.client import http
from tests.processes.serving import all_ready, pids, serving
from tests.processes.test_server_figures import ENVIRONMENT, admin_port


async def test_it_says_that_a_process_has_ended(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", environment=ENVIRONMENT) as server:
        async with http(admin_port(server)) as connection:

            async def troubles() -> Any:
                headers = [("Content-Type", "application/json")]
                answer = await connection.request("POST", "/console/api/troubles", b"{}", headers)
                assert answer.status == 200, answer.text
                return answer.json()

            (first, *_) = pids(server)
            assert first is not None
            os.kill(first, signal.SIGKILL)
            async with asyncio.timeout(15):
                while not (lines := (await troubles())["lines"]):
                    await asyncio.sleep(0.02)
            (line,) = [line for line in lines if line["what"] == "process ended, replacing it"]
            assert (line["fields"]["child"], line["fields"]["signal"]) == ("worker 0", "SIGKILL")
            assert line["process"].endswith(f"/{server.process.pid}")
            server.becomes(all_ready)
            assert len((await troubles())["after"]) == 3


async def test_a_name_longer_than_a_line_of_the_link_ends_no_worker(tmp_path: Path) -> None:
    quotes = {"a": [""] * 2700}  # each doubles on the link
    body = json.dumps({"questions": [{"ask": "x" * 56_000, "body": quotes}]}, separators=(",", ":")).encode()
    with serving(tmp_path, "--workers", "2", environment=ENVIRONMENT) as server:
        before = pids(server)
        async with http(admin_port(server)) as connection:
            headers = [("Content-Type", "application/json")]
            answer = await connection.request("POST", "/console/api/several", body, headers)
            (refused,) = answer.json()["answers"]
            assert (answer.status, refused["status"]) == (200, 404)
            assert refused["body"]["error"].startswith("There is no such question; there are overview, ")
            # A worker that had lost the link would not answer this.
            assert (await connection.request("POST", "/console/api/overview", b"{}", headers)).status == 200
        assert pids(server) == before


async def test_without_a_worker_it_tells_its_own_troubles_alone() -> None:
    console = ServerConsole(list, lambda child: False)
    assert await console.ask("overview", b"{}") == NO_WORKER
    status, answer = await console.ask("troubles", b"{}")
    assert (status, list(json.loads(answer))) == (200, ["lines", "after"])
    assert (await console.ask("troubles", b'{"after":7}'))[0] == 400
