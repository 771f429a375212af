"""A child's end of its link to the supervisor: what workers, and others that are supervised, have in common.

Once a second the loop says that it turns. If it does not, the supervisor asks for a stack with SIGUSR2, which
faulthandler answers without the loop. If the supervisor itself is gone, the child leaves as if it had been told to.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Self, TypeAlias

import uvloop

from revurb.config import ConfigError
from revurb.processes.supervision_link import (
    VERSION,
    Adopt,
    Drain,
    Draining,
    EndNow,
    Failed,
    FromChild,
    Heartbeat,
    Ready,
    Release,
    SupervisionLink,
    ToChild,
    open_childs_end,
)
from revurb.transport.listener import ListenError
from revurb.transport.tls import TlsError

BEAT_S = 1.0
EX_CONFIG = 78  # sysexits.h: another try would end alike
TOLD = "supervisor"
ORPHANED = "supervisor is gone"

Main: TypeAlias = Callable[["SupervisedProcess", Sequence[str]], Coroutine[object, object, None]]


class SupervisedProcess:
    """The link, and whether it is time to leave: `leave` is set to the reason once, `now` when it cannot wait."""

    def __init__(self, opened: SupervisionLink[ToChild, FromChild]) -> None:
        self.leave: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.now = asyncio.Event()
        self.on_adopt: Callable[[int], None] = lambda slot: None
        self.on_release: Callable[[int], None] = lambda slot: None
        self._terminated_before = False
        self._link = opened
        self._listening = asyncio.ensure_future(self._listen())
        self._beating: asyncio.TimerHandle | None = None

    @classmethod
    async def join(cls, link_fd: int, stack_fd: int) -> Self:
        for fd in (link_fd, stack_fd):
            os.set_inheritable(fd, False)
        faulthandler.register(signal.SIGUSR2, file=stack_fd, all_threads=True)
        supervised = cls(await open_childs_end(socket.socket(fileno=link_fd)))
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, supervised._terminated)
        for number in (signal.SIGINT, signal.SIGHUP):  # from a terminal: the supervisor's business
            loop.add_signal_handler(number, lambda: None)
        return supervised

    def ready(self, drain_timeout_s: float, beat: Callable[[], Heartbeat]) -> None:
        """Say that it does what it is there for, and from now on that its loop turns."""
        self._link.send(Ready(drain_timeout_s))
        self._say_beat(beat)

    def draining(self) -> None:
        self._link.send(Draining())

    async def fail(self, problems: Sequence[str], *, configuration: bool) -> None:
        self._link.send(Failed(tuple(problems), configuration))
        await self._link.flush()

    def _say_beat(self, beat: Callable[[], Heartbeat]) -> None:
        self._beating = asyncio.get_running_loop().call_later(BEAT_S, self._say_beat, beat)
        self._link.send(beat())

    async def _listen(self) -> None:
        while (message := await self._link.receive()) is not None:
            match message:
                case Drain():
                    self._told(TOLD)
                case EndNow():
                    self._told(TOLD)
                    self.now.set()
                case Adopt():
                    self.on_adopt(message.slot)
                case Release():
                    self.on_release(message.slot)
        self._told(ORPHANED)

    def _terminated(self) -> None:
        """A second SIGTERM means now. A word of the supervisor's and one signal do not: systemd sends SIGTERM to every
        process of a service, and the supervisor passes its own on."""
        self._told("SIGTERM")
        if self._terminated_before:
            self.now.set()
        self._terminated_before = True

    def _told(self, why: str) -> None:
        if not self.leave.done():
            self.leave.set_result(why)


def run(main: Main, arguments: Sequence[str]) -> None:
    """The body of a child's module: joins the supervisor, runs `main` with what remains of the command line, and ends
    the process. A configuration that cannot be used is told to the supervisor."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--link", required=True, help="version and descriptor of the link: 1:5")
    parser.add_argument("--stack", type=int, required=True, help="descriptor that stacks are written to")
    given, rest = parser.parse_known_args(arguments)
    version, _, fd = given.link.partition(":")
    if int(version) != VERSION:
        sys.exit(
            f"revurb: the supervisor speaks version {version}, this is {VERSION}: stop it and start it again"
        )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(_run(main, int(fd), given.stack, rest))
    sys.exit(code)


async def _run(main: Main, link_fd: int, stack_fd: int, arguments: Sequence[str]) -> int:
    supervised = await SupervisedProcess.join(link_fd, stack_fd)
    try:
        await main(supervised, arguments)
    except ConfigError as error:
        await supervised.fail(error.problems, configuration=True)
        return EX_CONFIG
    except (ListenError, TlsError) as error:
        await supervised.fail([str(error)], configuration=False)
        return EX_CONFIG
    return 0
