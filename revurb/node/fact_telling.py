"""What a node does about facts: it has its bus make them, and its webhooks send them when that is this node's turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revurb.apps import AppProvider, FixedApps
from revurb.bus.engine import BusEngine
from revurb.config import ConfigError, WebhooksConfig
from revurb.observe.counters import Counters
from revurb.observe.refusal_log import RefusalLog
from revurb.observe.trace import MessageTrace
from revurb.pusher.facts import FactQueue
from revurb.pusher.registry import Registry

if TYPE_CHECKING:
    from revurb.webhooks.sender import WebhookSender

# Less than a supervisor waits beyond the drain timeout (`KILL_GRACE_S`).
LAST_S = 1.0  # of workers that stop at the same time, in which the last one finds out that it is
STOP_S = 2.5  # for requests that are on their way, and of the last one for what waits


class FactTelling:
    """The webhooks of the apps. `apps` are the apps for the rest of the node, which are noted here as they are found.
    Costs nothing where no app wants anything. Raises ConfigError if there is nothing to send with."""

    def __init__(
        self,
        apps: AppProvider,
        config: WebhooksConfig,
        counters: Counters,
        log: RefusalLog,
        trace: MessageTrace | None = None,
    ) -> None:
        self._sender = _sender(apps, config, counters, log, trace) if _may_want(apps) else None
        self.apps = apps if self._sender is None else self._sender.apps
        self._queue: FactQueue | None = None

    @property
    def sender(self) -> WebhookSender | None:
        """What sends; None where no app wants anything."""
        return self._sender

    def begin(self, bus: BusEngine, registry: Registry) -> None:
        """Have facts made. To be called before the bus starts."""
        if self._sender is not None:
            self._queue = bus.tell_facts(self._sender.wanted, self._sender)
            registry.tell_facts(self._sender.wanted, bus.record)
            self._sender.start(self._queue)

    async def stop(self) -> None:
        """Send what nobody else would. To be called when the clients have gone, and before the bus stops."""
        if self._sender is not None and self._queue is not None:
            is_last = await self._queue.leave(LAST_S)
            await self._sender.stop(STOP_S, is_last=is_last)
            self._queue = None


def _may_want(apps: AppProvider) -> bool:
    """Whether there may ever be anything to tell: what a provider of the user's own will find is not known."""
    return not isinstance(apps, FixedApps) or any(
        app.webhooks or app.subscription_count_events for app in apps.all()
    )


def _sender(
    apps: AppProvider,
    config: WebhooksConfig,
    counters: Counters,
    log: RefusalLog,
    trace: MessageTrace | None,
) -> WebhookSender:
    # 0.4 MiB that every process would have.
    from revurb.webhooks.sender import MISSING_CLIENT, WebhookSender, has_http_client
    from revurb.webhooks.sending_turn import SendingLimits

    limits = SendingLimits(
        smoothing_s=config.smoothing_s, max_queued_bytes=config.max_queued_bytes, max_age_s=config.max_age_s
    )
    sender = WebhookSender(
        apps,
        limits=limits,
        allow_private=config.allow_private,
        dead_letters=config.dead_letters,
        counters=counters,
        log=log,
        trace=trace,
    )
    if sender.needs_client and not has_http_client():
        raise ConfigError([MISSING_CLIENT])
    return sender
