"""New subscribers of a node, in one session with Redis: subscribed to the channel's events first, and then counted.

That takes a while, and nothing that concerns the channel may overtake it: who was let in during an outage may leave
before it is counted, and would be there for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from revurb.bus.brokered import broker_messages as m
from revurb.bus.ledger import ChannelKey
from revurb.bus.redis.link_memory import LinkMemory
from revurb.bus.redis.redis_ledger import RedisLedger


class _Step:
    """What is to be done, once there is an `action`."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None] | None = None) -> None:
        self.action = action


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
        # Of channels with subscribers that are not counted yet: these, and what is to follow them.
        self._waiting: dict[ChannelKey, deque[_Step]] = {}

    def enter(self, enter: m.Enter) -> None:
        """Count a subscriber, when the nodes have reported to a Redis that has lost its memory."""
        step = _Step()
        self._waiting.setdefault((enter.app_id, enter.channel), deque()).append(step)
        barrier = self._memory.barrier
        if barrier.is_closed:
            barrier.run(lambda: self._enter(enter, step))
        else:
            self._enter(enter, step)

    def follow(self, app_id: str, channel: str, action: Callable[[], None]) -> None:
        """Call `action`, which concerns the channel, behind the subscribers that were to be counted before: now if
        there are none, and the nodes have reported."""
        waiting = self._waiting.get((app_id, channel))
        if waiting is None:
            self._memory.barrier.run(action)
        else:
            waiting.append(_Step(action))

    def _go_on(self, key: ChannelKey) -> None:
        waiting = self._waiting[key]
        while waiting and (action := waiting[0].action) is not None:
            waiting.popleft()
            action()
        if not waiting and self._waiting.get(key) is waiting:  # else an action has gone on by itself
            del self._waiting[key]

    def _enter(self, enter: m.Enter, step: _Step) -> None:
        memory = self._memory
        topic = memory.keys.topic(enter.app_id, enter.channel)
        marker_channel = memory.topics.expect_markers(enter.app_id, enter.channel)
        marker = str(enter.id)

        def ask() -> None:
            step.action = count
            self._go_on((enter.app_id, enter.channel))

        def count() -> None:
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
