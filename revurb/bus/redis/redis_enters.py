"""New subscribers of a node, in one session with Redis: subscribed to the channel's events first, and then counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis.link_memory import LinkMemory
from revurb.bus.redis.redis_ledger import RedisLedger


class RedisEnters:
    """`subscribe` is the listener's. `refuse` tells the bus that there is no answer to a question with that id."""

    def __init__(
        self,
        memory: LinkMemory,
        ledger: RedisLedger,
        subscribe: Callable[[str, Callable[[], None]], None],
        refuse: Callable[[int], None],
    ) -> None:
        self._memory = memory
        self._ledger = ledger
        self._subscribe = subscribe
        self._refuse = refuse

    def enter(self, enter: m.Enter) -> None:
        """Count a subscriber, when the nodes have reported to a Redis that has lost its memory."""
        barrier = self._memory.barrier
        if barrier.is_closed:
            barrier.run(lambda: self._enter(enter))
        else:
            self._enter(enter)

    def _enter(self, enter: m.Enter) -> None:
        memory = self._memory
        topic = memory.keys.topic(enter.app_id, enter.channel)
        marker_channel = memory.topics.expect_markers(enter.app_id, enter.channel)
        marker = str(enter.id)

        def ask() -> None:
            memory.incoming.expect_reply(topic.partition, marker, lambda reply: self._entered(enter, reply))
            self._ledger.enter(
                enter,
                marker.encode(),
                lambda reply: memory.incoming.receive_reply(marker, reply),
                lambda error: self._failed(enter),
            )

        self._subscribe(marker_channel, lambda: self._subscribe(topic.channel, ask))

    def _entered(self, enter: m.Enter, reply: Any) -> None:
        position, answer = self._ledger.read_enter_reply(enter, reply)
        self._memory.topics.add(enter.app_id, enter.channel, position)
        self._memory.owner.receive((answer,))

    def _failed(self, enter: m.Enter) -> None:
        """What Redis has of the channel cannot be used. Its events can still be received."""
        memory = self._memory
        memory.incoming.forget_reply(str(enter.id))
        memory.topics.add(enter.app_id, enter.channel)
        self._refuse(enter.id)
