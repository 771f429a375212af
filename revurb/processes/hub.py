"""The hub: the broker of the workers of one host, in a process of its own. It is forked from a template,
or started as `python -m revurb.processes.hub`.

It reads no configuration. Everything that it needs is on its command line, so that the supervisor can replace it also
while a configuration file is invalid. Without a supervisor it exits after the last worker, so that workers that drain
stay connected.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import logging
import sys
from collections.abc import Sequence

from revurb.bus.cache import MAX_BYTES_PER_APP
from revurb.bus.hub.broker import Broker
from revurb.bus.hub.hub_server import HubServer
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.observe.figures import Figures
from revurb.observe.logs import configure_logging
from revurb.observe.process_figures import write_process
from revurb.observe.unblocked_output import lines_dropped
from revurb.processes.hub_socket import HUB_LEASE_S
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

_log = logging.getLogger("revurb.processes.hub")  # __name__ is __main__

DRAIN_TIMEOUT_S = 5.0
# Of CPython's garbage collector, see `revurb.processes.gc_tuning`. A collection of the oldest generation takes 30 ms
# with the members of 25,000 channels, and finds nothing: what the hub drops has no cycles but for its connections.
GC_THRESHOLDS = (10_000, 5, 1_000_000)


def prepare_hub(arguments: Sequence[str], config: ConfigSource | None = None) -> ChildMain:
    """Exits the process if an argument is not known."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--socket-fd", type=int, help="descriptor of the bound Unix socket")
    place.add_argument("--socket", help="path of the Unix socket, for a supervisor of an older release")
    parser.add_argument("--event-log", help="descriptors of the log: 7,8,9")
    parser.add_argument(
        "--workers",
        type=int,
        required=True,
        help="number of workers that have lost their hub and will connect",
    )
    parser.add_argument(
        "--died", type=int, default=0, help="number of workers that died less than a lease ago"
    )
    parser.add_argument("--max-cached-bytes", type=int, default=MAX_BYTES_PER_APP)
    parser.add_argument("--lease", type=float, default=HUB_LEASE_S, help="seconds")
    parser.add_argument("--log-format", required=True)
    parser.add_argument("--log-level", required=True)
    return functools.partial(run_hub, options=parser.parse_args(arguments))


async def run_hub(supervised: SupervisedProcess, options: argparse.Namespace) -> None:
    """Serve the workers until the supervisor, a signal or the supervisor's end requests the exit."""
    configure_logging(options.log_format, options.log_level, worker="hub")
    clock = asyncio.get_running_loop().time
    broker = Broker(
        MEMBER_EVENTS,
        inherited_log(options.event_log),
        clock,
        lease_s=options.lease,
        expected_workers=options.workers,
        died_workers=options.died,
        max_cached_bytes=options.max_cached_bytes,
    )
    server = HubServer(broker, options.socket or inherited(options.socket_fd))
    await server.start()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    supervised.read_figures = functools.partial(hub_figures, broker)
    supervised.send_ready(DRAIN_TIMEOUT_S, lambda: Heartbeat(lines_dropped=lines_dropped()))
    _log.info("hub is ready")

    reason = await supervised.drain_requested
    if reason != BY_SUPERVISOR:  # the supervisor requests it only after its workers have exited
        await wait_until_empty(server.no_connections, supervised)
    await server.stop()
    _log.info("hub ends", extra={"told_by": reason})


def hub_figures(broker: Broker) -> Figures:
    """What a hub measures."""
    figures = Figures()
    write_process(figures)
    figures.put("log_lines_dropped_total", lines_dropped())
    figures.put("hub_workers", broker.workers)
    figures.put("bus_refused_total", broker.invalid_messages)
    figures.put("webhook_events_lost_total", broker.facts.lost)
    figures.put("cache_dropped_total", broker.cache_dropped)
    figures.put("history_bytes", broker.log.history.size_bytes)
    return figures


async def wait_until_empty(no_connections: asyncio.Event, supervised: SupervisedProcess) -> None:
    """Returns when no worker is connected any more, or when the process has to exit now: the supervisor may have
    started another one in its place."""
    events = (no_connections, supervised.told_to_drain, supervised.end_now)
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


if __name__ == "__main__":
    run_child(prepare_hub, sys.argv[1:])
