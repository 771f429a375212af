"""`revurb status`, `stop` and `restart` on servers in processes of their own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from revurb.cli.main import main
from tests.cli.local import run
from tests.processes.serving import Serving, serving

pytestmark = pytest.mark.usefixtures("elsewhere")

START_ONE = "start one with revurb serve, or say where its sockets are with REVURB_RUNTIME_DIR"


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
    assert headings.split() == ["Process", "Pid", "State", "Bus", "Uptime", "Connections", "Restarts"]
    processes = server.status().processes
    assert [row.split()[-4] for row in rows] == ["-" if row.process == "hub" else "ok" for row in processes]
    assert [row.split()[:-5] for row in rows] == [[*row.process.split(), str(row.pid)] for row in processes]

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
        f"Error: no server is running, as far as can be seen in {server.runtime_dir}; {START_ONE}\n",
    )


def test_the_load_needs_no_admin_listener(server: Serving) -> None:
    result = run(server.runtime_dir, "top", "--once", "--json")
    told = json.loads(result.output)
    assert [row["pid"] for row in told["processes"]] == [row.pid for row in server.status().processes]
    assert (told["total"]["connections"], told["total"]["deliveries_per_s"]) == (0, 0.0)


def test_other_commands_know_the_ready_made_app(server: Serving, tmp_path: Path) -> None:
    """In another terminal, where nothing is configured: what the README shows works as it stands there."""
    note = f"revurb: no app is configured here: taking that of revurb serve --dev on port {server.port}\n"
    result = run(server.runtime_dir, "trigger", "orders", "created", '{"id":7}')
    assert (result.exit_code, result.stdout, result.stderr) == (
        0,
        "Sent created to orders, which has no subscribers\n",
        note,
    )
    result = run(server.runtime_dir, "config", "check")
    assert (result.exit_code, result.stdout) == (0, "ok\n")
    result = run(server.runtime_dir, "config", "show")
    assert ["server.port", str(server.port)] in [line.split()[:2] for line in result.stdout.splitlines()]
    result = run(server.runtime_dir, "doctor")
    assert f"on port {server.port}, pid {server.status().pid}: ready" in result.stdout
    result = run(server.runtime_dir, "health")
    assert (result.exit_code, result.stdout) == (0, "ready\n")
    # Limits alone are no app.
    (tmp_path / ".env").write_text("REVURB_APP_ALLOWED_ORIGINS=example.com\n")
    result = run(server.runtime_dir, "trigger", "orders", "created")
    assert (result.exit_code, result.stderr) == (0, note)
    # An app of one's own goes first, and is not that server's.
    (tmp_path / ".env").write_text(
        f"REVERB_APP_ID=9\nREVERB_APP_KEY=k\nREVERB_APP_SECRET=s\nREVERB_SERVER_PORT={server.port}\n"
    )
    result = run(server.runtime_dir, "trigger", "orders", "created")
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: the server answered 404: No matching application for ID [9]; the server has other apps: "
        "revurb apps list says which are configured here\n",
    )


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


@pytest.mark.parametrize("port", ["80_80", "\u0668\u0660", "0", "65536", "x", "+80"])
def test_a_port_that_is_none(tmp_path: Path, port: str) -> None:
    result = run(tmp_path, "status", "--port", port)
    assert result.exit_code == 2
    assert f"found {port!r}; allowed: an integer from 1 to 65535" in result.output


def test_a_port_beside_cluster_is_said_to_mean_nothing(tmp_path: Path) -> None:
    result = run(tmp_path, "status", "--cluster", "--port", "8080")
    assert result.exit_code == 2
    assert "--port is of a server on this host" in result.output


def test_the_configuration_that_is_named_has_the_directory(tmp_path: Path) -> None:
    folder = tmp_path / "sockets"
    (tmp_path / "other.toml").write_text(
        f'[process]\nruntime_dir = "{folder}"\n[[apps]]\nid = "1"\nkey = "k"\nsecret = "s"\n'
    )
    result = CliRunner().invoke(main, ["status", "--config", "other.toml"], prog_name="revurb")
    assert result.output == f"Error: no server is running, as far as can be seen in {folder}; {START_ONE}\n"


@pytest.mark.parametrize("wrong", ["REVERB_MAX_REQUEST_SIZE=x", "REVURB_NONSENSE=1", "REVERB_APP_ID=a"])
def test_an_env_file_that_is_wrong_still_says_where_its_server_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    """Else `stop`, which looks in the same place, would stop the server of another project."""
    monkeypatch.delenv("REVURB_RUNTIME_DIR", raising=False)
    (tmp_path / ".env").write_text(f"REVURB_RUNTIME_DIR={tmp_path}/mine\n{wrong}\n")
    result = CliRunner().invoke(main, ["status"])
    assert (result.exit_code, result.stderr) == (
        1,
        f"Error: no server is running, as far as can be seen in {tmp_path}/mine; {START_ONE}\n",
    )
