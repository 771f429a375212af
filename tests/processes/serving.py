"""A running `revurb serve` in processes of its own, and what it says.

    with serving(folder, "--workers", "2") as server:
        server.said("worker is ready")
        server.status().processes
        server.signal(signal.SIGTERM)
        assert server.ended() == 0

Nothing sleeps: what is waited for is a line of its output or a state that it tells, with a deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from revurb.processes.control_socket import (
    ControlReply,
    ControlRequest,
    ProcessStatus,
    ServerStatus,
    send_control_request,
)
from revurb.processes.runtime_dir import control_sockets
from tests.client import connect

NOTHING: Mapping[str, str] = {}
PATIENCE_S = 20.0  # a worker starts in half a second; this is for a loaded machine


class Serving:
    """The process. `lines` is what it and its workers wrote so far, to whichever stream."""

    def __init__(self, process: subprocess.Popen[str], runtime_dir: Path) -> None:
        self.process = process
        self.runtime_dir = runtime_dir
        self.port = 0
        self.lines: list[str] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._more:
                self.lines.append(line)
                self._more.notify_all()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def said(self, pattern: str, times: int = 1) -> re.Match[str]:
        """Wait until what it wrote has that so often; the last match."""
        found: list[re.Match[str]] = []

        def there() -> bool:
            found[:] = re.finditer(pattern, self.output)
            return len(found) >= times

        with self._more:
            assert self._more.wait_for(there, PATIENCE_S), f"{pattern!r} was not said:\n{self.output}"
        return found[-1]

    def request(self, request: ControlRequest) -> ControlReply:
        sockets = list(control_sockets(str(self.runtime_dir)))
        assert len(sockets) == 1, (
            f"it has {len(sockets)} control sockets, ended: {self.process.poll()}\n{self.output}"
        )
        with sockets[0][1] as sock:
            return send_control_request(sock, request, PATIENCE_S)

    def status(self) -> ServerStatus:
        status = self.request(ControlRequest("status")).status
        assert status is not None
        return status

    def becomes(self, condition: Callable[[ServerStatus], bool]) -> ServerStatus:
        """Wait until its status is so."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition(status := self.status()):
            assert time.monotonic() < deadline, f"{status}\n{self.output}"
            time.sleep(0.02)
        return status

    def workers(self) -> list[ProcessStatus]:
        """Those in their places; the ones that leave are not among them, nor is the hub or relay."""
        return workers(self.status())

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def is_silent(self) -> bool:
        """No process of it can write any more."""
        return not self._reader.is_alive()

    def ended(self) -> int:
        """Wait for its end and that of all its output; the exit code."""
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code


def workers(status: ServerStatus) -> list[ProcessStatus]:
    return [
        row for row in status.processes if row.process not in ("hub", "relay") and row.state != "draining"
    ]


def pids(server: Serving) -> list[int | None]:
    return [row.pid for row in server.workers()]


def hub_pid(status: ServerStatus) -> int:
    (pid,) = (row.pid for row in status.processes if row.process == "hub")
    assert pid is not None
    return pid


def all_ready(status: ServerStatus) -> bool:
    return status.state == "ready" and {process.state for process in status.processes} == {"ready"}


@contextlib.contextmanager
def launched(
    cwd: Path,
    *args: str,
    prefix: tuple[str, ...] = (),
    environment: Mapping[str, str] = NOTHING,
    program: tuple[str, ...] = ("-m", "revurb"),
) -> Iterator[Serving]:
    """`revurb serve --dev` on a free port, not waited for. All its processes are killed at the end."""
    runtime_dir = Path(tempfile.mkdtemp(prefix="revurb-"))  # short: the path of a Unix socket has 107 bytes
    process = subprocess.Popen(
        [*prefix, sys.executable, "-P", *program, "serve", "--dev", "--port", "0", *args],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "REVURB_RUNTIME_DIR": str(runtime_dir), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    server = Serving(process, runtime_dir)
    try:
        yield server
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        server._reader.join(5.0)  # workers end by themselves without a supervisor; then the pipe does
        if server._reader.is_alive():
            for pid in map(int, re.findall(r"child=(?:worker \d+|hub|relay) pid=(\d+)", server.output)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        server._reader.join()
        assert process.stdout is not None
        process.stdout.close()
        shutil.rmtree(runtime_dir)


@contextlib.contextmanager
def serving(
    cwd: Path, *args: str, prefix: tuple[str, ...] = (), environment: Mapping[str, str] = NOTHING
) -> Iterator[Serving]:
    """The same, and it is listening."""
    with launched(cwd, *args, prefix=prefix, environment=environment) as server:
        server.port = int(server.said(r"Revurb is listening on \S+?:(\d+)")[1])
        yield server


async def connect_all(stack: contextlib.AsyncExitStack, port: int, count: int) -> None:
    await asyncio.gather(*(stack.enter_async_context(connect(port, "key1")) for _ in range(count)))
