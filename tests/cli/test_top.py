"""`revurb top` on a real server, by its control socket and by its admin listener."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.cli.conftest import process_environment
from tests.cli.local import run
from tests.cli.terminal import terminal
from tests.client import connect
from tests.processes.serving import PATIENCE_S, Serving, serving

TOKEN = "hush-token"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Two workers, with three clients that are there all the time."""
    environment = {"REVURB_ADMIN_PORT": "0", "REVURB_ADMIN_TOKEN": TOKEN}
    with serving(tmp_path_factory.mktemp("top"), "--workers", "2", environment=environment) as running:
        done, there = threading.Event(), threading.Event()

        async def stay() -> None:
            async with contextlib.AsyncExitStack() as stack:
                for _ in range(3):
                    client = await stack.enter_async_context(connect(running.port, "key1"))
                    await client.subscribe("orders")
                there.set()
                await asyncio.to_thread(done.wait)

        thread = threading.Thread(target=lambda: asyncio.run(stay()))
        thread.start()
        assert there.wait(20)
        try:
            await_told(running, 3)
            yield running
        finally:
            done.set()
            thread.join()


def await_told(server: Serving, connections: int) -> None:
    """Wait until the supervisor has been told of them, which is once a second."""
    request = Request(f"{admin_url(server)}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with urlopen(request, timeout=PATIENCE_S) as response:
            text = response.read().decode()
        if sum(map(int, re.findall(r"^revurb_connections\{.*\} (\d+)", text, re.MULTILINE))) == connections:
            return
        assert time.monotonic() < deadline, text
        time.sleep(0.05)


def admin_url(server: Serving) -> str:
    port = server.said(r"admin listener is ready host=\S+ port=(\d+)")[1]
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def token(tmp_path: Path) -> str:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return str(path)


def sample(server: Serving, *arguments: str) -> Any:
    result = run(server.runtime_dir, "top", "--json", "--once", *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_the_figures_of_each_process(server: Serving) -> None:
    told = sample(server)
    assert (told["state"], told["address"]) == ("ready", f"127.0.0.1:{server.port}")
    assert [row["process"] for row in told["processes"]] == ["worker 0", "worker 1", "hub"]
    assert [row["pid"] for row in told["processes"]] == [row.pid for row in server.status().processes]
    assert all(row["memory_bytes"] > 1_000_000 for row in told["processes"])
    assert (told["total"]["connections"], told["total"]["deliveries_per_s"]) == (3, 0.0)
    deadline = time.monotonic() + PATIENCE_S
    while told["total"]["lag_ms"] is None:  # no process has told anything new between the two looks
        assert time.monotonic() < deadline
        told = sample(server)


def test_an_admin_listener_tells_of_all_together(server: Serving, token: str) -> None:
    told = sample(server, "--url", admin_url(server), "--token-file", token)
    assert (told["total"]["connections"], told["total"]["deliveries_per_s"]) == (3, 0.0)
    assert told["total"]["channels"] >= 1
    assert all(row["memory_bytes"] > 1_000_000 for row in told["processes"])
    assert {row["deliveries_per_s"] for row in told["processes"]} == {None}


def test_a_table_is_plain_where_there_is_no_terminal(server: Serving) -> None:
    result = run(server.runtime_dir, "top", "--once")
    first, headings, *rows = result.output.splitlines()
    assert first.startswith(f"Revurb 0.1.0 on 127.0.0.1:{server.port}: ready, up ")
    assert headings.split()[:5] == ["Process", "Pid", "State", "Connections", "Channels"]
    assert rows[-1].split()[:4] == ["total", "-", "ready", "3"]
    assert "\x1b" not in result.output


def test_a_terminal_shows_it_until_q(server: Serving, tmp_path: Path) -> None:
    environment = {"REVURB_RUNTIME_DIR": str(server.runtime_dir)}
    with terminal(
        tmp_path, "-m", "revurb", "top", "--interval", "0.2", columns=160, environment=environment
    ) as shown:
        shown.shows(r"worker 1")
        shown.shows("(?s)Deliveries/s.*at most 0")
        shown.type("x")
        shown.type("q")
        assert shown.ended() == 0
    assert shown.screen.endswith("\x1b[?25h\x1b[?1049l")  # a cursor, and the screen of before


def test_ctrl_c_ends_it_with_0_and_colours_can_be_off(server: Serving, tmp_path: Path) -> None:
    environment = {"REVURB_RUNTIME_DIR": str(server.runtime_dir), "NO_COLOR": "1"}
    with terminal(tmp_path, "-m", "revurb", "top", columns=160, environment=environment) as shown:
        shown.shows(r"worker 1")
        shown.type("\x03")
        assert shown.ended() == 0
    assert "\x1b[32m" not in shown.screen
    assert "Traceback" not in shown.screen


def test_lines_go_on_until_the_server_ends(tmp_path: Path) -> None:
    with serving(tmp_path) as alone:
        with subprocess.Popen(
            [sys.executable, "-m", "revurb", "top", "--json", "--interval", "0.2"],
            cwd=tmp_path, env={**process_environment(), "REVURB_RUNTIME_DIR": str(alone.runtime_dir)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            assert process.stderr is not None
            lines = [json.loads(process.stdout.readline()) for _ in range(2)]
            assert [row["process"] for row in lines[1]["processes"]] == ["node"]
            assert lines[0]["at_ms"] < lines[1]["at_ms"]
            assert run(alone.runtime_dir, "stop", "--now").exit_code == 0
            assert process.stderr.read().startswith("Error: the server ")
        assert process.returncode == 1


@pytest.mark.usefixtures("elsewhere")
def test_what_cannot_be_looked_at(server: Serving, token: str, tmp_path: Path, closed_port: int) -> None:
    def error(code: int, *arguments: str) -> str:
        result = run(server.runtime_dir, "top", "--once", *arguments)
        assert result.exit_code == code, result.output
        assert result.stderr.count("\n") == 1
        return result.stderr

    url = admin_url(server)
    (tmp_path / "other").write_text("other")
    (tmp_path / "binary").write_bytes(b"\xff")
    assert "--token-file names a file with the server's admin.token" in error(1, "--url", url)
    assert "--token-file names a file" in error(1, "--url", url, "--token-file", "other")
    assert "is it the admin listener" in error(1, "--url", f"http://127.0.0.1:{server.port}")
    assert "connection refused" in error(1, "--url", f"http://127.0.0.1:{closed_port}")
    assert "binary has none; allowed: an admin.token" in error(2, "--url", url, "--token-file", "binary")
    assert "missing cannot be read: No such file" in error(2, "--url", url, "--token-file", "missing")
    assert "--token-file is for an admin listener" in error(2, "--token-file", token)
    assert "--port is of a server on this host" in error(2, "--url", url, "--port", "1")
    assert "no server is running on port 1" in error(1, "--port", "1")


def test_the_terminal_is_put_back_where_it_is_ended(server: Serving, tmp_path: Path) -> None:
    """By SIGTERM, and Ctrl-Z does not leave it half changed."""
    environment = {"REVURB_RUNTIME_DIR": str(server.runtime_dir)}
    with terminal(tmp_path, "-m", "revurb", "top", columns=160, environment=environment) as shown:
        shown.shows("q or Ctrl-C ends")
        shown.type("\x1a")
        shown.process.terminate()
        assert shown.ended() == -signal.SIGTERM
    assert shown.screen.endswith("\x1b[?25h\x1b[?1049l")


def test_a_terminal_that_cannot_move_the_cursor_has_tables(server: Serving, tmp_path: Path) -> None:
    environment = {"REVURB_RUNTIME_DIR": str(server.runtime_dir), "TERM": "dumb"}
    with terminal(
        tmp_path, "-m", "revurb", "top", "--interval", "0.2", columns=160, environment=environment
    ) as shown:
        shown.shows(r"(?s)worker 1 .*worker 1 ")
        shown.type("\x03")
        assert shown.ended() == 0
    assert "\x1b" not in shown.screen
