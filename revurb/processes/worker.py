"""A worker: one node in a process of its own, which the supervisor starts as `python -m revurb.processes.worker`.

It reads the configuration by itself, so that one that starts later has what is written there by then. Its addresses
are bound already, and it inherits all of them: those of its slot, and those of the other slots, whose clients it takes
in while their workers are gone.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import socket
import sys
from collections.abc import Mapping, Sequence

from revurb.config import load_app_provider
from revurb.node.bus_factory import bus_factory
from revurb.node.node import Node
from revurb.observe.logs import configure_logging
from revurb.processes.invocation import Invocation
from revurb.processes.single_node import stop_node, tune_garbage_collector
from revurb.processes.supervised_process import SupervisedProcess, run
from revurb.processes.supervision_link import Heartbeat

_log = logging.getLogger("revurb.processes.worker")  # __name__ is __main__


class Spares:
    """Sockets of other slots, and those of them that this worker listens on meanwhile."""

    def __init__(self, node: Node, slots: Mapping[int, Sequence[socket.socket]]) -> None:
        self._node = node
        self._slots = dict(slots)
        self._adopted: dict[int, list[asyncio.AbstractServer]] = {}
        self._adopting: set[asyncio.Task[None]] = set()

    def adopt(self, slot: int) -> None:
        if slot in self._slots and slot not in self._adopted:
            self._adopted[slot] = []
            task = asyncio.ensure_future(self._adopt(slot))
            self._adopting.add(task)
            task.add_done_callback(self._adopting.discard)

    async def _adopt(self, slot: int) -> None:
        for sock in self._slots[slot]:
            listener = await self._node.accept_on(sock.dup())
            if slot in self._adopted:
                self._adopted[slot].append(listener)
            else:  # released meanwhile
                listener.close()

    def release(self, slot: int) -> None:
        for listener in self._adopted.pop(slot, ()):
            listener.close()

    def close(self) -> None:
        """Give all of them up: as long as one is open here, the kernel may send it clients."""
        for slot in tuple(self._adopted):
            self.release(slot)
        for sockets in self._slots.values():
            for sock in sockets:
                sock.close()
        self._slots.clear()


async def serve(supervised: SupervisedProcess, arguments: Sequence[str]) -> None:
    """Be a worker until told to leave."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--slot", type=int, required=True)
    parser.add_argument("--tcp", action="append", default=[], help="slot and its descriptors: 0:5,6")
    parser.add_argument("--unix", type=int, help="descriptor of the Unix socket")
    parser.add_argument("--hub-socket", required=True, help="path of the hub's Unix socket")
    given, rest = parser.parse_known_args(arguments)
    slots = {int(slot): _sockets(fds) for slot, _, fds in (word.partition(":") for word in given.tcp)}
    own = slots.pop(given.slot)
    if given.unix is not None:
        own.append(_inherited(given.unix))

    config = Invocation.from_arguments(rest).load()
    configure_logging(config.log.format, config.log.level, worker=given.slot)
    apps = load_app_provider(config.app_provider) if config.app_provider is not None else None
    node = Node(config, apps, bus_factory(config, given.hub_socket))
    await node.start(own)
    tune_garbage_collector()
    spares = Spares(node, slots)
    supervised.on_adopt, supervised.on_release = spares.adopt, spares.release
    supervised.ready(config.server.drain_timeout_s, lambda: Heartbeat(node.connection_count))
    _log.info("worker is ready")

    why = await supervised.leave
    node.stop_accepting()
    spares.close()
    supervised.draining()
    _log.info("worker is draining", extra={"told_by": why, "connections": node.connection_count})
    await stop_node(node, supervised.now)
    _log.info("worker has drained")


def _sockets(fds: str) -> list[socket.socket]:
    return [_inherited(int(fd)) for fd in fds.split(",")]


def _inherited(fd: int) -> socket.socket:
    sock = socket.socket(fileno=fd)
    sock.set_inheritable(False)
    return sock


if __name__ == "__main__":
    run(serve, sys.argv[1:])
