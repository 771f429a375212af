"""A process of the supervisor's: a fresh interpreter, so that it runs the code and the configuration of today."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from revurb.processes.reaper import Reaper
from revurb.processes.supervision_link import (
    VERSION,
    Drain,
    EndNow,
    Failed,
    FromChild,
    Heartbeat,
    Ready,
    SupervisionLink,
    ToChild,
    open_supervisors_end,
)

_log = logging.getLogger(__name__)

LAST_WORDS_S = 1.0  # how long the link of a process that has ended may take to say so
STACK_QUIET_S = 0.2  # a stack is whole when nothing came for so long: it is written in one go
MAX_STACK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Command:
    """What a child runs: `python -m module arguments`, with `fds` inherited under their numbers."""

    module: str
    arguments: tuple[str, ...]
    fds: tuple[int, ...]
    environ: Mapping[str, str]
    cwd: Path


class Child:
    """One process and what it says. Made by `start_child`.

    `ready` and `ended` are futures: of its Ready, and of its exit code (negative: the number of a signal).
    """

    def __init__(
        self,
        name: str,
        pid: int,
        link: SupervisionLink[FromChild, ToChild],
        stack: asyncio.StreamReader,
        stack_transport: asyncio.BaseTransport,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.name = name
        self.pid = pid
        self.started_at = time.monotonic()
        self.ready: asyncio.Future[Ready] = loop.create_future()
        self.ended: asyncio.Future[int] = loop.create_future()
        self.left: asyncio.Future[None] = loop.create_future()  # it takes no new clients any more
        self.on_draining: Callable[[], None] = lambda: None
        self.beat = Heartbeat()
        self.failure: Failed | None = None
        self.draining = False
        self.silent_s = 0.0  # how long it has shown no sign of life; the watchdog counts
        self._link = link
        self._stack = stack
        self._stack_transport = stack_transport
        self._reading = asyncio.ensure_future(self._read())
        self._exited = False
        self._finishing: asyncio.Task[None] | None = None

    @property
    def fields(self) -> dict[str, object]:
        """For log lines."""
        return {"child": self.name, "pid": self.pid}

    @property
    def uptime_s(self) -> float:
        return time.monotonic() - self.started_at

    @property
    def serves(self) -> bool:
        """Ready, and neither gone nor going."""
        return self.is_ready and not self.draining and not self._exited

    @property
    def state(self) -> str:
        """starting, ready or draining."""
        if self.draining:
            return "draining"
        return "ready" if self.is_ready else "starting"

    @property
    def is_ready(self) -> bool:
        """It has been ready at some time."""
        return self.ready.done() and not self.ready.cancelled()

    @property
    def is_over(self) -> bool:
        """It has ended, and all that it said is known."""
        return self.ended.done()

    def send(self, message: ToChild) -> None:
        self._link.send(message)

    def drain(self) -> None:
        """Have it leave; one that is not ready has nobody to let go, and just ends."""
        self.draining = True
        if self.is_ready:
            self.send(Drain())
        else:
            self.kill()

    def end_now(self) -> None:
        self.send(EndNow())

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        if not self._exited:  # else its pid may be somebody else's by now
            os.kill(self.pid, number)

    async def stack(self) -> str:
        """Where its threads are now, the innermost call first, also if its loop is blocked. "" if it does not say."""
        self.signal(signal.SIGUSR2)
        parts: list[bytes] = []
        with contextlib.suppress(TimeoutError):
            while sum(map(len, parts)) < MAX_STACK_BYTES:
                async with asyncio.timeout(STACK_QUIET_S if parts else 1.0):
                    part = await self._stack.read(MAX_STACK_BYTES)
                if not part:
                    break
                parts.append(part)
        return b"".join(parts).decode("utf-8", "replace").strip()

    def exited(self, code: int) -> None:
        """The reaper's word. What it said before is heard first."""
        self._exited = True
        self._finishing = asyncio.ensure_future(self._finish(code))

    async def _finish(self, code: int) -> None:
        await asyncio.wait((self._reading,), timeout=LAST_WORDS_S)
        self._reading.cancel()
        self._link.close()
        self._stack_transport.close()
        self.ready.cancel()
        if not self.left.done():
            self.left.set_result(None)
        self.ended.set_result(code)

    async def _read(self) -> None:
        while (message := await self._link.receive()) is not None:
            self.silent_s = 0.0
            match message:
                case Ready():
                    if not self.ready.done():
                        self.ready.set_result(message)
                case Heartbeat():
                    self.beat = message
                case Failed():
                    self.failure = message
                case _:
                    if not self.left.done():
                        self.left.set_result(None)
                    if not self.draining:
                        self.draining = True
                        self.on_draining()


async def start_child(name: str, command: Command, reaper: Reaper) -> Child:
    """Start the process. Raises OSError if that cannot be done."""
    ours, theirs = socket.socketpair()
    stack_in, stack_out = os.pipe()
    os.set_blocking(stack_out, False)  # a stack that nobody reads must not block who writes it
    loop = asyncio.get_running_loop()
    stack = asyncio.StreamReader(limit=MAX_STACK_BYTES)
    with theirs, contextlib.closing(os.fdopen(stack_out, "wb", buffering=0)):
        stack_transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stack), os.fdopen(stack_in, "rb", buffering=0)
        )
        opened_link = await open_supervisors_end(ours)
        try:
            process = subprocess.Popen(
                [
                    *_interpreter(command.cwd),
                    *("-m", command.module),
                    *("--link", f"{VERSION}:{theirs.fileno()}"),
                    *("--stack", str(stack_out)),
                    *command.arguments,
                ],
                cwd=command.cwd,
                env=dict(command.environ),
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), stack_out, *command.fds),
                process_group=0,  # Ctrl-C is for the supervisor, who tells the others
            )
        except OSError:
            opened_link.close()
            stack_transport.close()
            raise
        child = Child(name, process.pid, opened_link, stack, stack_transport)
        reaper.expect(process.pid, child.exited)
        process.returncode = 0  # the reaper waits for it, and subprocess need not
    return child


def _interpreter(cwd: Path) -> list[str]:
    """Python, without the working directory among the places of modules unless we were found there ourselves: it is
    somebody's project, where a `token.py` may be lying about."""
    found_here = Path(__file__).parents[2] == cwd.resolve()
    return [sys.executable] if found_here else [sys.executable, "-P"]
