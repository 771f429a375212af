"""What a node has for the console, and from when on.

With an admin listener the node keeps a history of its figures and its troubles from the start. Without one, as a node
of another host of the cluster may be, from the first question on, which has come over the bus; until then nothing of it
is even imported, which would take memory in each process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from revurb.apps import AppProvider
from revurb.bus.engine import BusEngine
from revurb.config import Config
from revurb.inspection import SURVEY_PREFIX
from revurb.node.fact_telling import FactTelling
from revurb.node.node_meter import NodeMeter
from revurb.observe.counters import Counters
from revurb.observe.refusal_log import RefusalLog
from revurb.pusher.ports import MaybeAwaitable
from revurb.pusher.registry import Registry
from revurb.pusher.triggering import Trigger
from revurb.transport.connections import Connections

if TYPE_CHECKING:
    from revurb.node.node_inspection import NodeInspection


class NodeConsole:
    """The console's part of one node, which is called `name` there. `answerer` comes first, then `begin`."""

    def __init__(
        self,
        config: Config,
        apps: AppProvider,
        meter: NodeMeter,
        refusals: RefusalLog,
        facts: FactTelling,
        counters: Counters,
        name: str,
    ) -> None:
        self._config = config
        self._apps = apps
        self._meter = meter
        self._refusals = refusals
        self._facts = facts
        self._counters = counters
        self._name = name
        self._otherwise: Callable[[bytes], bytes] = lambda question: b""
        self._open: Callable[[], NodeInspection] | None = None
        self._inspection: NodeInspection | None = None

    def answerer(self, otherwise: Callable[[bytes], bytes]) -> Callable[[bytes], MaybeAwaitable[bytes]]:
        """The function that answers the surveys of the bus; `otherwise` answers other questions."""
        self._otherwise = otherwise

        def answer(question: bytes) -> MaybeAwaitable[bytes]:
            if not question.startswith(SURVEY_PREFIX):
                return otherwise(question)
            return self._opened().answer(question)

        return answer

    def begin(
        self,
        bus: BusEngine,
        trigger: Trigger,
        registry: Registry,
        connections: Connections,
        port: Callable[[], int],
    ) -> None:
        """The node has made these. `port` is that on which it listens for clients."""

        def open_inspection() -> NodeInspection:
            from revurb.node.node_inspection import NodeInspection

            return NodeInspection(
                self._config,
                self._apps,
                self._name,
                self._counters,
                self._facts.sender,
                self._meter,
                self._refusals,
                self._otherwise,
                bus,
                trigger,
                registry,
                connections,
                port,
            )

        self._open = open_inspection
        if self._config.admin.port is not None:
            self._opened()

    def _opened(self) -> NodeInspection:
        if self._inspection is None:
            assert self._open is not None, "a question has come before the node was made"
            self._inspection = self._open()
        return self._inspection

    async def ask(self, name: str, body: bytes) -> tuple[int, bytes]:
        """The status and the JSON object that answer a question of the console: over the whole cluster."""
        return await self._opened().ask(name, body)

    def tick(self, now: float) -> None:
        """To be called a few times a second; `now` is the loop's time in seconds."""
        if self._inspection is not None:
            self._inspection.tick(now)

    def stop(self) -> None:
        """Look at nothing any more."""
        inspection, self._inspection = self._inspection, None
        if inspection is not None:
            inspection.stop()
