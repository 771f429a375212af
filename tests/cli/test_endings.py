"""Each error is one line, with an exit code."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import closing

import click
import pytest

from revurb.cli import trigger as verb
from revurb.cli.main import main
from tests.cli.conftest import ENVIRONMENT, Project, process_environment
from tests.cli.servers import Peer, pusher_server
from tests.cli.terminal import terminal


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--nope",), "Error: No such option '--nope'; see revurb --help\n"),
        (("dance",), "Error: No such command 'dance'; see revurb --help\n"),
        (("trigger",), "Error: Missing argument 'CHANNELS'; see revurb trigger --help\n"),
        (("apps", "list", "--jsn"), "Error: No such option '--jsn'"),
        (("apps", "dance"), "Error: No such command 'dance'; see revurb apps --help\n"),
        (
            ("status", "--port", "x"),
            "Error: Invalid value for '--port': found 'x'; allowed: an integer from 1 to 65535",
        ),
    ],
)
def test_what_cannot_be_understood(project: Project, arguments: tuple[str, ...], line: str) -> None:
    result = project.run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.replace("CHANNEL[,CHANNEL...]", "CHANNELS").startswith(line)
    assert result.stderr.count("\n") == 1


def test_a_command_without_arguments_shows_its_help(project: Project) -> None:
    assert "Usage: revurb apps" in project.run("apps").output


def test_a_fault_names_its_place(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("no\nsuch thing")

    monkeypatch.setattr(verb, "send_request", broken)
    result = project.run("trigger", "a", "b")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "Error: a fault of revurb, please report it: ZeroDivisionError: no\\nsuch thing, in cli/trigger.py, line "
    )
    assert result.stderr.count("\n") == 1


def test_a_file_that_cannot_be_read_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "send_request", lambda *_: (project.root / "gone").read_text())
    result = project.run("trigger", "a", "b")
    assert (result.exit_code, result.stderr) == (
        1,
        f"Error: {project.root}/gone: No such file or directory\n",
    )


def test_what_calls_it_in_its_own_program_gets_the_error() -> None:
    with pytest.raises(click.UsageError):
        main(["--nope"], standalone_mode=False)


def test_ctrl_c_is_130_and_no_traceback(project: Project) -> None:
    """While it waits for a server that does not answer."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        project.add(REVERB_SERVER_PORT=silent.getsockname()[1])
        with terminal(project.root, "-m", "revurb", "trigger", "a", "b") as shown:
            silent.settimeout(20)
            with silent.accept()[0] as connection:
                assert connection.recv(1000)
                shown.type("\x03")
                assert shown.ended() == 130
    assert "Traceback" not in shown.screen
    assert shown.screen.count("\n") == 1


def test_a_reader_that_goes_is_no_traceback(project: Project) -> None:
    def orders(peer: Peer) -> None:
        peer.establish()
        peer.receive()
        while True:
            peer.send("created", "x" * 1000, "orders")

    for flags in ((), ("--json",)):
        with pusher_server([orders]) as port:
            (project.root / ".env").write_text(f"{ENVIRONMENT}REVERB_SERVER_PORT={port}\n")
            with subprocess.Popen(
                [sys.executable, "-m", "revurb", "listen", "orders", *flags],
                cwd=project.root, env=process_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            ) as process:  # fmt: skip
                assert process.stdout is not None
                assert process.stderr is not None
                assert b"created" in process.stdout.readline()
                process.stdout.close()
                said = process.stderr.read()
            assert process.returncode == 1
            assert b"Traceback" not in said
