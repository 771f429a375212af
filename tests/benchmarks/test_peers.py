"""Peers: an address that is understood or refused with a reason, a server that is fit or not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.load.generator import Target
from benchmarks.load.servers import revurb
from benchmarks.peers import built
from benchmarks.peers.check import Unfit, check, read_address

THERE = os.getpid()


def test_an_address_has_a_name_a_host_a_port_and_processes() -> None:
    assert read_address("soketi=127.0.0.1:6001,4711") == ("soketi", "127.0.0.1", 6001, (4711,))
    assert read_address("a=localhost:1,2,3") == ("a", "127.0.0.1", 1, (2, 3))


@pytest.mark.parametrize(
    "text", ["", "a", "a=6001,1", "a=127.0.0.1:6001", "=127.0.0.1:1,2", "a=127.0.0.1:x,2", "a=127.0.0.1:1,"]
)
def test_anything_else_is_told_the_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected NAME=HOST:PORT,PID\[,PID\.\.\.\]"):
        read_address(text)


@pytest.mark.parametrize("host", ["192.0.2.1", "example.com", "0.0.0.0", "::1"])
def test_only_this_machine_is_put_under_load(host: str) -> None:
    with pytest.raises(ValueError, match="only servers on this machine"):
        read_address(f"a={host}:80,1")


@pytest.fixture(scope="module")
def node() -> Iterator[Target]:
    with revurb().open() as target:
        yield target


def test_a_server_that_knows_the_app_is_fit(node: Target) -> None:
    check(node)


def test_a_wrong_app_is_refused_with_the_servers_words(node: Target) -> None:
    with pytest.raises(Unfit, match=r"refuses app key 'nope': .*4001"):
        check(replace(node, key="nope"))
    with pytest.raises(Unfit, match=r"refuses a publish to app id '1' .* 401 "):
        check(replace(node, secret="nope"))
    with pytest.raises(Unfit, match=r"refuses a publish to app id '7' .* 404 "):
        check(replace(node, app_id="7"))


def test_a_process_that_is_not_there_is_named(node: Target) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with pytest.raises(Unfit, match=f"there is no process {gone.pid}$"):
        check(replace(node, pids=(THERE, gone.pid)))


def test_a_port_without_a_server_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(Unfit, match=f"a: nothing answers on 127.0.0.1:{port} "):
            check(Target("a", port, (THERE,)))


def test_a_server_that_speaks_something_else_is_no_endpoint(node: Target) -> None:
    with pytest.raises(Unfit, match="is no Pusher endpoint"):
        check(replace(node, key="a/b"))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "no --server"),
        (("--server", "revurb=127.0.0.1:1,1"), "a name of its own"),
        (("--server", "a=127.0.0.1:1,1", "--server", "a=127.0.0.1:2,1"), "a name of its own"),
        (("--server", "a=192.0.2.1:1,1"), "only servers on this machine"),
        (("--server", "a=127.0.0.1:1,1", "nonsense"), "no such scenario: nonsense"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: tuple[str, ...], reason: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.peers", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert reason in done.stderr


def test_workers_are_measured_on_all_cores(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.peers",
            "--workers",
            "2",
            "publish",
            "--rounds",
            "1",
            "--seconds",
            "0.2",
        ],
        env={**os.environ, "BENCHMARK_PEERS": str(tmp_path), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"sockudo is left out: benchmarks/peers/build builds it in {tmp_path}" in done.stderr
    assert all(word in done.stdout for word in ("revurb-1", "revurb-2", "all cores of"))
    assert "void" not in done.stdout


def test_peers_that_are_built_are_fit_and_others_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a build there is nothing to start: then it is the line alone."""
    for peer in built.built_peers():
        with peer.open() as target:
            if target.protocol == "pusher":
                check(target)
    monkeypatch.setenv("BENCHMARK_PEERS", str(tmp_path))
    capsys.readouterr()
    assert built.built_peers() == []
    assert (
        f"sockudo and Centrifugo left out: benchmarks/peers/build builds in {tmp_path}"
        in capsys.readouterr().err
    )


def test_a_peer_that_does_not_start_is_an_error() -> None:
    process = subprocess.Popen(["false"])
    with pytest.raises(RuntimeError, match="none does not listen on 1: exit code 1"):
        built.wait_for("none", 1, process)


@pytest.mark.parametrize(("option", "status"), [((), 1), (("--what-can",), 0)])
def test_a_peer_that_cannot_be_built_is_named_and_the_others_are_tried(
    tmp_path: Path, option: tuple[str, ...], status: int
) -> None:
    """As without a network: what builds them is there, and fails."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, script in (
        ("cargo", "exit 101"),
        ("go", 'echo centrifugo >"$GOBIN/centrifugo"'),
        ("protoc", ""),
    ):
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    done = subprocess.run(
        ["benchmarks/peers/build", *option, str(tmp_path)],
        env={"PATH": f"{tools}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "sockudo cannot be built" in done.stderr
    assert done.returncode == status
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "centrifugo.version", "tools"]
