"""What a node does for its own clients while its broker is away, a few ms in each turn of the loop.

At its beginning the events that they have not got are settled: delivered, and their publishers go on. Later, if the
broker stays away, subscribers and questions that wait for it are served from what this node knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from revurb.bus.brokered.broker_queries import BrokerQueries
from revurb.bus.brokered.outbound_queue import OutboundEvent, OutboundQueue
from revurb.bus.brokered.sliced_steps import SlicedSteps
from revurb.bus.brokered.subscriptions import BrokeredSubscriptions
from revurb.pusher.ports import PublishedEvent

_SETTLED_PER_PUBLISH = 2  # so that less and less waits, whatever the publishers do


class Outage:
    """The present one, or the next. `deliver` gives an event to this node's subscribers."""

    def __init__(
        self,
        outbound: OutboundQueue,
        subscriptions: BrokeredSubscriptions,
        queries: BrokerQueries,
        deliver: Callable[[PublishedEvent], object],
    ) -> None:
        self._outbound = outbound
        self._subscriptions = subscriptions
        self._queries = queries
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._began_at = self._loop.time()
        self._settling, self._confirming = SlicedSteps(), SlicedSteps()
        self._when_settled: Callable[[], None] | None = None

    @property
    def duration_s(self) -> float:
        """The time since its beginning."""
        return self._loop.time() - self._began_at

    def begin(self) -> None:
        """The broker has gone."""
        self._began_at = self._loop.time()
        self._outbound.disconnected()
        self._settling.begin(self._settle())

    def publish(self, outbound: OutboundEvent) -> None:
        """Deliver an event that is published meanwhile, behind those that are not settled yet."""
        if self._outbound.is_settling:
            self._outbound.settle_later(outbound)
            self._settling.hurry(_SETTLED_PER_PUBLISH)
        elif self._outbound.claim_alone(outbound):
            self._deliver(outbound.event)

    def confirm(self) -> None:
        """Let in the subscribers that wait, in order."""
        self._confirming.begin(self._subscriptions.confirm_locally())

    def serve_alone(self) -> None:
        """The broker stays away: let in the subscribers that wait, answer the questions, and refuse what has to be
        kept."""
        self._outbound.refuse_unkept()
        self.confirm()
        self._queries.answer_locally()

    def when_settled(self, then: Callable[[], None]) -> None:
        """Call `then` when all events are settled, whose order the broker would break. It may be now."""
        if not self._outbound.is_settling:
            then()
            return
        self._when_settled = then
        self._settling.begin(self._settle())

    def disconnected(self) -> None:
        """The broker has gone again; what waits for `when_settled` is void."""
        self._when_settled = None

    def end(self) -> None:
        """The broker is back, and confirms whoever still waits."""
        self._confirming.cancel()

    def _settle(self) -> Iterator[None]:
        for event in self._outbound.settle():
            self._deliver(event)
            yield
        then, self._when_settled = self._when_settled, None
        if then is not None:
            then()
