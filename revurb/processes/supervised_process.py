"""What all children of the supervisor have in common: the child's end of the link, heartbeats, and how they end.

A child sends a heartbeat once a second from its loop. If none arrives, the supervisor requests a stack with SIGUSR2,
which faulthandler writes also while the loop is blocked. When the supervisor is gone the child drains, as on request.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import logging
import math
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import uvloop

from revurb.bus.hub.event_log import LogDescriptors
from revurb.config import Config, ConfigError
from revurb.observe.figures import Figures
from revurb.observe.unblocked_output import protect_output
from revurb.processes.console_link import ConsoleAnswers
from revurb.processes.leftover_threads import end_without_threads
from revurb.processes.level_change import LogLevel
from revurb.processes.reported_figures import figure_parts
from revurb.processes.supervision_link import (
    VERSION,
    Adopt,
    AnnounceDrain,
    AppsReloaded,
    ConsoleQuestion,
    Drain,
    Draining,
    EndNow,
    FromChild,
    Heartbeat,
    ReadAppsAgain,
    Ready,
    Release,
    Reload,
    Reloaded,
    ReportFigures,
    Service,
    SetLogLevel,
    StartFailed,
    SupervisionLink,
    ToChild,
    open_childs_end,
)
from revurb.transport.listener import ListenError
from revurb.transport.tls import TlsError

_log = logging.getLogger(__name__)

HEARTBEAT_INTERVAL_S = 1.0
EX_CONFIG = 78  # sysexits.h: another attempt would fail alike
# Why a child drains, beside the name of a signal.
BY_SUPERVISOR = "supervisor"
SUPERVISOR_GONE = "supervisor is gone"

ChildMain: TypeAlias = Callable[["SupervisedProcess"], Coroutine[object, object, None]]
# Returns the configuration, or raises ConfigError.
ConfigSource: TypeAlias = Callable[[], Config]
# Makes the body of a child from its arguments. Without a source, which a template has, it reads the configuration.
Prepare: TypeAlias = Callable[[Sequence[str], ConfigSource | None], ChildMain]


class SupervisedProcess:
    """The child's end of the link, and its requests.

    `drain_requested` is done when the child has to drain; its result is the reason, for the log. `end_now` is set when
    it has to exit without waiting for clients; `told_to_drain` when the supervisor requests the drain, be it after a
    signal did. `on_announce_drain` is called when it is about to drain, `on_adopt` and
    `on_release` with the number of a slot. `on_reload` reads the TLS certificate again, and returns why the old one
    stays in use. `on_reload_apps` has all nodes read an app again, or all, and returns how many do. `on_service` takes
    the process out of service or back. `read_figures` gives what the process measures. `console` answers the questions
    of the console.
    """

    def __init__(self, link: SupervisionLink[ToChild, FromChild]) -> None:
        self.drain_requested: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.end_now = asyncio.Event()
        self.told_to_drain = asyncio.Event()
        self.on_announce_drain: Callable[[], None] = lambda: None
        self.on_adopt: Callable[[int], None] = lambda slot: None
        self.on_release: Callable[[int], None] = lambda slot: None
        self.on_reload: Callable[[], Awaitable[str | None]] = _nothing_to_reload
        self.read_figures: Callable[[], Figures] = Figures
        self._can_read_figures = True
        self._reports_figures_until = -math.inf  # by the clock of the loop
        self.on_reload_apps: Callable[[str | None], Awaitable[int]] = _no_apps
        self.on_service: Callable[[bool, float | None], None] = lambda is_out, over_s: None
        self._reloading: set[asyncio.Task[None]] = set()
        self.console = ConsoleAnswers(link.send)
        self._had_signal = False
        self._log_level = LogLevel()
        self._link = link
        self._reading = asyncio.ensure_future(self._read())
        self._heartbeat_timer: asyncio.TimerHandle | None = None

    @classmethod
    async def open(cls, link_fd: int, stack_fd: int) -> Self:
        """Open the link on an inherited descriptor, write stacks to the other one on SIGUSR2, and handle signals."""
        for fd in (link_fd, stack_fd):
            os.set_inheritable(fd, False)
        faulthandler.register(signal.SIGUSR2, file=stack_fd, all_threads=True)
        supervised = cls(await open_childs_end(socket.socket(fileno=link_fd)))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGQUIT):
            loop.add_signal_handler(number, supervised._on_stop_signal, number)
        for number in (signal.SIGINT, signal.SIGHUP):  # sent by a terminal; the supervisor handles them
            loop.add_signal_handler(number, lambda: None)
        return supervised

    def send_ready(self, drain_timeout_s: float, heartbeat: Callable[[], Heartbeat]) -> None:
        """Tell the supervisor that this process serves, and send it a `heartbeat()` every second from now on."""
        self._send_heartbeat(heartbeat)  # first, so that what it says is known of a process that is ready
        self._link.send(Ready(drain_timeout_s))

    def send_draining(self) -> None:
        """Tell the supervisor that this process takes no new clients any more."""
        self._link.send(Draining())

    async def send_start_failed(self, problems: Sequence[str], *, configuration: bool) -> None:
        """Tell the supervisor why this process cannot start. Returns when the message is with the kernel."""
        self._link.send(StartFailed(tuple(problems), configuration))
        await self._link.flush()

    def _send_heartbeat(self, heartbeat: Callable[[], Heartbeat]) -> None:
        self._heartbeat_timer = asyncio.get_running_loop().call_later(
            HEARTBEAT_INTERVAL_S, self._send_heartbeat, heartbeat
        )
        if self._link.unsent_bytes:  # a supervisor that stands still has enough to read when it goes on
            return
        self._link.send(heartbeat())
        self.send_figures()

    def send_figures(self) -> None:
        """Tell the supervisor what `read_figures` gives now, if it has asked for that. A fault is logged once, and
        ends nothing but this."""
        is_asked = asyncio.get_running_loop().time() < self._reports_figures_until
        if not (is_asked and self._can_read_figures):
            return
        try:
            parts = list(figure_parts(self.read_figures().rows()))
        except Exception:
            self._can_read_figures = False
            _log.exception("figures cannot be collected, this process tells none any more")
            return
        for part in parts:
            self._link.send(part)

    async def flush(self) -> None:
        """Wait until what was sent is with the kernel."""
        await self._link.flush()

    async def _read(self) -> None:
        while (message := await self._link.receive()) is not None:
            match message:
                case AnnounceDrain():
                    self.on_announce_drain()
                case Drain():
                    self.told_to_drain.set()
                    self._request_drain(BY_SUPERVISOR)
                case EndNow():
                    self._request_drain(BY_SUPERVISOR)
                    self.end_now.set()
                case Adopt():
                    self.on_adopt(message.slot)
                case Release():
                    self.on_release(message.slot)
                case ReportFigures():
                    self._report_figures(message.for_s)
                case SetLogLevel():
                    self._log_level.change(message.level, message.for_s)
                case Reload():
                    self._spawn(self._reload())
                case ReadAppsAgain():
                    self._spawn(self._reload_apps(message.app_id))
                case Service():
                    self.on_service(message.is_out, message.over_s)
                case ConsoleQuestion():
                    self.console.receive(message)
        self._request_drain(SUPERVISOR_GONE)

    def _report_figures(self, for_s: float | None) -> None:
        until = math.inf if for_s is None else asyncio.get_running_loop().time() + for_s
        self._reports_figures_until = max(self._reports_figures_until, until)
        self.send_figures()

    async def _reload(self) -> None:
        self._link.send(Reloaded(await self.on_reload() or ""))

    async def _reload_apps(self, app_id: str | None) -> None:
        self._link.send(AppsReloaded(await self.on_reload_apps(app_id)))

    def _spawn(self, coroutine: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._reloading.add(task)
        task.add_done_callback(self._reloading.discard)

    def _on_stop_signal(self, number: signal.Signals) -> None:
        """A second signal ends the process now. One signal and a Drain message do not: systemd sends SIGTERM to every
        process of a service, and the supervisor sends Drain because of its own."""
        self._request_drain(number.name)
        if self._had_signal:
            self.end_now.set()
        self._had_signal = True

    def _request_drain(self, reason: str) -> None:
        if not self.drain_requested.done():
            self.drain_requested.set_result(reason)


async def _nothing_to_reload() -> str | None:
    return "this process has no certificate"


async def _no_apps(app_id: str | None) -> int:
    return 0


def inherited(fd: int) -> socket.socket:
    """The socket of a descriptor that the supervisor has left to this process, and to none of its children."""
    sock = socket.socket(fileno=fd)
    sock.set_inheritable(False)
    return sock


def inherited_log(argument: str | None) -> LogDescriptors:
    """The log whose descriptors the supervisor has left to this process, and to none of its children. Raises
    ConfigError if it is of a release that had none."""
    if argument is None:
        raise ConfigError(
            ["the server was started by an older release: stop it and start it again, to run this one"]
        )
    descriptors = LogDescriptors.from_argument(argument)
    for fd in descriptors.all:
        os.set_inheritable(fd, False)
    return descriptors


@dataclass(frozen=True, slots=True)
class ChildProcess:
    """What a child is to run, and the descriptors of its link and for its stacks."""

    link_fd: int
    stack_fd: int
    main: ChildMain

    def run(self) -> int:
        """Open the link and run `main`; the exit code. Errors of the configuration, of an address or of a certificate
        are sent to the supervisor."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(self._run())
            end_without_threads(code)
        return code

    async def _run(self) -> int:
        supervised = await SupervisedProcess.open(self.link_fd, self.stack_fd)
        try:
            await self.main(supervised)
            supervised.send_figures()
            await supervised.flush()
        except ConfigError as error:
            await supervised.send_start_failed(error.problems, configuration=True)
            return EX_CONFIG
        except (ListenError, TlsError) as error:
            await supervised.send_start_failed([str(error)], configuration=False)
            return EX_CONFIG
        return 0


def prepare_child(
    prepare: Prepare, arguments: Sequence[str], config: ConfigSource | None = None
) -> ChildProcess:
    """Exits the process if an argument is not known, or if the link is of another version."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--link", required=True, help="version and descriptor of the link: 1:5")
    parser.add_argument("--stack", type=int, required=True, help="descriptor to write stacks to")
    given, rest = parser.parse_known_args(arguments)
    version, _, fd = given.link.partition(":")
    if int(version) != VERSION:
        sys.exit(
            f"revurb: the supervisor speaks version {version}, this is {VERSION}: stop it and start it again"
        )
    return ChildProcess(int(fd), given.stack, prepare(rest, config))


def run_child(prepare: Prepare, arguments: Sequence[str]) -> None:
    """The body of a child's module: runs the child with these arguments, and exits the process."""
    protect_output()
    sys.exit(prepare_child(prepare, arguments).run())
