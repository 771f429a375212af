"""`revurb status`, `stop` and `restart` on servers in processes of their own."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from revurb.cli.main import main
from revurb.cli.status import format_duration
from tests.processes.serving import Serving, all_ready, serving


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no configuration."""
    monkeypatch.chdir(tmp_path)


def run(runtime_dir: Path, *arguments: str) -> Result:
    environment = {"REVURB_RUNTIME_DIR": str(runtime_dir)}
    result = CliRunner().invoke(main, arguments, prog_name="revurb", env=environment)
    assert "Traceback" not in result.output
    return result


@pytest.fixture(params=["1", "2"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path, "--workers", request.param) as running:
        yield running


def test_status_is_a_table_and_stop_waits_for_the_end(server: Serving) -> None:
    result = run(server.runtime_dir, "status")
    assert result.exit_code == 0
    first, headings, *rows = result.output.splitlines()
    pid = server.status().pid
    assert first.startswith(f"Revurb 0.1.0 on 127.0.0.1:{server.port}, pid {pid}: ready, up ")
    assert headings.split() == ["Process", "Pid", "State", "Uptime", "Connections", "Restarts"]
    processes = server.status().processes
    assert [row.split()[:-4] for row in rows] == [[*row.process.split(), str(row.pid)] for row in processes]

    told = json.loads(run(server.runtime_dir, "status", "--json", "--port", str(server.port)).output)
    assert [process["pid"] for process in told[0]["processes"]] == [row.pid for row in processes]
    assert told[0]["supervised"] is (len(processes) > 1)

    result = run(server.runtime_dir, "stop")
    assert (result.exit_code, result.output) == (
        0,
        f"Stopping the server on port {server.port}, pid {pid}\nStopped\n",
    )
    assert server.ended() == 0
    result = run(server.runtime_dir, "status")
    assert (result.exit_code, result.output) == (
        1,
        f"Error: no server is running, as far as can be seen in {server.runtime_dir}\n",
    )


def test_stop_now_waits_for_nobody(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", "--drain-timeout", "600") as server:
        with socket.create_connection(("127.0.0.1", server.port)) as stuck:
            stuck.sendall(b"GET /up HTTP/1.1\r\nHo")
            assert run(server.runtime_dir, "stop", "--now").exit_code == 0
        assert server.ended() == 0


def test_restart(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        before = {row.pid for row in server.workers()}
        result = run(server.runtime_dir, "restart")
        assert result.output == f"Restarted the workers of the server on port {server.port}\n"
        assert not before & {row.pid for row in server.workers()}
        (tmp_path / "revurb.toml").write_text("[server]\nprot = 1\n")
        result = run(server.runtime_dir, "restart")
        assert result.exit_code == 1
        assert result.output.startswith("Error: server.prot: unknown key, found in")
        server.becomes(all_ready)


def test_one_process_cannot_be_restarted(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        result = run(server.runtime_dir, "restart")
        assert result.exit_code == 1
        assert "run it with --workers 2 or more" in result.output


def test_several_servers_are_told_apart_by_port(tmp_path: Path) -> None:
    with serving(tmp_path) as one:
        environment = {"REVURB_RUNTIME_DIR": str(one.runtime_dir)}
        with serving(tmp_path, environment=environment) as two:
            result = run(one.runtime_dir, "stop")
            assert result.exit_code == 1
            assert "several servers are running" in result.output
            assert f"port {two.port} (pid {two.process.pid})" in result.output
            assert run(one.runtime_dir, "status").output.count("Revurb ") == 2
            assert run(one.runtime_dir, "stop", "--port", str(two.port)).exit_code == 0
            assert two.ended() == 0
        assert one.status().state == "ready"


def test_the_socket_of_a_dead_server_is_removed(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.process.kill()
        server.ended()
        (left,) = server.runtime_dir.iterdir()
        assert left.name == f"{server.port}.sock"
        assert run(server.runtime_dir, "status").exit_code == 1
        assert not left.exists()


def test_a_folder_that_others_can_write_to_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    os.chmod(folder, 0o777)
    with serving(tmp_path, environment={"REVURB_RUNTIME_DIR": str(folder)}) as server:
        server.said("no control socket.* reason=.*others can write to it")
        assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.9, "0s"), (59, "59s"), (60, "1m 0s"), (3_725, "1h 2m"), (90_000, "1d 1h")],
)
def test_duration(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
