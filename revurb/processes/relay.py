"""The relay: the connections to Redis of the workers of one host, in a process of its own. It is forked from a
template, or started as `python -m revurb.processes.relay`.

It has the configuration of its template, or reads the present one itself. Without a supervisor, or after a signal, it
exits after the last worker, so that workers that drain stay connected.
"""

from __future__ import annotations

import argparse
import functools
import gc
import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from revurb.observe.figures import Figures
from revurb.observe.logs import configure_logging
from revurb.observe.process_figures import write_process
from revurb.observe.unblocked_output import lines_dropped
from revurb.processes.hub import DRAIN_TIMEOUT_S, GC_THRESHOLDS, wait_until_empty
from revurb.processes.invocation import Invocation
from revurb.processes.supervised_process import (
    BY_SUPERVISOR,
    ChildMain,
    ConfigSource,
    SupervisedProcess,
    inherited,
    inherited_log,
    run_child,
)
from revurb.processes.supervision_link import Heartbeat

if TYPE_CHECKING:
    from revurb.bus.relay.relay_server import RelayServer

_log = logging.getLogger("revurb.processes.relay")  # __name__ is __main__


def prepare_relay(arguments: Sequence[str], config: ConfigSource | None = None) -> ChildMain:
    """Exits the process if an argument is not known."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--socket-fd", type=int, help="descriptor of the bound Unix socket")
    place.add_argument("--socket", help="path of the Unix socket, where the system has none without a file")
    parser.add_argument("--event-log", required=True, help="descriptors of the log: 7,8,9")
    options, rest = parser.parse_known_args(arguments)
    source = Invocation.from_arguments(rest).load if config is None else config
    return functools.partial(run_relay, options=options, source=source)


async def run_relay(supervised: SupervisedProcess, options: argparse.Namespace, source: ConfigSource) -> None:
    """Serve the workers until the supervisor, a signal or the supervisor's end requests the exit. Raises ConfigError if
    the configuration cannot be used."""
    # Imported here: a hub needs no client of Redis, which takes 0.2 s to import.
    from revurb.bus.redis.redis_client import client_factory
    from revurb.bus.relay.relay_server import RelayServer

    config = source()
    configure_logging(config.log.format, config.log.level, worker="relay")
    redis = config.scaling.redis
    server = RelayServer(
        options.socket or inherited(options.socket_fd),
        inherited_log(options.event_log),
        client_factory(redis),
        redis.answer_timeout_s,
    )
    await server.start()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    supervised.read_figures = functools.partial(relay_figures, server)
    supervised.send_ready(
        DRAIN_TIMEOUT_S,
        lambda: Heartbeat(0, "redis disconnected" if server.is_cut_off else "", lines_dropped()),
    )
    _log.info("relay is ready")

    reason = await supervised.drain_requested
    if reason != BY_SUPERVISOR:  # which has another one by then, or no workers
        _log.info("relay stays until its workers have gone", extra={"told_by": reason})
        await wait_until_empty(server.no_connections, supervised)
    supervised.send_draining()
    await server.stop()
    _log.info("relay ends", extra={"told_by": reason})


def relay_figures(server: RelayServer) -> Figures:
    """What a relay measures."""
    figures = Figures()
    write_process(figures)
    figures.put("log_lines_dropped_total", lines_dropped())
    figures.put("hub_workers", server.workers)
    figures.put("bus_connected", int(not server.is_cut_off))
    return figures


if __name__ == "__main__":
    run_child(prepare_relay, sys.argv[1:])
