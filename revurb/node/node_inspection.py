"""Composes the parts of `inspection` for a node, and looks after them as time passes."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from revurb.apps import App, AppProvider, FixedApps
from revurb.bus.engine import BusEngine
from revurb.config import Config, served_dev_app
from revurb.inspection.console_desk import ConsoleDesk
from revurb.inspection.event_tap import EventTaps
from revurb.inspection.figure_history import FigureHistory
from revurb.inspection.process_answers import STATUS, ProcessAnswers, ProcessState
from revurb.inspection.question_types import NoFields
from revurb.inspection.trouble_book import TroubleBook
from revurb.node.cluster_status import STATUS_QUESTION, read_statuses
from revurb.node.node_meter import NodeMeter
from revurb.observe.counters import Counters
from revurb.observe.refusal_log import RefusalLog
from revurb.pusher.registry import Registry
from revurb.pusher.triggering import Trigger
from revurb.transport.connections import Connections
from revurb.version import __version__

if TYPE_CHECKING:
    from revurb.webhooks.sender import WebhookSender

MAX_APPS = 1000


class NodeInspection:
    """What one node, which is called `name`, tells of itself and, when it is asked, of all. `otherwise` answers surveys
    that are none of a console. `port` is that on which it listens for clients."""

    def __init__(
        self,
        config: Config,
        apps: AppProvider,
        name: str,
        counters: Counters,
        webhooks: WebhookSender | None,
        meter: NodeMeter,
        refusals: RefusalLog,
        otherwise: Callable[[bytes], bytes],
        bus: BusEngine,
        trigger: Trigger,
        registry: Registry,
        connections: Connections,
        port: Callable[[], int],
    ) -> None:
        self._config = config
        self._apps = apps
        self._bus = bus
        self._registry = registry
        self._port = port
        self._history = FigureHistory(lambda: meter.sample(connections))
        self._taps = EventTaps(trigger, bus)
        self._troubles = TroubleBook(refusals)
        self._troubles.begin()
        answers = ProcessAnswers(
            name,
            self._history,
            self._taps,
            self._troubles,
            registry,
            webhooks,
            counters,
            lambda: otherwise(STATUS_QUESTION),
        )
        self.answer = answers.answer
        """Answers a survey of a console for this process."""
        assert registry.rates is not None
        self._desk = ConsoleDesk(
            apps,
            bus,
            trigger,
            registry.rates,
            answers.process,
            self.answer,
            self._overview,
            max_request_size_bytes=config.limits.max_request_size_bytes,
            dead_letters=config.webhooks.dead_letters,
            may_act=self._may_act,
        )

    async def ask(self, name: str, body: bytes) -> tuple[int, bytes]:
        """The status and the JSON object that answer a question of the console: over the whole cluster."""
        return await self._desk.ask(name, body)

    def tick(self, now: float) -> None:
        """To be called a few times a second; `now` is the loop's time in seconds."""
        self._history.tick(now)
        self._taps.tick(time.monotonic())

    def stop(self) -> None:
        """Look at nothing any more."""
        self._taps.close()
        self._troubles.end()

    def _may_act(self, app: App) -> bool:
        """With a token; without one for the ready-made app alone, whose secret everybody knows."""
        return self._config.admin.token is not None or served_dev_app(self._config) == app

    async def _overview(self) -> dict[str, object]:
        config = self._config
        states = await self._desk.survey(STATUS, NoFields(), ProcessState)
        statuses = read_statuses([bytes(state.status) for state in states])
        are_whole = isinstance(self._apps, FixedApps)
        apps = (
            list(self._apps.all())
            if are_whole
            else [state.app for state in tuple(self._registry.states.values())]
        )
        return {
            "version": __version__,
            "host": socket.gethostname(),
            "client": {
                "port": self._port(),
                "path": config.server.path,
                "tls": config.tls.cert is not None,
            },
            "apps": [{"id": app.id, "key": app.key} for app in apps[:MAX_APPS]],
            "apps_are_whole": are_whole and len(apps) <= MAX_APPS,
            "nodes": msgspec.to_builtins(statuses),
            "is_cluster": config.scaling.enabled,
            "degraded": self._bus.degraded,
            "can_act": config.admin.token is not None or served_dev_app(config) is not None,
        }
