"""`revurb serve --workers N`: one process that serves nobody, and sees to it that others always do.

Plan: it binds the addresses once, keeps them open, and has a Slot for each process. A restart starts new workers on
the same sockets, and when all of them are ready, all old ones drain: a client is moved once, and if one new worker
cannot start, everything stays as it was.

Everything happens on the loop: signals and requests of the control socket become calls of `stop` and `restart`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path

from revurb.config import AUTO_WORKERS, Config, ConfigError
from revurb.observe.logs import configure_logging
from revurb.processes.binding import Binding, bind
from revurb.processes.child import Child, Command
from revurb.processes.control_socket import ControlReply, ControlRequest, ControlSocket, ServerStatus
from revurb.processes.cpus import available_cpus
from revurb.processes.invocation import Invocation
from revurb.processes.open_files import raise_open_files_limit
from revurb.processes.reaper import Reaper
from revurb.processes.runtime_dir import hub_socket
from revurb.processes.slot import KILL_GRACE_S, Slot, how_it_ended
from revurb.processes.supervision_link import Failed
from revurb.processes.systemd import NAMES, SystemdNotifier
from revurb.processes.watchdog import Watchdog
from revurb.processes.worker_pool import ChangeSignal, WorkerPool
from revurb.transport.listener import ListenError
from revurb.version import __version__

_log = logging.getLogger(__name__)

START_TRIES = 4  # of a worker in a row, before any could serve
STATUS_S = 10.0  # between two lines of status to systemd


class GaveUp(Exception):
    """The server cannot run. `configuration` is whether `problems` are those of a ConfigError."""

    def __init__(self, problems: tuple[str, ...], *, configuration: bool = False) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
        self.configuration = configuration


def worker_count(config: Config) -> int:
    """How many the configuration asks for."""
    asked = config.process.workers
    return available_cpus() if asked == AUTO_WORKERS else asked


def supervise(invocation: Invocation, config: Config, on_listening: Callable[[int], None]) -> None:
    """Serve with several workers until told to stop. `on_listening` is called once with the port, when all workers are
    ready. Raises GaveUp if that cannot be."""
    configure_logging(config.log.format, config.log.level)
    server = config.server
    files = raise_open_files_limit()
    count = worker_count(config)
    try:
        binding = bind(server.host, server.port, server.unix_socket, server.unix_socket_mode, count)
    except ListenError as error:
        raise GaveUp((str(error),)) from error
    _log.info(
        "starting",
        extra={"host": server.host, "port": binding.port, "workers": count, "open_files_limit": files},
    )
    try:
        with hub_socket(config.process.runtime_dir, binding.port) as path:
            # asyncio's own loop: there are no clients here, and what reaps children must not be uvloop's business.
            asyncio.run(Supervisor(invocation, config, binding, path).run(on_listening))
    finally:
        binding.close()


class Supervisor:
    """The processes of one server, from `run` to its end. Workers meet at the Unix socket `hub`."""

    def __init__(self, invocation: Invocation, config: Config, binding: Binding, hub: Path) -> None:
        self._invocation = invocation
        self._config = config
        self._binding = binding
        self._reaper = Reaper()
        self._notifier = SystemdNotifier(invocation.environ)
        self._control = ControlSocket(self._answer)
        self._bell = ChangeSignal()
        environ = {name: text for name, text in invocation.environ.items() if name not in NAMES}
        # Those that workers need: started before them, ended after them, and left alone by a restart.
        self._services: list[Slot] = []
        if not config.scaling.enabled:  # else the workers meet at Redis
            self._services.append(
                Slot(
                    "hub",
                    lambda: self._hub_command(hub, environ),
                    self._reaper,
                    changed=self._bell.ring,
                    failed=self._failed,
                )
            )
        self._workers = WorkerPool(invocation, binding, hub, environ, self._reaper, self._bell, self._failed)
        process = config.process
        self._drain_timeout_s = config.server.drain_timeout_s
        self._watchdog = Watchdog(self._children, process.watchdog_warn_s, process.watchdog_kill_s)
        self._started_at = time.monotonic()
        self._state = "starting"
        self._restarting = asyncio.Lock()
        self._end: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, on_listening: Callable[[int], None]) -> None:
        """Until a signal or a request says stop. Raises GaveUp."""
        loop = asyncio.get_running_loop()
        self._end = loop.create_future()
        self._reaper.start()
        signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, signals.put_nowait, number)
        await self._control.start(self._config.process.runtime_dir, self._binding.port)
        for task in (self._watchdog.watch(), self._say_alive(), self._obey(signals)):
            self._spawn(task)
        self._spawn(self._start(on_listening))
        try:
            await self._end
        finally:
            for place in (*self._services, *self._workers.places):
                place.close()  # starts nobody in place of those who are killed now
            for child in self._children():
                child.kill()
            for running in tuple(self._tasks):
                running.cancel()
            self._control.close()
        _log.info("stopped")

    # Starting.

    def _hub_command(self, path: Path, environ: Mapping[str, str]) -> Command:
        log = self._config.log
        return Command(
            module="revurb.processes.hub",
            arguments=(
                *("--socket", str(path)),
                *("--workers", str(self._workers.on_the_bus)),
                *("--log-format", log.format, "--log-level", log.level),
            ),
            fds=(),
            environ=environ,
            cwd=self._invocation.cwd,
        )

    async def _start(self, on_listening: Callable[[int], None]) -> None:
        for places in (self._services, self._workers.places):
            await asyncio.gather(*(place.start() for place in places))
            while not all(place.serves for place in places):
                await self._bell.rung()
        self._state = "ready"
        host, port = self._config.server.host, self._binding.port
        _log.info("listening", extra={"host": host, "port": port, "workers": len(self._workers.places)})
        on_listening(port)
        self._notifier.ready(self._summary())

    # What processes do.

    def _failed(self, place: Slot, child: Child, code: int) -> bool:
        """One ended unasked for: is there a point in trying again?"""
        failure = child.failure
        if failure is not None and self._state != "starting":
            _log.error(
                "process cannot run as configured", extra={**child.fields, "problems": failure.problems}
            )
        if failure is None and self._state == "starting" and place.deaths >= START_TRIES:
            how = " ".join(f"{key}={value}" for key, value in how_it_ended(code).items())
            failure = Failed((f"{place.name} does not start: it ended {place.deaths} times ({how})",))
        if failure is None or (self._workers.serving and self._state != "starting"):
            return True
        self._give_up(failure)
        return False

    def _give_up(self, failure: Failed) -> None:
        self._finish(GaveUp(failure.problems, configuration=failure.configuration))

    def _children(self) -> list[Child]:
        return [*(child for place in self._services for child in place.children), *self._workers.children]

    # What it is told.

    async def _obey(self, signals: asyncio.Queue[signal.Signals]) -> None:
        while True:
            number = await signals.get()
            if number is signal.SIGHUP:
                self._spawn(self._restart_on_signal())
            else:
                self.stop(number.name)

    def stop(self, told_by: str) -> None:
        """Drain all workers, then end; the second time, do not wait for clients."""
        if self._state == "draining":
            _log.info("ending at once", extra={"told_by": told_by})
            for child in self._workers.children:  # services end after them in any case
                child.end_now()
        else:
            _log.info("stopping", extra={"told_by": told_by, "drain_timeout_s": self._drain_timeout_s})
            self._state = "draining"
            self._notifier.stopping(self._drain_timeout_s + KILL_GRACE_S)
            self._spawn(self._drain())

    async def _drain(self) -> None:
        for places in (self._workers.places, self._services):
            for place in places:
                place.close()
            while any(place.children for place in places):
                await self._bell.rung()
        self._finish()

    async def _restart_on_signal(self) -> None:
        reason = await self.restart("SIGHUP")
        if reason is not None:
            _log.error("restart failed, the old workers stay", extra={"reason": reason})

    async def restart(self, told_by: str) -> str | None:
        """Replace all workers by new ones. Returns why not, if a new one cannot run: then the old ones stay."""
        async with self._restarting:
            if self._state != "ready":
                return f"the server is {self._state}"
            try:
                config = self._invocation.load()
            except ConfigError as error:
                return "; ".join(error.problems)
            if config.scaling.enabled != self._config.scaling.enabled:
                return "scaling.enabled has changed, and with it where the workers meet: stop and start"
            self._state = "restarting"
            self._notifier.reloading()
            _log.info("restarting", extra={"told_by": told_by})
            try:
                reason = await self._workers.replace()
                if reason is None:
                    self._take_on(config)
                    _log.info("restarted", extra={"workers": len(self._workers.places)})
                return reason
            finally:
                if self._state == "restarting":
                    self._state = "ready"
                    self._notifier.ready(self._summary())

    def _take_on(self, config: Config) -> None:
        """What the supervisor itself can take from a new configuration."""
        before = self._config.server
        for key, old, new in (
            ("server.host", before.host, config.server.host),
            ("server.port", before.port, config.server.port),
            ("server.unix_socket", before.unix_socket, config.server.unix_socket),
            ("process.workers", len(self._workers.places), worker_count(config)),
        ):
            if old != new:
                _log.warning(
                    "option has changed, which a restart of the workers cannot do: stop and start",
                    extra={"option": key, "in_use": old, "configured": new},
                )
        self._drain_timeout_s = config.server.drain_timeout_s
        self._watchdog.warn_s, self._watchdog.kill_s = (
            config.process.watchdog_warn_s,
            config.process.watchdog_kill_s,
        )

    async def _answer(self, request: ControlRequest) -> ControlReply:
        match request.do:
            case "status":
                return ControlReply(status=self._status())
            case "stop":
                self.stop("revurb stop")
                if request.now:
                    self.stop("revurb stop --now")
                return ControlReply()
            case "restart":
                return ControlReply(error=await self.restart("revurb restart"))

    # What it says about itself.

    def _status(self) -> ServerStatus:
        return ServerStatus(
            version=__version__,
            pid=os.getpid(),
            host=self._config.server.host,
            port=self._binding.port,
            state=self._state,
            uptime_s=time.monotonic() - self._started_at,
            supervised=True,
            processes=[
                row
                for place in (*self._workers.places, *self._services)
                for row in place.status(self._watchdog.is_blocked)
            ],
        )

    def _summary(self) -> str:
        connections = sum(child.beat.connections for child in self._children())
        return (
            f"{len(self._workers.serving)} of {len(self._workers.places)} workers, {connections} connections"
        )

    async def _say_alive(self) -> None:
        said_at = time.monotonic()
        while True:
            self._notifier.alive()
            await asyncio.sleep(self._notifier.interval_s)
            if self._state == "ready" and time.monotonic() - said_at >= STATUS_S:
                said_at = time.monotonic()
                self._notifier.status(self._summary())

    def _spawn(self, coroutine: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._finish(error)  # better to end, and be started again, than to watch nobody

    def _finish(self, error: BaseException | None = None) -> None:
        if self._end is None or self._end.done():
            return
        if error is None:
            self._end.set_result(None)
        else:
            self._end.set_exception(error)
