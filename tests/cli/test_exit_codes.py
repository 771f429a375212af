"""Every command ends with the exit codes that are documented for it, and each of them is reached here."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest

from revurb.cli.command_reference import commands
from revurb.cli.exit_codes import (
    DEGRADED,
    EXIT_CODES,
    FAILED,
    INTERRUPTED,
    OK,
    OTHER_CODES,
    UNUSABLE,
    codes_of,
)
from revurb.cli.main import main
from tests.cli.conftest import Project, process_environment
from tests.cli.local import run
from tests.processes.serving import Serving, serving

LEAVES = [
    name
    for name, command in commands(click.Context(main, info_name="revurb"))
    if not isinstance(command, click.Group)
]
# What cannot be done where nobody serves, and nothing listens on the configured port.
FAILING = {
    "status": "", "top": "--once", "restart": "", "reload": "", "drain": "", "log-level": "debug", "stop": "",
    "health": "", "trigger": "a b", "listen": "a", "bench": "publish", "apps reload": "",
    "apps init": "--config nowhere.toml",
    "apps add": "x", "apps remove": "x", "apps enable": "x", "apps disable": "x", "apps rotate-secret": "x",
    "apps list": "--config nowhere.toml", "doctor": "--config redis.toml", "init": "--output taken",
    "import": "reverb.php --output taken", "webhooks test": "--url http://127.0.0.1:{closed_port}/",
    "completion install": "fish",
}  # fmt: skip
# What works without a server, and with one.
WORKING = {
    "init": "--output -", "auth": "1.2 private-a", "config show": "", "config check": "", "config docs": "",
    "doctor": "", "apps list": "", "import": "reverb.php --output -", "completion install": "fish --print",
}  # fmt: skip
SERVED = {
    "status": "", "top": "--once", "health": "--port {port}", "log-level": "info", "drain": "--back", "restart": "",
    "trigger": "a b", "stop": "",
}  # fmt: skip
# What takes more: TLS, a database, a target of webhooks, a signal. In the test file of the command.
ELSEWHERE = {
    "serve", "reload", "listen", "bench", "webhooks test", "apps reload", "apps init", "apps add", "apps remove",
    "apps enable", "apps disable", "apps rotate-secret",
}  # fmt: skip


@pytest.fixture
def nobody(project: Project, closed_port: int, monkeypatch: pytest.MonkeyPatch) -> Project:
    project.add(REVERB_SERVER_PORT=closed_port)
    project.write("taken", "mine")
    project.write("reverb.php", "<?php return ['default' => 'reverb'];")
    project.write(
        "redis.toml", f'[scaling]\nenabled = true\n[scaling.redis]\nurl = "redis://127.0.0.1:{closed_port}"\n'
    )
    database = f"sqlite+aiosqlite:///{project.root}/none/apps.db"
    project.write("nowhere.toml", f'[app_lookup]\ndatabase = "{database}"\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", "/dev/null/config")
    return project


def test_what_is_documented_is_what_is_tried() -> None:
    assert set(OTHER_CODES) <= set(LEAVES)
    assert {code for name in LEAVES for code in codes_of(name)} == set(EXIT_CODES)
    assert {name for name in LEAVES if FAILED in codes_of(name)} == set(FAILING) | {"serve"}
    assert set(WORKING) | set(SERVED) | ELSEWHERE == set(LEAVES)
    assert {name for name in LEAVES if DEGRADED in codes_of(name)} == {
        "status",
        "bench",
    }  # in their own test files


@pytest.mark.parametrize("name", LEAVES)
def test_a_command_line_that_cannot_be_used(project: Project, name: str) -> None:
    result = project.run(*name.split(), "--no-such-option")
    assert (result.exit_code, result.stdout) == (UNUSABLE, "")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", FAILING)
def test_what_cannot_be_done(nobody: Project, closed_port: int, name: str) -> None:
    result = nobody.run(*name.split(), *FAILING[name].format(closed_port=closed_port).split())
    assert result.exit_code == FAILED, result.output
    assert result.stderr.strip() or name in (
        "doctor",
        "webhooks test",
    )  # findings and outcomes are what they print
    assert (nobody.root / "taken").read_text() == "mine"


@pytest.mark.parametrize("name", WORKING)
def test_what_works(nobody: Project, name: str) -> None:
    result = nobody.run(*name.split(), *WORKING[name].split())
    assert result.exit_code == OK, result.output
    assert result.stdout


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("codes"), "--workers", "2") as running:
        yield running


@pytest.mark.usefixtures("elsewhere")
def test_what_works_with_a_server(server: Serving) -> None:
    """In this order: it is stopped at last."""
    for name, arguments in SERVED.items():
        result = run(server.runtime_dir, *name.split(), *arguments.format(port=server.port).split())
        assert result.exit_code == OK, (name, result.output)


@pytest.mark.parametrize("name", [name for name in LEAVES if INTERRUPTED in codes_of(name)])
def test_ctrl_c(project: Project, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    invoke = click.Command.invoke

    def interrupted(command: click.Command, ctx: click.Context) -> Any:
        if not isinstance(command, click.Group):
            raise KeyboardInterrupt
        return invoke(command, ctx)

    monkeypatch.setattr(click.Command, "invoke", interrupted)
    argument = {"log-level": ["debug"], "trigger": ["a", "b"]}.get(name, [])
    argument = argument or (
        ["x"] if name.startswith("apps ") and name not in ("apps list", "apps init") else []
    )
    result = project.run(*name.split(), *argument)
    assert result.exit_code == INTERRUPTED, result.output
    assert result.output.strip() == ""


def test_a_server_that_cannot_listen(project: Project, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        done = subprocess.run(
            [sys.executable, "-m", "revurb", "serve", "--host", "127.0.0.1", "--port", str(taken.getsockname()[1])],
            cwd=project.root, env={**os.environ, **process_environment()}, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == FAILED
    assert "Traceback" not in done.stderr


def test_findings_for_programs(nobody: Project) -> None:
    findings = json.loads(nobody.run("doctor", "--json", "--config", "redis.toml").stdout)
    assert set(findings[0]) == {"mark", "subject", "observation", "advice"}
    assert findings[-1]["mark"] == "wrong"
