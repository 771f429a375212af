"""Workers that do not start, hang or are blocked, and what `revurb serve` does about them: real processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import textwrap
from pathlib import Path

import pytest

from revurb.processes.control_socket import ControlRequest
from tests.client import connect, handshake
from tests.processes.serving import all_ready, connect_all, launched, pids, serving, workers

PROVIDER = """
import os, time
from revurb.apps import App, FixedApps

def make():
    if os.path.exists("broken"):
        raise RuntimeError("out of order")
    if os.path.exists("slow"):
        time.sleep(600)
    if os.path.exists("deadly"):
        os._exit(3)
    return Apps([App(id="1", key="key1", secret="secret1")])

class Apps(FixedApps):
    def find_by_key(self, key):
        if key == "block":
            block_here()
        return super().find_by_key(key)

def block_here():
    time.sleep(600)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "blocking_apps.py").write_text(textwrap.dedent(PROVIDER))
    (tmp_path / "msgspec.py").write_text("raise RuntimeError('a project must not shadow what we import')")
    return tmp_path


def test_a_provider_that_cannot_be_used_ends_the_start(project: Path) -> None:
    (project / "broken").touch()
    with launched(project, "--workers", "2", "--app-provider", "blocking_apps:make") as server:
        assert server.ended() == 2
        assert "The configuration cannot be used:\n  app_provider" in server.output
        assert "out of order" in server.output
        assert "Traceback" not in server.output


# A child that is killed at the end of the supervisor may be heard of while its loop closes.
SIGNALLED_AS_IT_CLOSES = """
import os, selectors, signal
from revurb.cli.main import main

class Selector(selectors.DefaultSelector):
    def close(self):
        os.kill(os.getpid(), signal.SIGCHLD)
        super().close()

selectors.DefaultSelector = Selector
main(prog_name="revurb")
"""


def test_a_signal_while_the_loop_closes_prints_nothing(project: Path) -> None:
    (project / "deadly").touch()
    options = ("--workers", "2", "--app-provider", "blocking_apps:make")
    with launched(project, *options, program=("-c", SIGNALLED_AS_IT_CLOSES)) as server:
        assert server.ended() == 1
        assert "it ended 4 times" in server.output
        assert "Traceback" not in server.output


def test_workers_that_never_start_end_the_start(project: Path) -> None:
    (project / "deadly").touch()
    with launched(project, "--workers", "2", "--app-provider", "blocking_apps:make") as server:
        assert server.ended() == 1
        assert "does not start: it ended 4 times (exit_code=3)" in server.output


@pytest.mark.parametrize("gone", ["folder", "provider"])
def test_a_server_that_cannot_start_anybody_any_more_ends(project: Path, gone: str) -> None:
    home = project / "home"
    home.mkdir()
    (project / "blocking_apps.py").rename(home / "blocking_apps.py")
    with serving(home, "--workers", "2", "--app-provider", "blocking_apps:make") as server:
        if gone == "folder":
            home.rename(project / "elsewhere")
        else:
            (home / "deadly").touch()
        for row in server.workers():
            assert row.pid is not None
            os.kill(row.pid, signal.SIGKILL)
        assert server.ended() == 1
        if gone == "folder":
            assert re.search(r"\nrevurb: worker \d cannot be started: .*No such file.*home", server.output)
        else:
            assert re.search(r"\nrevurb: worker \d does not start: .* \(exit_code=3\)", server.output)
        assert "Traceback" not in server.output
        assert server.is_silent()


def test_a_restart_with_a_provider_that_cannot_be_used_changes_nothing(project: Path) -> None:
    with serving(project, "--workers", "2", "--app-provider", "blocking_apps:make") as server:
        before = pids(server)
        (project / "broken").touch()
        error = server.request(ControlRequest("restart")).error
        assert error is not None
        assert "out of order" in error
        status = server.becomes(lambda status: len(status.processes) == 3)
        assert [row.pid for row in workers(status)] == before
        (project / "broken").unlink()
        (project / "deadly").touch()
        error = server.request(ControlRequest("restart")).error
        assert error is not None
        assert "ended before it was ready (exit_code=3)" in error
        assert pids(server) == before


@pytest.mark.parametrize("cause", ["restart", "death"])
def test_a_stop_while_replacements_start_waits_for_none_of_them(project: Path, cause: str) -> None:
    arguments = ("--workers", "2", "--app-provider", "blocking_apps:make")
    with serving(project, *arguments) as server:
        (project / "slow").touch()
        if cause == "restart":
            server.signal(signal.SIGHUP)
            starting = 2
        else:
            victim = server.workers()[0].pid
            assert victim is not None
            os.kill(victim, signal.SIGKILL)
            starting = 1
        server.becomes(lambda status: [row.state for row in status.processes].count("starting") == starting)
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
        assert server.is_silent()  # nobody is left
        assert "Traceback" not in server.output


async def test_a_slot_that_waits_for_its_worker_is_served_by_another(project: Path) -> None:
    with serving(project, "--workers", "2", "--app-provider", "blocking_apps:make") as server:
        (project / "deadly").touch()  # from now on no worker can start
        victim, other = (row.pid for row in server.workers())
        assert victim is not None
        os.kill(victim, signal.SIGKILL)
        server.said("restart_in_s=1.0")
        async with contextlib.AsyncExitStack() as stack:
            await connect_all(stack, server.port, 40)
            rows = server.becomes(
                lambda status: sum(row.connections for row in status.processes) == 40
            ).processes
            assert next(row.connections for row in rows if row.pid == other) == 40
            (project / "deadly").unlink()
            server.becomes(all_ready)
            async with contextlib.AsyncExitStack() as more:
                await connect_all(more, server.port, 40)
                rows = server.becomes(
                    lambda status: sum(row.connections for row in status.processes) == 80
                ).processes
                assert rows[0].connections >= 4  # it has its socket back


async def test_a_blocked_worker_is_asked_for_its_stack_and_then_replaced(project: Path) -> None:
    arguments = ("--workers", "2", "--app-provider", "blocking_apps:make")
    limits = {"REVURB_WATCHDOG_WARN": "1.5", "REVURB_WATCHDOG_KILL": "3"}
    with serving(project, *arguments, environment=limits) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(handshake("/app/block"))
        found = server.said(r"process is blocked, and this is where child=worker (\d) pid=(\d+)")
        server.said(r'File ".*blocking_apps.py", line \d+ in block_here')
        server.said(rf"blocked for too long, killing it child=worker {found[1]} pid={found[2]}")
        assert await reader.read() == b""
        writer.close()
        server.becomes(all_ready)
        async with connect(server.port, "key1") as client:
            await client.subscribe("a")
        server.signal(signal.SIGTERM)
        assert server.ended() == 0


async def test_a_blocked_server_of_one_process_prints_its_stack(project: Path) -> None:
    arguments = ("--app-provider", "blocking_apps:make")
    with serving(project, *arguments, environment={"REVURB_WATCHDOG_WARN": "0.5"}) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(handshake("/app/block"))
        server.said(r'Timeout .*\n(.*\n)+?.*File ".*blocking_apps.py", line \d+ in block_here')
        writer.close()
