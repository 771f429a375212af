"""What an operator, or an application, has a running node do: read apps again, go out of service and come back, have
clients reconnect."""

from __future__ import annotations

from collections.abc import Callable

from revurb.node.app_changes import AppChanges
from revurb.node.even_closing import EvenClosing
from revurb.node.node_requests import NodeRequests, reload_everywhere
from revurb.node.readiness import Readiness
from revurb.pusher.ports import Bus, MaybeAwaitable, Work
from revurb.pusher.reconnecting import RECONNECT_CODE, RECONNECT_REASON
from revurb.pusher.registry import Registry
from revurb.transport.connections import Connections


class Operations:
    """`answer_status` answers the questions of the bus that ask for nothing to be done. `drain_timeout_s` is how long
    the clients of a node that goes out of service have, unless somebody says otherwise."""

    _bus: Bus  # both made after the node's bus, which needs `answer`
    _connections: Connections

    def __init__(
        self,
        registry: Registry,
        work: Work,
        apps: AppChanges,
        readiness: Readiness,
        answer_status: Callable[[bytes], MaybeAwaitable[bytes]],
        drain_timeout_s: float,
    ) -> None:
        self._closing = EvenClosing(work)
        self._readiness = readiness
        self._drain_timeout_s = drain_timeout_s
        self._going: object = None
        self.answer = NodeRequests(answer_status, registry, apps, self._closing).answer

    def begin(self, bus: Bus, connections: Connections) -> None:
        self._bus, self._connections = bus, connections

    async def reload_apps(self, app_id: str | None) -> int:
        """Ask the provider again for an app, or for all, on every node. Returns how many nodes do."""
        return await reload_everywhere(self._bus, app_id)

    def serve_or_not(self, is_out: bool, over_s: float | None) -> None:
        """`take_out` or `take_back`."""
        if is_out:
            self.take_out(over_s)
        else:
            self.take_back()

    def take_out(self, over_s: float | None = None) -> None:
        """Say "draining" on `/ready`, and have the clients that are here reconnect, which a load balancer leads
        elsewhere, evenly over `over_s` seconds. Those that come all the same are served. On a node that is out of
        service already, another time counts for those that are still there; without one nothing changes."""
        if not self._readiness.is_out_of_service or over_s is not None:
            self._readiness.is_out_of_service = True
            self._closing.give_up(self._going)
            over_s = self._drain_timeout_s if over_s is None else over_s
            sockets = tuple(self._connections.websockets)
            self._going = self._closing.begin(sockets, RECONNECT_CODE, RECONNECT_REASON, over_s)

    def take_back(self) -> None:
        """Serve as before. Clients that have not been closed yet stay."""
        self._readiness.is_out_of_service = False
        self._closing.give_up(self._going)

    def stop(self) -> None:
        """The node closes all connections itself from now on."""
        self._closing.stop()
