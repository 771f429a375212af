"""Signals before the loop runs, as any process and as process 1, and terminals that hang up."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import sys
import textwrap
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.processes.serving import PATIENCE_S, launched

WAITS_FOR_ITS_DATABASE = """
import time
from pathlib import Path

def make():
    Path("asked").touch()
    time.sleep(600)
"""


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def handles_sigterm(pid: int) -> bool:
    (mask,) = (
        line.split()[1]
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("SigCgt:")
    )
    return bool(int(mask, 16) >> (signal.SIGTERM - 1) & 1)


@pytest.fixture
def waiting(tmp_path: Path) -> Path:
    """A project whose server waits for ever while it starts."""
    (tmp_path / "slow_apps.py").write_text(textwrap.dedent(WAITS_FOR_ITS_DATABASE))
    return tmp_path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_ends_a_server_that_starts(waiting: Path, number: signal.Signals) -> None:
    with launched(waiting, "--app-provider", "slow_apps:make") as server:
        until((waiting / "asked").exists)
        server.signal(signal.SIGHUP)  # without effect
        server.signal(number)
        assert server.ended() == 0
        assert "listening" not in server.output


@pytest.mark.skipif(os.getuid() != 0 or not sys.platform.startswith("linux"), reason="needs root and Linux")
def test_process_1_obeys_before_it_has_imported_anything(tmp_path: Path, need: Callable[[str], str]) -> None:
    prefix = (need("unshare"), "--pid", "--fork", "--kill-child")
    with launched(tmp_path, "--workers", "2", prefix=prefix) as server:
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        until(children.read_text)
        (first,) = map(int, children.read_text().split())
        until(lambda: handles_sigterm(first))
        os.kill(first, signal.SIGTERM)
        assert server.ended() == 0
        assert "listening" not in server.output


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_a_signal_while_it_imports_and_reads_its_configuration(tmp_path: Path) -> None:
    """An exception in the middle of that crashed the process, or was lost."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(launched(tmp_path, "--workers", "2")) for _ in range(8)]
        for server in servers:
            until(partial(handles_sigterm, server.process.pid))
            server.signal(signal.SIGTERM)
            time.sleep(0.01)  # the next one is further
        assert [server.ended() for server in servers] == [0] * len(servers)


# Says the name of the signal that it was told to stop by, and "restart" for each restart.
TELLS = """
import asyncio, sys
from pathlib import Path
from revurb.processes.server_signals import ServerSignals

async def main():
    signals = ServerSignals()
    said = open(sys.argv[1], "w", buffering=1)
    print("started", file=said)
    while (name := await signals.next()) is None:
        print("restart", file=said)
    print(name, file=said)

asyncio.run(main())
"""


class InTerminal:
    """A program whose controlling terminal is a pseudo-terminal; what it says goes to a file."""

    def __init__(self, folder: Path, shell: str) -> None:
        self._said = folder / "said"
        environ = {**os.environ, "TELLS": TELLS, "PYTHON": sys.executable, "SAID": str(self._said)}
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.execve("/bin/sh", ["sh", "-c", shell], environ)
        self.says("started")

    def says(self, *words: str) -> None:
        until(lambda: self._said.exists() and self._said.read_text().split("\n")[:-1] == list(words))

    def hang_up(self) -> None:
        os.close(self._terminal)


RUN = '"$PYTHON" -c "$TELLS" "$SAID"'


def test_a_hang_up_stops_and_a_sighup_beside_a_terminal_restarts(tmp_path: Path) -> None:
    it = InTerminal(tmp_path, f"exec {RUN}")
    os.kill(it.pid, signal.SIGHUP)
    it.says("started", "restart")
    it.hang_up()
    it.says("started", "restart", "hang-up of the terminal")
    assert os.waitpid(it.pid, 0)[1] == 0


def test_a_hang_up_stops_also_below_a_shell(tmp_path: Path) -> None:
    it = InTerminal(tmp_path, f"{RUN}; exit 0")
    it.hang_up()
    it.says("started", "hang-up of the terminal")
    os.waitpid(it.pid, 0)


@pytest.mark.parametrize("shell", [f"trap '' HUP; {RUN}; exit 0", f"set -m; {RUN} & wait; wait; exit 0"])
def test_with_nohup_and_in_the_background_it_stays(tmp_path: Path, shell: str) -> None:
    it = InTerminal(tmp_path, f"trap '' HUP; {shell}")
    (pid,) = map(int, Path(f"/proc/{it.pid}/task/{it.pid}/children").read_text().split())
    it.hang_up()
    os.kill(pid, signal.SIGHUP)
    it.says("started", "restart")
    os.kill(pid, signal.SIGTERM)
    it.says("started", "restart", "SIGTERM")
    os.waitpid(it.pid, 0)
