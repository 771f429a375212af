"""`revurb init`."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import Project
from tests.processes.serving import launched


@pytest.fixture
def empty(project: Project) -> Project:
    (project.root / ".env").unlink()
    return project


def test_the_file_is_the_owners_and_can_be_used(empty: Project) -> None:
    result = empty.run("init")
    path = empty.root / "revurb.toml"
    (app,) = tomllib.loads(path.read_text())["apps"]
    assert result.exit_code == 0
    assert result.output.startswith(f"Wrote revurb.toml: app {app['id']} with the key {app['key']}")
    assert app["secret"] not in result.output
    assert "\n  revurb serve\n" in result.output
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert empty.run("config", "check").output == "ok\n"


def test_a_server_serves_it(empty: Project, tmp_path: Path) -> None:
    empty.run("init", "--output", "first.toml")
    (app,) = tomllib.loads((empty.root / "first.toml").read_text())["apps"]
    with launched(tmp_path, "--config", "first.toml", "--host", "127.0.0.1") as server:
        server.said(f"app id {app['id']}  key {app['key']}\n")


def test_what_is_there_is_replaced_by_force_alone(empty: Project) -> None:
    path = empty.write("revurb.toml", "# mine\n")
    result = empty.run("init")
    assert (result.exit_code, result.output) == (
        1, "Error: revurb.toml is there already: --force replaces it, --output - prints\n",
    )  # fmt: skip
    assert path.read_text() == "# mine\n"
    assert empty.run("init", "--force").exit_code == 0
    assert "# mine" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_lines_for_laravel_are_printed_or_written(empty: Project) -> None:
    printed = empty.run("init", "--env", "--host", "ws.example.com", "--port", "443", "--tls").output
    assert "REVERB_HOST=ws.example.com\nREVERB_PORT=443\nREVERB_SCHEME=https\n" in printed
    assert not (empty.root / ".env").exists()
    written = empty.run("init", "--env", "--output", "of-laravel.env").output
    assert "revurb serve --env-file of-laravel.env" in written
    assert empty.run("config", "check", "--env-file", "of-laravel.env").output == "ok\n"


def test_it_can_be_looked_at_first(empty: Project) -> None:
    assert tomllib.loads(empty.run("init", "--output", "-").output)["apps"]
    assert list(empty.root.iterdir()) == []


@pytest.mark.parametrize("host", ["", "a b", "x\nREVERB_APP_ID=7", "a$b", 'a"b', "-x", "::x", "a" * 300])
def test_a_host_is_no_line_of_its_own(empty: Project, host: str) -> None:
    result = empty.run("init", "--env", "--host", host)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "allowed: a host name or an IP address" in result.stderr
    assert empty.run("init", "--env", "--host", "2001:db8::7").exit_code == 0


@pytest.mark.parametrize("flag", [["--host", "ws.example.com"], ["--port", "9000"], ["--tls"]])
def test_what_is_for_laravel_alone_is_not_left_unsaid(empty: Project, flag: list[str]) -> None:
    result = empty.run("init", *flag)
    assert result.exit_code == 2
    assert result.stderr == f"Error: {flag[0]} is for --env: without it, revurb.toml says where to listen\n"
    assert not (empty.root / "revurb.toml").exists()


def test_the_commands_that_it_prints_can_be_typed(empty: Project) -> None:
    assert (
        "  revurb serve --config 'my first.toml'\n" in empty.run("init", "--output", "my first.toml").output
    )


def test_the_commands_name_the_app_where_there_is_another(project: Project) -> None:
    """As in a Laravel project, whose `.env` has one."""
    result = project.run("init")
    (app,) = tomllib.loads((project.root / "revurb.toml").read_text())["apps"]
    assert f"  revurb listen orders --app {app['id']}\n" in result.output
    (project.root / "sub").mkdir()
    assert (
        "  revurb serve --config sub/revurb.toml\n"
        in project.run("init", "--output", "sub/revurb.toml").output
    )
