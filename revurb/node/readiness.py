"""Whether a node should get new clients: what `/ready` and `revurb status` say."""

from __future__ import annotations

from revurb.bus.engine import BusEngine
from revurb.node.file_limit import FileLimit
from revurb.transport.connections import Connections

DRAINING = "draining"


class Readiness:
    """The reasons why a node should get no new clients.

    A node that loses its bus serves its own clients, and so do all others that share a Redis: if each of them said that
    it is not ready, a load balancer would have nobody left. So the bus counts only until it was connected once, when
    others can take the clients; with `needs_bus` always. `has_joined` is whether it was before this process began, in
    another one of the same server.
    """

    def __init__(self, *, needs_bus: bool, has_joined: bool = False) -> None:
        self.is_about_to_drain = False  # it accepts clients yet, but is about to drain
        self.is_out_of_service = False  # it accepts clients yet, which others should have
        self._needs_bus = needs_bus
        self._has_joined = has_joined

    def reason(
        self, connections: Connections, file_limit: FileLimit, bus: BusEngine, *, listening: bool
    ) -> str | None:
        """ "draining", "no file descriptor is left", "not listening", or why the bus is degraded; None if the node
        should get new clients."""
        if self.is_about_to_drain or self.is_out_of_service or connections.draining:
            return DRAINING
        if file_limit.reached:
            return "no file descriptor is left"
        if not listening:
            return "not listening"
        self.check(bus)
        return bus.degraded if self._needs_bus or not self._has_joined else None

    def check(self, bus: BusEngine) -> None:
        """To be called now and then: notices that the bus is connected also where nobody asks."""
        self._has_joined = self._has_joined or bus.degraded is None
