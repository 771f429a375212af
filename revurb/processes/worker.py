"""A worker: one node in a process of its own, forked from a template or started as `python -m revurb.processes.worker`.

It has the configuration of its template, or reads the present one itself. It inherits the bound sockets of all
slots: it accepts on those of its own, and on those of another slot while that has no worker.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import logging
import socket
import sys
from collections.abc import Mapping, Sequence

from revurb.node.app_source import app_source
from revurb.node.bus_factory import HubAddress, choose_bus_factory
from revurb.node.node import Node
from revurb.observe.logs import configure_logging
from revurb.observe.unblocked_output import lines_dropped
from revurb.processes.connection_tokens import SharedConnectionLimit
from revurb.processes.gc_tuning import tune_garbage_collector
from revurb.processes.invocation import Invocation
from revurb.processes.malloc_tuning import map_large_blocks
from revurb.processes.shared_ticket_keys import inherited_ticket_keys
from revurb.processes.single_node import reload_certificate, stop_node
from revurb.processes.supervised_process import (
    ChildMain,
    ConfigSource,
    SupervisedProcess,
    inherited,
    inherited_log,
    run_child,
)
from revurb.processes.supervision_link import Heartbeat
from revurb.transport.listener import Listener

_log = logging.getLogger("revurb.processes.worker")  # __name__ is __main__

ADOPT_RETRY_S = 1.0  # after a failure to accept on the sockets of another slot


class AdoptedSlots:
    """The slots without a worker, as far as this worker accepts on their sockets. `slots` are the sockets of all other
    slots by number; they belong to this object from now on."""

    def __init__(self, node: Node, slots: Mapping[int, Sequence[socket.socket]]) -> None:
        self._node = node
        self._slots = dict(slots)
        self._listeners: dict[int, list[Listener]] = {}
        self._adoptions: set[asyncio.Task[None]] = set()

    def adopt(self, slot: int) -> None:
        """Start to accept clients on the sockets of `slot`. Without effect on one that is adopted or not known."""
        if slot in self._slots and slot not in self._listeners:
            listeners = self._listeners[slot] = []
            task = asyncio.ensure_future(self._adopt(slot, listeners))
            self._adoptions.add(task)
            task.add_done_callback(self._adoptions.discard)

    async def _adopt(self, slot: int, listeners: list[Listener]) -> None:
        """Returns when all sockets of the slot are accepted on, or when it is released."""
        for sock in self._slots[slot]:
            while self._listeners.get(slot) is listeners:
                listener = await self._listen(slot, sock)
                if listener is None:
                    await asyncio.sleep(ADOPT_RETRY_S)
                elif self._listeners.get(slot) is listeners:
                    listeners.append(listener)
                    break
                else:  # released meanwhile
                    listener.close()

    async def _listen(self, slot: int, sock: socket.socket) -> Listener | None:
        """None if that cannot be done now."""
        try:
            duplicate = sock.dup()
            try:
                return await self._node.accept_on(duplicate)
            except OSError:
                duplicate.close()
                raise
        except OSError as error:  # most likely there are no descriptors left, until clients leave
            _log.warning(
                "cannot accept for another worker, trying again", extra={"slot": slot, "error": str(error)}
            )
            return None

    def release(self, slot: int) -> None:
        """Stop accepting on the sockets of `slot`. Clients that are connected stay."""
        for listener in self._listeners.pop(slot, ()):
            listener.close()

    def close(self) -> None:
        """Release all slots and close their sockets: the kernel may spread clients to any socket that is still open."""
        for slot in tuple(self._listeners):
            self.release(slot)
        for sockets in self._slots.values():
            for sock in sockets:
                sock.close()
        self._slots.clear()


def prepare_worker(arguments: Sequence[str], config: ConfigSource | None = None) -> ChildMain:
    """Exits the process if an argument is not known."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--slot", type=int, required=True)
    parser.add_argument(
        "--tcp", action="append", default=[], help="number of a slot and its descriptors: 0:5,6"
    )
    parser.add_argument("--unix", type=int, help="descriptor of the Unix socket")
    parser.add_argument("--hub-socket", required=True, help="address of the hub's or relay's Unix socket")
    parser.add_argument(
        "--relayed",
        action="store_true",
        help="whether a relay is there if there is scaling: not in old releases",
    )
    parser.add_argument("--event-log", help="descriptors of the log of the host: 7,8,9")
    parser.add_argument("--ticket-keys", type=int, help="descriptor of the keys of TLS session tickets")
    parser.add_argument("--connection-tokens", help="descriptors and row of the shared limit: 7,8,0")
    parser.add_argument(
        "--has-joined", action="store_true", help="a worker of this server was on the bus once"
    )
    options, rest = parser.parse_known_args(arguments)
    source = Invocation.from_arguments(rest).load if config is None else config
    return functools.partial(run_worker, options=options, source=source)


async def run_worker(
    supervised: SupervisedProcess, options: argparse.Namespace, source: ConfigSource
) -> None:
    """Serve clients until the supervisor, a signal or the supervisor's end requests the drain. Raises ConfigError,
    ListenError or TlsError if the node cannot start."""
    slots = {int(slot): _sockets(fds) for slot, _, fds in (text.partition(":") for text in options.tcp)}
    own_sockets = slots.pop(options.slot)
    if options.unix is not None:
        own_sockets.append(inherited(options.unix))

    config = source()
    configure_logging(config.log.format, config.log.level, worker=options.slot)
    apps = app_source(config)
    tokens = options.connection_tokens
    limit = None if tokens is None else SharedConnectionLimit.inherited(tokens)
    hub = HubAddress(options.hub_socket, inherited_log(options.event_log), options.relayed)
    bus_factory = choose_bus_factory(config, hub)
    node = Node(
        config,
        apps,
        bus_factory,
        limit,
        processes=1 + len(slots),
        is_first_process=options.slot == 0,
        has_joined=options.has_joined,
        ticket_keys=None if options.ticket_keys is None else inherited_ticket_keys(options.ticket_keys),
        name=f"worker {options.slot}",
    )
    await node.start(own_sockets)
    tune_garbage_collector()
    if config.tls.cert is not None:
        map_large_blocks()
    adopted = AdoptedSlots(node, slots)
    supervised.on_announce_drain = node.announce_drain
    supervised.on_adopt, supervised.on_release = adopted.adopt, adopted.release
    supervised.on_reload = functools.partial(reload_certificate, node)
    supervised.read_figures = node.figures
    supervised.console.ask = node.console.ask
    supervised.on_reload_apps = node.operations.reload_apps
    supervised.on_service = node.operations.serve_or_not
    supervised.send_ready(
        config.server.drain_timeout_s,
        lambda: Heartbeat(
            node.connection_count, node.bus_degraded or "", lines_dropped(), node.unready() or ""
        ),
    )
    _log.info("worker is ready")

    reason = await supervised.drain_requested
    node.stop_accepting()
    adopted.close()
    supervised.send_draining()
    _log.info("worker is draining", extra={"told_by": reason, "connections": node.connection_count})
    await stop_node(node, supervised.end_now)
    _log.info("worker has drained")


def _sockets(fds: str) -> list[socket.socket]:
    return [inherited(int(fd)) for fd in fds.split(",")]


if __name__ == "__main__":
    run_child(prepare_worker, sys.argv[1:])
