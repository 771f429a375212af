"""`revurb serve` as one process: a node without a supervisor, its event loop, signals and control socket.

A signal that stops it drains the node and exits with 0, a second one exits without waiting for clients. SIGHUP reads
the TLS certificate again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable

import msgspec
import uvloop

from revurb.config import Config, dev_environment
from revurb.config.normalization import shown_addresses
from revurb.node.app_source import app_source
from revurb.node.bus_factory import choose_bus_factory
from revurb.node.node import Node
from revurb.node.node_source import PROCESS_NAME, NodeSource, start_with_admin
from revurb.observe.logs import configure_logging
from revurb.observe.unblocked_output import lines_dropped
from revurb.processes.control_socket import (
    ControlReply,
    ControlRequest,
    ControlSocket,
    ProcessStatus,
    ServerStatus,
)
from revurb.processes.gc_tuning import tune_garbage_collector
from revurb.processes.leftover_threads import end_without_threads
from revurb.processes.level_change import LogLevel
from revurb.processes.malloc_tuning import map_large_blocks
from revurb.processes.open_files import raise_open_files_limit
from revurb.processes.process_load import load_of
from revurb.processes.server_signals import ServerSignals
from revurb.processes.stack_dump import StackDump
from revurb.processes.systemd import SystemdNotifier
from revurb.transport.listener import ListenError
from revurb.transport.tls import TlsError
from revurb.version import __version__

_log = logging.getLogger(__name__)

CANNOT_RESTART = (
    "this server is one process, which cannot take over from itself: stop it and start it again, "
    "or run it with --workers 2 or more"
)


class StartError(Exception):
    """The node cannot start as configured; the text is the reason."""


def run_single_node(config: Config, on_listening: Callable[[Node], None]) -> None:
    """Serve until a signal or a request ends the node. `on_listening` is called once, when connections are accepted.
    Raises ConfigError for an app provider or a Redis that cannot be used, StartError for an address or a
    certificate."""
    configure_logging(config.log.format, config.log.level)
    apps = app_source(config)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(SingleNode(Node(config, apps, choose_bus_factory(config))).serve(on_listening))
            end_without_threads()
        except (ListenError, TlsError) as error:
            raise StartError(str(error)) from error


class SingleNode:
    """The process of a node without a supervisor."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._notifier = SystemdNotifier(os.environ)
        self._control = ControlSocket(self._answer)
        self._stack_dump = StackDump(node.config.log.format)
        self._log_level = LogLevel()
        self._started_at = time.monotonic()
        self._alive_timer: asyncio.TimerHandle | None = None

    async def serve(self, on_listening: Callable[[Node], None]) -> None:
        """Returns when the node has drained. Raises ListenError or TlsError if it cannot start."""
        node, server = self._node, self._node.config.server
        self._signals = signals = ServerSignals()
        files = raise_open_files_limit()
        source = NodeSource(node, lambda: msgspec.json.encode(self._status()))
        admin = await start_with_admin(node, source)
        await self._control.start(node.config.process.runtime_dir, node.port)
        tune_garbage_collector()
        if node.config.tls.cert is not None:
            map_large_blocks()
        self._send_alive()
        _log.info(
            "listening",
            extra={
                "version": __version__,
                "host": server.host,
                "port": node.port,
                "open_files_limit": files,
            },
        )
        on_listening(node)
        listening = f"Listening on {shown_addresses(server.host, node.port)}"
        self._notifier.ready(listening)
        while (told_by := await signals.next()) is None:
            self._notifier.reloading("Reading the certificate")
            await self._reload()
            self._notifier.ready(listening)
        delay_s, timeout_s = server.drain_delay_s, server.drain_timeout_s
        _log.info(
            "stopping", extra={"told_by": told_by, "drain_delay_s": delay_s, "drain_timeout_s": timeout_s}
        )
        self._notifier.stopping(delay_s + timeout_s)
        end_now = asyncio.Event()
        second_signal = asyncio.ensure_future(_set_on_second_signal(signals, end_now))
        await wait_before_drain(node, end_now)
        await stop_node(node, end_now)
        second_signal.cancel()
        if self._alive_timer is not None:
            self._alive_timer.cancel()
        self._stack_dump.close()
        self._control.close()
        if admin is not None:
            admin.close()
        _log.info("stopped")

    def _send_alive(self) -> None:
        """Tells systemd that the loop is not blocked. If the next call is late, the stacks are printed."""
        self._alive_timer = asyncio.get_running_loop().call_later(self._notifier.interval_s, self._send_alive)
        self._stack_dump.postpone(self._notifier.interval_s + self._node.config.process.watchdog_warn_s)
        self._notifier.alive()

    async def _reload(self) -> None:
        try:
            await self._node.reload_tls()
        except TlsError as error:
            _log.error("reload failed, the old certificate stays in use", extra={"error": str(error)})
        else:
            _log.info(
                "reloaded the TLS certificate; configuration and code are read at a start, "
                "and by SIGHUP with --workers 2 or more"
            )

    async def _answer(self, request: ControlRequest) -> ControlReply:
        match request.do:
            case "status":
                return ControlReply(status=self._status())
            case "loads":
                return ControlReply(
                    loads=[load_of(PROCESS_NAME, os.getpid(), 0.0, self._node.figures().rows())]
                )
            case "stop":
                self._signals.stop()
                if request.now:
                    self._signals.stop()
                return ControlReply()
            case "restart":
                return ControlReply(error=CANNOT_RESTART)
            case "reload":
                return ControlReply(error=await reload_certificate(self._node))
            case "reload_apps":
                return ControlReply(nodes=await self._node.operations.reload_apps(request.app_id))
            case "service":
                self._node.operations.serve_or_not(request.is_out, request.over_s)
                return ControlReply()
            case "log-level":
                self._log_level.change(request.level, request.for_s)
                return ControlReply()

    def _status(self) -> ServerStatus:
        node, uptime_s = self._node, time.monotonic() - self._started_at
        state = node.unready() or "ready"
        return ServerStatus(
            version=__version__,
            pid=os.getpid(),
            host=node.config.server.host,
            port=node.port,
            state=state,
            uptime_s=uptime_s,
            supervised=False,
            processes=[
                ProcessStatus(
                    PROCESS_NAME,
                    os.getpid(),
                    state,
                    uptime_s,
                    node.connection_count,
                    0,
                    node.bus_degraded or "",
                )
            ],
            lines_dropped=lines_dropped(),
            dev_environment=dev_environment(node.config, node.port),
        )


async def reload_certificate(node: Node) -> str | None:
    """Read the TLS certificate of `node` again. Returns why the old one stays in use; None if it does not."""
    if node.config.tls.cert is None:
        return "there is no certificate to read again: TLS is off"
    try:
        await node.reload_tls()
    except TlsError as error:
        _log.error("reload failed, the old certificate stays in use", extra={"error": str(error)})
        return str(error)
    _log.info("reloaded the TLS certificate")
    return None


async def _set_on_second_signal(signals: ServerSignals, end_now: asyncio.Event) -> None:
    while await signals.next() is None:
        pass
    end_now.set()


async def wait_before_drain(node: Node, end_now: asyncio.Event) -> None:
    """Say for `server.drain_delay_s` that the node drains, or until `end_now` is set, while it accepts clients."""
    node.announce_drain()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(node.config.server.drain_delay_s):
            await end_now.wait()


async def stop_node(node: Node, end_now: asyncio.Event) -> None:
    """Stop the node, with its WebSockets closed evenly over the drain timeout. When `end_now` is set, drop the clients
    that are left and return."""
    draining = asyncio.ensure_future(node.stop(spread=True))
    ending = asyncio.ensure_future(end_now.wait())
    await asyncio.wait((draining, ending), return_when=asyncio.FIRST_COMPLETED)
    ending.cancel()
    if not draining.done():
        draining.cancel()
        await node.stop(drain_timeout_s=0)
    else:
        draining.result()
