"""`revurb serve --workers N`: the process that starts and supervises the workers and their hub or relay. It has no
clients.

It keeps the bound addresses open, and has a Slot for each process. A restart starts new workers on the same
sockets. When all of them are ready, all old ones drain: a client is moved only once, and if one new worker cannot
start, the old ones go on serving.

Signals and requests of the control socket become calls of `Supervisor.stop` and `Supervisor.restart` on the loop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING

from revurb.config import Config, ConfigError, dev_environment
from revurb.node.admin import start_admin
from revurb.observe.unblocked_output import lines_dropped
from revurb.processes import fixed_options
from revurb.processes.binding import Binding
from revurb.processes.child import Child, ChildCommand
from revurb.processes.control_answers import ControlAnswers
from revurb.processes.control_socket import ControlSocket, ServerStatus
from revurb.processes.giving_up import GaveUp, after_exit, after_start_error
from revurb.processes.hub_commands import hub_command, relay_command
from revurb.processes.hub_socket import HubSocket
from revurb.processes.invocation import Invocation
from revurb.processes.reaper import Reaper
from revurb.processes.server_figures import ServerFigures
from revurb.processes.server_signals import ServerSignals
from revurb.processes.slot import KILL_GRACE_S, Slot
from revurb.processes.systemd import SystemdNotifier
from revurb.processes.templates import Templates
from revurb.processes.watchdog import Watchdog
from revurb.processes.worker_pool import ChangeSignal, WorkerPool
from revurb.transport.listener import ListenError
from revurb.version import __version__

if TYPE_CHECKING:
    from revurb.console.admin_listener import AdminListener

_log = logging.getLogger(__name__)

HUB_MAX_DELAY_S = 2.0  # what the workers hold outlives a hub or relay by a lease, which is 5 or 10 s


class Supervisor:
    """The processes of one server, from the call of `run` to its return."""

    def __init__(
        self,
        invocation: Invocation,
        config: Config,
        binding: Binding,
        hub: HubSocket,
        template: tuple[int, socket.socket] | None,
        has_templates: bool,
    ) -> None:
        self._invocation = invocation
        self._config = config
        self._binding = binding
        self._reaper = Reaper(hub.log.open().free)
        self._notifier = SystemdNotifier(invocation.environ)
        self._changes = ChangeSignal()
        self._templates = Templates(self._reaper, invocation, template, are_used=has_templates)
        # The processes that workers need: started before the workers, ended after them.
        self._is_relayed = config.scaling.enabled
        self._hub_slots = [
            Slot(
                "relay" if self._is_relayed else "hub",
                lambda: self._hub_command(hub),
                self._reaper,
                on_change=self._changes.notify,
                on_unexpected_exit=self._on_unexpected_exit,
                on_start_error=self._on_start_error,
                max_delay_s=HUB_MAX_DELAY_S,
            )
        ]
        # What a restart replaces: a relay holds nothing. A hub stays, which holds what the workers report.
        self._relays = self._hub_slots if self._is_relayed else []
        self._workers = WorkerPool(
            invocation,
            binding,
            hub,
            self._reaper,
            self._changes,
            self._on_unexpected_exit,
            self._on_start_error,
            config.limits.max_connections,
            self._templates,
        )
        process = config.process
        self._server = config.server  # of the workers in their slots; the addresses are those of `config`
        self._watchdog = Watchdog(self._children, process.watchdog_warn_s, process.watchdog_kill_s)
        self._figures = ServerFigures(
            lambda: (*self._workers.slots, *self._hub_slots),
            self._watchdog.is_blocked,
            self._status,
            config.metrics.max_apps,
        )
        self._admin: AdminListener | None = None
        self._control = ControlSocket(
            ControlAnswers(
                self.stop, self.restart, self._status, self._figures.loads, self._workers, self._children
            ).answer
        )
        self._started_at = time.monotonic()
        self._state = "starting"
        self._restarting = asyncio.Lock()
        self._next_restart: asyncio.Future[str | None] | None = None  # waits for the lock
        self._end: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, on_listening: Callable[[int], None]) -> None:
        """Returns when the server has been stopped by a signal or a request. Raises GaveUp."""
        loop = asyncio.get_running_loop()
        self._end = loop.create_future()
        try:
            self._admin = await start_admin(self._config, self._figures, self._binding.port)
        except ListenError as error:
            raise GaveUp((str(error),)) from error
        self._reaper.start()
        signals = ServerSignals()
        await self._control.start(self._config.process.runtime_dir, self._binding.port)
        alive = self._notifier.keep_alive(lambda: self._summary() if self._state == "ready" else None)
        for task in (self._watchdog.watch(), alive, self._handle_signals(signals)):
            self._spawn(task)
        if self._admin is not None:
            self._spawn(self._figures.watch())
        self._spawn(self._start(on_listening))
        try:
            await self._end
        finally:
            for slot in (*self._hub_slots, *self._workers.slots):
                slot.close()  # so that it does not replace a process that is killed now
            for child in self._children():
                child.kill()
            for running in tuple(self._tasks):
                running.cancel()
            self._templates.end()
            self._control.close()
            if self._admin is not None:
                self._admin.close()
            signals.end()
        _log.info("stopped")

    # Starting.

    def _hub_command(self, hub: HubSocket) -> ChildCommand:
        if self._is_relayed:
            return relay_command(hub, self._invocation, self._templates)
        return hub_command(self._config, hub, self._workers, self._invocation, self._templates)

    async def _start(self, on_listening: Callable[[int], None]) -> None:
        self._templates.begin_first()
        for slots in (self._hub_slots, self._workers.slots):
            try:
                await asyncio.gather(*(slot.start() for slot in slots))
            except OSError as error:
                raise GaveUp((f"a process cannot be started: {error}",)) from error
            while not all(slot.serves for slot in slots):
                await self._changes.wait()
        self._templates.end()
        self._state = "ready"
        host, port = self._config.server.host, self._binding.port
        workers = len(self._workers.slots)
        _log.info("listening", extra={"version": __version__, "host": host, "port": port, "workers": workers})
        on_listening(port)
        self._notifier.ready(self._summary())

    # Exits.

    def _on_unexpected_exit(self, slot: Slot, child: Child, code: int) -> None:
        """Has the slot start another process, or ends the server if that would fail alike."""
        failure = child.failure
        if failure is not None and self._state != "starting":
            _log.error(
                "process cannot run as configured", extra={**child.fields, "problems": failure.problems}
            )
        gave_up = after_exit(slot, child, code, self._workers, is_starting=self._state == "starting")
        if gave_up is None:
            slot.replace_exited(child, code)
        else:
            self._finish(gave_up)

    def _on_start_error(self, slot: Slot, error: OSError) -> None:
        gave_up = after_start_error(slot, error, self._workers)
        if gave_up is None:
            slot.try_again(error)
        else:
            self._finish(gave_up)

    def _children(self) -> list[Child]:
        return [*(child for slot in self._hub_slots for child in slot.children), *self._workers.children]

    # Signals and requests.

    async def _handle_signals(self, signals: ServerSignals) -> None:
        while True:
            told_by = await signals.next()
            if told_by is None:
                self._spawn(self._restart_on_signal())
            else:
                self.stop(told_by)

    def stop(self, told_by: str) -> None:
        """Drain all workers, then end the services and `run`. The second call ends the workers without waiting for
        their clients. `told_by` is the signal or the command, for the log."""
        if self._state == "draining":
            _log.info("ending at once", extra={"told_by": told_by})
            self._workers.end_now()  # services end after them in any case
        else:
            delay_s, timeout_s = self._server.drain_delay_s, self._server.drain_timeout_s
            _log.info(
                "stopping", extra={"told_by": told_by, "drain_delay_s": delay_s, "drain_timeout_s": timeout_s}
            )
            self._state = "draining"
            self._notifier.stopping(delay_s + timeout_s + KILL_GRACE_S)
            self._spawn(self._drain())

    async def _drain(self) -> None:
        await self._workers.announce_drain(self._server.drain_delay_s)
        for slots in (self._workers.slots, self._hub_slots):
            for slot in slots:
                slot.close()
            while any(slot.children for slot in slots):
                await self._changes.wait()
        self._finish()

    async def _restart_on_signal(self) -> None:
        reason = await self.restart("SIGHUP")
        if reason is not None:
            _log.error("restart failed, the old workers stay", extra={"reason": reason})

    async def restart(self, told_by: str) -> str | None:
        """Replace all workers by new ones. Returns None when that is done, else the reason why the old workers stay.
        Calls that come before it begins, while another restart is under way, share one."""
        if self._next_restart is None:
            self._next_restart = asyncio.ensure_future(self._restart(told_by))
        return await asyncio.shield(self._next_restart)

    async def _restart(self, told_by: str) -> str | None:
        async with self._restarting:
            await self._workers.wait_for_room(self._relays)
            self._next_restart = None  # whoever comes now may mean a newer configuration
            if self._state != "ready":
                return f"the server is {self._state}"
            self._notifier.reloading("Replacing the workers")
            try:
                return await self._replace_workers(told_by)
            finally:
                if self._state in ("ready", "restarting"):
                    self._state = "ready"
                    self._notifier.ready(self._summary())

    async def _replace_workers(self, told_by: str) -> str | None:
        try:
            config = self._invocation.load()
        except ConfigError as error:
            return "; ".join(error.problems)
        reason = fixed_options.refusal(self._config, config)
        if reason is not None:
            return reason
        self._state = "restarting"
        _log.info("restarting", extra={"told_by": told_by, "directory": str(self._invocation.cwd)})
        reason = await self._workers.replace(config.limits.max_connections, self._relays)
        if reason is None:
            self._apply(config)
            _log.info("restarted", extra={"workers": len(self._workers.slots)})
        return reason

    def _apply(self, config: Config) -> None:
        """Use the options of a new configuration that are the supervisor's own."""
        fixed_options.warn_of_changes(self._config, config, len(self._workers.slots))
        self._server = config.server
        self._watchdog.warn_s, self._watchdog.kill_s = (
            config.process.watchdog_warn_s,
            config.process.watchdog_kill_s,
        )

    # Status.

    def _status(self) -> ServerStatus:
        return ServerStatus(
            version=__version__,
            pid=os.getpid(),
            host=self._config.server.host,
            port=self._binding.port,
            state="draining" if self._workers.service.is_out else self._state,
            uptime_s=time.monotonic() - self._started_at,
            supervised=True,
            processes=[
                row
                for slot in (*self._workers.slots, *self._hub_slots)
                for row in slot.status(self._watchdog.is_blocked)
            ],
            lines_dropped=lines_dropped() + sum(child.heartbeat.lines_dropped for child in self._children()),
            dev_environment=dev_environment(self._config, self._binding.port),
        )

    def _summary(self) -> str:
        connections = sum(child.heartbeat.connections for child in self._children())
        return (
            f"{len(self._workers.serving)} of {len(self._workers.slots)} workers, {connections} connections"
        )

    # Tasks.

    def _spawn(self, coroutine: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # An end after which systemd starts it again is better than a supervisor that does nothing.
            self._finish(error)

    def _finish(self, error: BaseException | None = None) -> None:
        """Have `run` return, or raise `error`. Only the first call has an effect."""
        if self._end is None or self._end.done():
            return
        if error is None:
            self._end.set_result(None)
        else:
            self._end.set_exception(error)
