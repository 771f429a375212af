"""What a node does about facts: it has its bus make them, and its webhooks send them when that is this node's turn."""

from __future__ import annotations

from revurb.apps import AppProvider
from revurb.bus.engine import BusEngine
from revurb.config import WebhooksConfig
from revurb.observe.counters import Counters
from revurb.observe.refusal_log import RefusalLog
from revurb.pusher.facts import FactQueue
from revurb.pusher.registry import Registry
from revurb.webhooks.sender import WebhookSender
from revurb.webhooks.sending_turn import SendingLimits

# Less than a supervisor waits beyond the drain timeout (`KILL_GRACE_S`).
LAST_S = 1.0  # of workers that stop at the same time, in which the last one finds out that it is
STOP_S = 2.5  # for requests that are on their way, and of the last one for what waits


class FactTelling:
    """The webhooks of the apps. `apps` are the apps for the rest of the node, which are noted here as they are found.
    Costs nothing where no app wants anything."""

    def __init__(
        self, apps: AppProvider, config: WebhooksConfig, counters: Counters, log: RefusalLog
    ) -> None:
        self._sender = WebhookSender(
            apps,
            limits=SendingLimits(
                smoothing_s=config.smoothing_s,
                max_queued_bytes=config.max_queued_bytes,
                max_age_s=config.max_age_s,
            ),
            allow_private=config.allow_private,
            dead_letters=config.dead_letters,
            counters=counters,
            log=log,
        )
        self.apps = self._sender.apps
        self._queue: FactQueue | None = None

    def begin(self, bus: BusEngine, registry: Registry) -> None:
        """Have facts made. To be called before the bus starts."""
        if self._sender.is_needed:
            self._queue = bus.tell_facts(self._sender.wanted, self._sender)
            registry.tell_facts(self._sender.wanted, bus.record)
            self._sender.start(self._queue)

    async def stop(self) -> None:
        """Send what nobody else would. To be called when the clients have gone, and before the bus stops."""
        if self._queue is not None:
            is_last = await self._queue.leave(LAST_S)
            await self._sender.stop(STOP_S, is_last=is_last)
            self._queue = None
