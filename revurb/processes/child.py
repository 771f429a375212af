"""One child process of the supervisor, from its start to its end.

A child is forked from the template of its generation (`revurb.processes.templates`), or is a fresh interpreter where
there is none, with the code and the configuration of the time at which it starts. `NEXT` lists the transitions of its
state:

    STARTING -- Ready ---> READY -- Draining, or drain() --> DRAINING
        \\---------------------\\--------------------------------\\----> EXITED -- link is read to its end --> OVER

`drain()` also moves a STARTING child to DRAINING: it is killed, since it has no clients.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from revurb.processes.child_answers import ChildAnswers
from revurb.processes.console_link import ConsoleQuestions
from revurb.processes.fresh_process import Surroundings, start_fresh
from revurb.processes.reaper import Reaper
from revurb.processes.reported_figures import ReportedFigures
from revurb.processes.supervision_link import (
    VERSION,
    AnnounceDrain,
    AppsReloaded,
    ConsoleAnswer,
    Drain,
    EndNow,
    FiguresPart,
    FromChild,
    Heartbeat,
    ReadAppsAgain,
    Ready,
    Reload,
    Reloaded,
    StartFailed,
    SupervisionLink,
    ToChild,
    open_supervisors_end,
)
from revurb.processes.template_link import ForkRequest
from revurb.processes.templates import Templates

_log = logging.getLogger(__name__)

LAST_MESSAGES_S = 1.0  # after the exit, for reading what the child sent before it
STACK_START_S = 1.0  # until the first part of a stack
STACK_QUIET_S = 0.2  # after the last part: faulthandler writes a stack in one go
MAX_STACK_BYTES = 64 * 1024


class ChildState(Enum):
    """How far a child process has come. The values of the first three are the states that `revurb status` shows."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"  # takes no new clients
    EXITED = "exited"  # has no pid any more; messages that it sent before may still be unread
    OVER = "over"  # all its messages have been read


_STARTING, _READY, _DRAINING, _EXITED, _OVER = ChildState

NEXT: Mapping[ChildState, tuple[ChildState, ...]] = {
    _STARTING: (_READY, _DRAINING, _EXITED),
    _READY: (_DRAINING, _EXITED),
    _DRAINING: (_EXITED,),
    _EXITED: (_OVER,),
    _OVER: (),
}


@dataclass(frozen=True, slots=True)
class ChildCommand:
    """What a child runs: `python -m module arguments`. It inherits `fds` under their numbers. `place` is where it runs,
    unless it is forked from one of `templates`. `on_over` is called when it is OVER, or could not be started."""

    module: str
    arguments: tuple[str, ...]
    fds: tuple[int, ...]
    place: Surroundings
    templates: Templates | None = None
    on_over: Callable[[], None] = lambda: None


class Child:
    """A running child process and the supervisor's end of its link. Made by `start_child`.

    Futures: `ready` has the Ready message, and is cancelled if the child ends without one. `stopped_accepting` is done
    when the child takes no new clients. `exit_code` is done when the child is OVER; a negative code is the number of
    the signal that ended it. `on_draining` is called once if the child begins to drain, asked to or not.
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
        self.state = _STARTING
        self.started_at = time.monotonic()
        self.ready: asyncio.Future[Ready] = loop.create_future()
        self.stopped_accepting: asyncio.Future[None] = loop.create_future()
        self.exit_code: asyncio.Future[int] = loop.create_future()
        self.on_draining: Callable[[], None] = lambda: None
        self.heartbeat = Heartbeat()
        self.figures = ReportedFigures()
        self.has_joined = False  # a heartbeat told that it is connected to the others
        self.failure: StartFailed | None = None
        self.exited_with: int | None = None  # its exit code, from the exit on
        self.silent_s = 0.0  # since its last message, as the watchdog counts it
        self._reloads: ChildAnswers[str] = ChildAnswers()
        self._app_reloads: ChildAnswers[int] = ChildAnswers()
        self.console = ConsoleQuestions(self.send)
        self._state_before_exit = _STARTING
        self._link = link
        self._stack = stack
        self._stack_transport = stack_transport
        self._reading = asyncio.ensure_future(self._read())
        self._finishing: asyncio.Task[None] | None = None

    @property
    def fields(self) -> dict[str, object]:
        """The fields that name this child in log lines."""
        return {"child": self.name, "pid": self.pid}

    @property
    def uptime_s(self) -> float:
        return time.monotonic() - self.started_at

    @property
    def serves(self) -> bool:
        """Whether it takes new clients."""
        return self.state is _READY

    @property
    def shown_state(self) -> str:
        """What `revurb status` shows: "starting", "ready" or "draining"; after the exit, the last of them."""
        has_exited = self.state in (_EXITED, _OVER)
        return (self._state_before_exit if has_exited else self.state).value

    @property
    def has_been_ready(self) -> bool:
        return self.ready.done() and not self.ready.cancelled()

    @property
    def is_over(self) -> bool:
        """Whether it has exited and all its messages have been read."""
        return self.state is _OVER

    def send(self, message: ToChild) -> None:
        self._link.send(message)

    def announce_drain(self) -> None:
        """Have the child say that it takes no new clients."""
        if self.state is _READY:
            self.send(AnnounceDrain())

    async def reload_certificate(self) -> str | None:
        """Have a worker read its TLS certificate again. Returns why the old one stays in use; None if it does not."""
        problem = await self._reloads.ask(lambda: self.send(Reload()))
        return f"{self.name} does not answer" if problem is None else problem or None

    async def reload_apps(self, app_id: str | None) -> int | None:
        """Have a worker tell all nodes to read an app again, or all. Returns how many do; None without an answer."""
        return await self._app_reloads.ask(lambda: self.send(ReadAppsAgain(app_id)))

    def drain(self) -> None:
        """Have the child let its clients go and exit. One that has not been ready has no clients, and is killed.
        Without effect on one that drains or has exited."""
        before = self.state
        if before not in (_STARTING, _READY):
            return
        self._enter(_DRAINING)
        if before is _READY:
            self.send(Drain())
        else:
            self.kill()

    def end_now(self) -> None:
        """Have a child that drains exit without waiting for its clients."""
        self.send(EndNow())

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send a signal. Without effect after the exit, when the pid may be that of another process."""
        if self.state not in (_EXITED, _OVER):
            os.kill(self.pid, number)

    async def dump_stack(self) -> str:
        """The stacks of the child's threads, the innermost call first. Works while its loop is blocked. Returns "" if
        the child writes none within `STACK_START_S`."""
        self.send_signal(signal.SIGUSR2)
        parts: list[bytes] = []
        with contextlib.suppress(TimeoutError):
            while sum(map(len, parts)) < MAX_STACK_BYTES:
                async with asyncio.timeout(STACK_QUIET_S if parts else STACK_START_S):
                    part = await self._stack.read(MAX_STACK_BYTES)
                if not part:
                    break
                parts.append(part)
        return b"".join(parts).decode("utf-8", "replace").strip()

    def on_exit(self, code: int) -> None:
        """To be called by the reaper. The child is OVER once the messages that it sent before are read."""
        self._state_before_exit = self.state
        self.exited_with = code
        self._enter(_EXITED)
        self._finishing = asyncio.ensure_future(self._finish(code))

    async def _finish(self, code: int) -> None:
        await asyncio.wait((self._reading,), timeout=LAST_MESSAGES_S)
        self._reading.cancel()
        self._link.close()
        self._stack_transport.close()
        self._enter(_OVER)
        self.ready.cancel()
        if not self.stopped_accepting.done():
            self.stopped_accepting.set_result(None)
        self.exit_code.set_result(code)

    async def _read(self) -> None:
        while (message := await self._link.receive()) is not None:
            self.silent_s = 0.0
            match message:
                case Ready():
                    self._on_ready(message)
                case Heartbeat():
                    self.heartbeat = message
                    self.has_joined = self.has_joined or message.bus == ""
                case FiguresPart():
                    self.figures.receive(message)
                case StartFailed():
                    self.failure = message
                case Reloaded():
                    self._reloads.settle(message.problem)
                case AppsReloaded():
                    self._app_reloads.settle(message.nodes)
                case ConsoleAnswer():
                    self.console.receive(message)
                case _:
                    self._on_draining()

    def _on_ready(self, message: Ready) -> None:
        if not self.ready.done():
            self.ready.set_result(message)
        if self.state is _STARTING:
            self._enter(_READY)

    def _on_draining(self) -> None:
        """The child has begun to drain, asked to or not; also read after its exit."""
        if self.stopped_accepting.done():
            return
        self.stopped_accepting.set_result(None)
        if self.state in (_STARTING, _READY):
            self._enter(_DRAINING)
        self.on_draining()

    def _enter(self, state: ChildState) -> None:
        assert state in NEXT[self.state], f"a child that is {self.state} cannot become {state}"
        self.state = state


async def start_child(name: str, command: ChildCommand, reaper: Reaper) -> Child:
    """Start the process: forked from a template if there is one, otherwise a fresh interpreter. Raises OSError if that
    cannot be done."""
    try:
        child = None
        if command.templates is not None:
            child = await _start_linked(name, command, reaper, command.templates)
        if child is None:
            # With another link: what the template has forked before it was lost may still read from the first one.
            child = await _start_linked(name, command, reaper, None)
        assert child is not None
    except BaseException:  # a cancellation too
        command.on_over()
        raise
    child.exit_code.add_done_callback(lambda done: command.on_over())
    return child


async def _start_linked(
    name: str, command: ChildCommand, reaper: Reaper, templates: Templates | None
) -> Child | None:
    """The process with its link; None if there is no template to fork it from. Raises OSError."""
    supervisor_socket, child_socket = socket.socketpair()
    stack_in, stack_out = os.pipe()
    os.set_blocking(stack_out, False)  # a full pipe must not block the child that writes its stack
    loop = asyncio.get_running_loop()
    stack = asyncio.StreamReader(limit=MAX_STACK_BYTES)
    with child_socket, contextlib.closing(os.fdopen(stack_out, "wb", buffering=0)), reaper.keeping_exits():
        stack_transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stack), os.fdopen(stack_in, "rb", buffering=0)
        )
        link = await open_supervisors_end(supervisor_socket)
        pid: int | None = None
        try:
            arguments = ("--link", f"{VERSION}:{child_socket.fileno()}", "--stack", str(stack_out))
            fds = (child_socket.fileno(), stack_out, *command.fds)
            if templates is None:
                pid = start_fresh(command.module, (*arguments, *command.arguments), fds, command.place)
            else:
                request = ForkRequest(
                    command.module, (*arguments, *command.arguments), fds, f"revurb: {name}"
                )
                pid = await templates.fork(request, fds)
        finally:
            if pid is None:
                link.close()
                stack_transport.close()
        if pid is None:
            return None
        if templates is not None:
            link.begin()
        child = Child(name, pid, link, stack, stack_transport)
        reaper.expect(pid, child.on_exit)
    return child


def exit_fields(code: int) -> dict[str, object]:
    """The fields of a log line that say how a process ended: "exit_code=1" or "signal=SIGKILL"."""
    if code >= 0:
        return {"exit_code": code}
    try:
        return {"signal": signal.Signals(-code).name}
    except ValueError:
        return {"signal": -code}


def exit_text(code: int) -> str:
    """The same as one text for error messages."""
    return " ".join(f"{key}={value}" for key, value in exit_fields(code).items())
