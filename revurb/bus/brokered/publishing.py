"""How a node's events go to its broker; and what becomes of them while that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from revurb.bus.brokered.broker_link import BrokerLink
from revurb.bus.brokered.outage import Outage
from revurb.bus.brokered.outbound_queue import OutboundEvent, OutboundQueue
from revurb.bus.brokered.paced_sender import PacedSender
from revurb.bus.cache import EventCache
from revurb.pusher.history import UNAVAILABLE
from revurb.pusher.ports import MaybeAwaitable, PublishedEvent


class Publishing:
    """Of one node. `is_linked` is whether the broker can be reached; the bus sets it. `sender` sends what goes before
    anything that is published now. `is_isolated` tells whether the broker has been away for longer than publishers
    wait."""

    def __init__(
        self,
        link: BrokerLink,
        cache: EventCache,
        outbound: OutboundQueue,
        sender: PacedSender,
        outage: Outage,
        is_isolated: Callable[[], bool],
    ) -> None:
        self.is_linked = False
        self._link, self._log = link, link.log
        self._cache = cache
        self._outbound = outbound
        self._sender = sender
        self._outage = outage
        self._is_isolated = is_isolated
        self._loop = asyncio.get_running_loop()

    def publish(self, event: PublishedEvent) -> Awaitable[None] | None:
        """The bus's `publish`. Without the broker the publisher does not wait, and the event does."""
        if self._log is not None:
            position = self._log.place(event)
            if event.cache_ttl_s:
                self._cache.put(event.app_id, event.channel, event.text, event.cache_ttl_s, position)
            return None
        if event.cache_ttl_s and (self.is_linked or event.history is None):  # else nobody gets it yet
            self._cache.put(event.app_id, event.channel, event.text, event.cache_ttl_s)
        accepted: asyncio.Future[None] | None = self._loop.create_future() if self.is_linked else None
        self._send_out(self._outbound.add(event, accepted))
        return accepted

    def publish_kept(self, event: PublishedEvent) -> MaybeAwaitable[str | None]:
        """The bus's `publish_kept`. Without the broker the publisher waits for it for a while."""
        if self._log is not None:
            return self.publish(event)
        if self._is_isolated():
            return UNAVAILABLE
        kept: asyncio.Future[str | None] = self._loop.create_future()
        if event.cache_ttl_s:
            kept.add_done_callback(partial(self._cache_kept, event))
        self._send_out(self._outbound.add(event, kept, must_be_kept=True))
        return kept

    def _cache_kept(self, event: PublishedEvent, kept: asyncio.Future[str | None]) -> None:
        if not kept.cancelled() and kept.result() is None:
            self._cache.put(event.app_id, event.channel, event.text, event.cache_ttl_s)

    def _send_out(self, outbound: OutboundEvent) -> None:
        if not self.is_linked:
            self._outage.publish(outbound)
        elif self._sender.messages is None:  # else it is sent when its turn comes
            self._outbound.sent_up_to = outbound.seq
            self._link.send(outbound.message())
