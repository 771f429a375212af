"""`revurb serve` as a process: event loop, signals, limits of the operating system.

Signals are noted by the handler and acted on by the loop: SIGTERM and SIGINT drain and end with 0, a second one
ends at once; SIGHUP reads the TLS certificate again.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
from collections.abc import Callable

import uvloop

from revurb.config import Config, load_app_provider
from revurb.observe.logs import configure_logging
from revurb.server.node import Node
from revurb.transport.listener import ListenError
from revurb.transport.tls import TlsError

_log = logging.getLogger(__name__)


class StartError(Exception):
    """The node cannot run as configured; the text says what is in the way."""


def run(config: Config, on_listening: Callable[[Node], None]) -> None:
    """Serve until told to stop. `on_listening` is called once, when connections are accepted."""
    configure_logging(config.log.format, config.log.level)
    apps = load_app_provider(config.app_provider) if config.app_provider is not None else None
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            node = Node(config, apps)
            runner.run(_serve(node, on_listening))
        except (ListenError, TlsError) as error:
            raise StartError(str(error)) from error


async def _serve(node: Node, on_listening: Callable[[Node], None]) -> None:
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, signals.put_nowait, number)
    files = raise_open_files_limit()
    await node.start()
    # What there is now stays: the collector need not walk it again with every full collection.
    gc.collect()
    gc.freeze()
    server = node.config.server
    _log.info("listening", extra={"host": server.host, "port": node.port, "open_files_limit": files})
    on_listening(node)
    while (number := await signals.get()) is signal.SIGHUP:
        _reload(node)
    _log.info("stopping", extra={"signal": number.name, "drain_timeout_s": server.drain_timeout_s})
    draining = asyncio.ensure_future(node.stop(spread=True))
    again = asyncio.ensure_future(_second(signals))
    await asyncio.wait((draining, again), return_when=asyncio.FIRST_COMPLETED)
    again.cancel()
    if not draining.done():
        draining.cancel()
        await node.stop(drain_timeout_s=0)
    _log.info("stopped")


async def _second(signals: asyncio.Queue[signal.Signals]) -> None:
    while await signals.get() is signal.SIGHUP:
        pass


def _reload(node: Node) -> None:
    try:
        node.reload_tls()
    except TlsError as error:
        _log.error("reload failed, the old certificate stays in use", extra={"error": str(error)})
    else:
        _log.info("reloaded")


def raise_open_files_limit() -> int:
    """Allow as many open files as the system lets us: each connection is one. Returns the limit now in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft
