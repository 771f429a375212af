"""What systemd is told, heard on sockets of our own."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from revurb.processes.systemd import MAX_ALIVE_INTERVAL_S, SystemdNotifier
from tests.processes.serving import PATIENCE_S, serving


@contextmanager
def listener(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(address)
        sock.settimeout(PATIENCE_S)
        yield sock


@pytest.fixture
def path() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="revurb-") as folder:  # short, as paths of sockets must be
        yield f"{folder}/notify"


def lines(sock: socket.socket) -> list[str]:
    return sock.recv(4096).decode().split("\n")


def test_each_word(path: str) -> None:
    with listener(path) as systemd:
        notifier = SystemdNotifier({"NOTIFY_SOCKET": path})
        notifier.ready("Listening")
        assert lines(systemd) == ["READY=1", "STATUS=Listening"]
        before = time.monotonic_ns() // 1000
        notifier.reloading("Replacing the workers")
        reloading, stamp, status = lines(systemd)
        assert (reloading, status) == ("RELOADING=1", "STATUS=Replacing the workers")
        assert before <= int(stamp.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
        notifier.stopping(12.5)
        assert lines(systemd)[:2] == ["STOPPING=1", "EXTEND_TIMEOUT_USEC=12500000"]
        notifier.alive()
        assert lines(systemd) == ["WATCHDOG=1"]


@pytest.mark.skipif(not os.path.exists("/proc/net/unix"), reason="abstract sockets are Linux's")
def test_an_abstract_socket() -> None:
    name = f"revurb-test-{os.getpid()}"
    with listener(f"\0{name}") as systemd:
        SystemdNotifier({"NOTIFY_SOCKET": f"@{name}"}).status("here")
        assert lines(systemd) == ["STATUS=here"]


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nobody/is/here"}])
def test_nobody_listens(environ: dict[str, str]) -> None:
    SystemdNotifier(environ).ready("x")


@pytest.mark.parametrize(
    ("usec", "pid", "interval_s"),
    [
        ("500000", "", 0.25),
        ("500000", "this", 0.25),
        ("500000", "1", MAX_ALIVE_INTERVAL_S),
        ("60000000", "", MAX_ALIVE_INTERVAL_S),
        ("0", "", MAX_ALIVE_INTERVAL_S),
        ("soon", "", MAX_ALIVE_INTERVAL_S),
    ],
)
def test_alive_is_said_twice_as_often_as_systemd_looks(usec: str, pid: str, interval_s: float) -> None:
    if pid == "this":  # not in the parameters, as the name of the test would change with it
        pid = str(os.getpid())
    environ = {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": usec, "WATCHDOG_PID": pid}
    assert SystemdNotifier(environ).interval_s == interval_s


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_says_how_it_is(tmp_path: Path, path: str, workers: str) -> None:
    def until(word: str) -> None:
        while word not in lines(systemd):
            pass

    def reload() -> None:
        server.signal(signal.SIGHUP)
        until("RELOADING=1")
        until("READY=1")

    with listener(path) as systemd:
        environment = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000"}
        with serving(tmp_path, "--workers", workers, environment=environment) as server:
            until("READY=1")
            until("WATCHDOG=1")
            reload()
            (tmp_path / ".env").write_text("REVERB_SERVER_PORT=high\n")  # a reload that is refused ends too
            reload()
            server.signal(signal.SIGTERM)
            until("STOPPING=1")
            assert server.ended() == 0
