"""What the admin listener of a node alone shows: of `revurb serve` without workers, and of an embedded server."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from revurb.node.admin import start_admin
from revurb.node.node import Node
from revurb.observe.figures import Figures

if TYPE_CHECKING:
    from revurb.console.admin_listener import AdminListener

PROCESS_NAME = "node"


class NodeSource:
    """The AdminSource of a node. `status_json` gives what `revurb status --json` has of the server; without, what the
    node knows of itself."""

    def __init__(self, node: Node, status_json: Callable[[], bytes] | None = None) -> None:
        self._node = node
        self._started_at = time.monotonic()
        self.status_json = status_json or self._own_status
        self.ask_console = node.console.ask

    def unready(self) -> str | None:
        return self._node.unready()

    def figures(self) -> Figures:
        figures = Figures()
        figures.add(self._node.figures().rows(), PROCESS_NAME)
        reason = self._node.unready()
        figures.put("ready", int(reason is None))
        figures.put("processes", 1, reason or "ready")
        return figures

    def _own_status(self) -> bytes:
        node = self._node
        state, connections, bus = node.unready() or "ready", node.connection_count, node.bus_degraded or ""
        process = {
            "process": PROCESS_NAME,
            "pid": os.getpid(),
            "state": state,
            "uptime_s": round(time.monotonic() - self._started_at, 3),
            "connections": connections,
            "restarts": 0,
            "bus": bus,
        }
        return msgspec.json.encode(
            {
                "port": node.port,
                "state": state,
                "connections": connections,
                "bus": bus,
                "processes": [process],
            }
        )


async def start_with_admin(node: Node, source: NodeSource) -> AdminListener | None:
    """Start the node and its admin listener, or neither. Raises ListenError, as either does."""
    await node.start()
    try:
        return await start_admin(node.config, source, node.port)
    except BaseException:
        await node.stop(drain_timeout_s=0)
        raise
