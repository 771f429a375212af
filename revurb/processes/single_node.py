"""`revurb serve` as one process: event loop, signals, limits of the operating system.

Signals are noted by the handler and acted on by the loop: SIGTERM and SIGINT drain and end with 0, a second one
ends at once; SIGHUP reads the TLS certificate again.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import logging
import os
import signal
import time
from collections.abc import Callable

import uvloop

from revurb.config import Config, load_app_provider
from revurb.node.bus_factory import bus_factory
from revurb.node.node import Node
from revurb.observe.logs import configure_logging
from revurb.processes.control_socket import (
    ControlReply,
    ControlRequest,
    ControlSocket,
    ProcessStatus,
    ServerStatus,
)
from revurb.processes.open_files import raise_open_files_limit
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
    """The node cannot run as configured; the text says what is in the way."""


def run(config: Config, on_listening: Callable[[Node], None]) -> None:
    """Serve until told to stop. `on_listening` is called once, when connections are accepted."""
    configure_logging(config.log.format, config.log.level)
    apps = load_app_provider(config.app_provider) if config.app_provider is not None else None
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(SingleNode(Node(config, apps, bus_factory(config))).serve(on_listening))
        except (ListenError, TlsError) as error:
            raise StartError(str(error)) from error


class SingleNode:
    """A node that is the only one, without a supervisor."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
        self._notifier = SystemdNotifier(os.environ)
        self._control = ControlSocket(self._answer)
        self._started_at = time.monotonic()
        self._alive: asyncio.TimerHandle | None = None

    async def serve(self, on_listening: Callable[[Node], None]) -> None:
        node, signals, server = self._node, self._signals, self._node.config.server
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, signals.put_nowait, number)
        files = raise_open_files_limit()
        await node.start()
        await self._control.start(node.config.process.runtime_dir, node.port)
        tune_garbage_collector()
        self._say_alive()
        _log.info("listening", extra={"host": server.host, "port": node.port, "open_files_limit": files})
        on_listening(node)
        self._notifier.ready(f"Listening on {server.host}:{node.port}")
        while (number := await signals.get()) is signal.SIGHUP:
            self._reload()
        _log.info("stopping", extra={"signal": number.name, "drain_timeout_s": server.drain_timeout_s})
        self._notifier.stopping(server.drain_timeout_s)
        now = asyncio.Event()
        second = asyncio.ensure_future(_second(signals, now))
        await stop_node(node, now)
        second.cancel()
        if self._alive is not None:
            self._alive.cancel()
        faulthandler.cancel_dump_traceback_later()
        self._control.close()
        _log.info("stopped")

    def _say_alive(self) -> None:
        """To systemd. And if we do not come back here in time, faulthandler prints where we are instead."""
        self._alive = asyncio.get_running_loop().call_later(self._notifier.interval_s, self._say_alive)
        faulthandler.dump_traceback_later(
            self._notifier.interval_s + self._node.config.process.watchdog_warn_s
        )
        self._notifier.alive()

    def _reload(self) -> None:
        try:
            self._node.reload_tls()
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
            case "stop":
                self._signals.put_nowait(signal.SIGTERM)
                if request.now:
                    self._signals.put_nowait(signal.SIGTERM)
                return ControlReply()
            case "restart":
                return ControlReply(error=CANNOT_RESTART)

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
            processes=[ProcessStatus("node", os.getpid(), state, uptime_s, node.connection_count, 0)],
        )


async def _second(signals: asyncio.Queue[signal.Signals], now: asyncio.Event) -> None:
    while await signals.get() is signal.SIGHUP:
        pass
    now.set()


async def stop_node(node: Node, now: asyncio.Event) -> None:
    """Drain the node, its WebSockets one after the other; at once as soon as `now` is set."""
    draining = asyncio.ensure_future(node.stop(spread=True))
    hurry = asyncio.ensure_future(now.wait())
    await asyncio.wait((draining, hurry), return_when=asyncio.FIRST_COMPLETED)
    hurry.cancel()
    if not draining.done():
        draining.cancel()
        await node.stop(drain_timeout_s=0)
    else:
        draining.result()


# New objects until the collector looks through them. A connection makes 15 that stay, so that with CPython's 700 each
# 50 connections are looked through, and then again with others: 186 us for connecting and subscribing, 166 with this,
# 173 with 50,000. Almost nothing here is left for the collector: what ends lets go of what it holds.
COLLECTOR_THRESHOLDS = (10_000, 20, 100)


def tune_garbage_collector() -> None:
    """What there is now stays: the collector need not walk it again with every full collection."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
