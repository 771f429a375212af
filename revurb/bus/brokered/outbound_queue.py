"""The events that this node has published and the broker has not accepted yet.

While the broker cannot be reached they wait here for the other nodes; this node's own subscribers get them at once, but
for those that get a position from the broker (`UnplacedEvents`).
Each event has a number, so that none is lost and none is delivered twice: what was sent and not accepted is sent again,
and every node that has seen the number already, this one included, drops it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.unplaced_events import UnplacedEvents
from revurb.pusher.history import UNAVAILABLE
from revurb.pusher.ports import PublishedEvent

_log = logging.getLogger(__name__)

MAX_WAITING = 50_000
MAX_WAITING_BYTES = 32 * 1024 * 1024
_EVENT_COST_BYTES = 300  # memory of an event besides its text


class OutboundEvent(msgspec.Struct, frozen=True, gc=False):
    """`seq` numbers the events of this node. `accepted` is done when the publisher need not wait any longer: with None,
    or with the reason for which the event is `refused` that had to be kept. Not looked at by the garbage collector:
    nothing that it holds leads back to it."""

    seq: int
    partition: int
    event: PublishedEvent
    accepted: asyncio.Future[Any] | None
    must_be_kept: bool = False

    def message(self) -> m.Publish:
        """The event as the broker is sent it."""
        event = self.event
        return m.Publish(
            self.seq,
            event.app_id,
            event.channel,
            event.text,
            event.except_socket_id,
            event.cache_ttl_s,
            event.history,
        )


class OutboundQueue:
    """Bounded in number and bytes. Beyond that the oldest events are dropped, which is counted (`dropped`) and logged.

    `partition_of` gives the partition of a channel's events, `has_subscribers` whether this node has subscribers of a
    channel. `sent_up_to` is the number of the last event that was given to the link.
    """

    __slots__ = (
        "_bytes",
        "_delivered_up_to",
        "_dropped_before",
        "_has_subscribers",
        "_partition_of",
        "_seq",
        "_undelivered",
        "_unkept",
        "_unsettled",
        "_waiting",
        "dropped",
        "held",
        "sent_up_to",
    )

    def __init__(
        self, partition_of: Callable[[str, str], int], has_subscribers: Callable[[str, str], bool]
    ) -> None:
        self._partition_of = partition_of
        self._has_subscribers = has_subscribers
        self._waiting: dict[int, OutboundEvent] = {}
        # Accepted, but not delivered to this node's subscribers.
        self._undelivered: dict[int, OutboundEvent] = {}
        self._unsettled: deque[OutboundEvent] = deque()  # whether they are dropped meanwhile or not
        # Publishers wait until they are accepted; they may be, or dropped meanwhile.
        self._unkept: list[OutboundEvent] = []
        self._bytes = 0
        self._seq = 0
        # Partition -> the newest that this node's subscribers have got.
        self._delivered_up_to: dict[int, int] = {}
        self.dropped = 0
        self.held = UnplacedEvents()
        self.sent_up_to = 0
        self._dropped_before: int | None = None  # when dropping began; None while nothing has to be dropped

    def __len__(self) -> int:
        return len(self._waiting)

    def add(
        self, event: PublishedEvent, accepted: asyncio.Future[Any] | None, must_be_kept: bool = False
    ) -> OutboundEvent:
        """Number an event, and keep it until it is accepted, or refused."""
        self._seq += 1
        partition = self._partition_of(event.app_id, event.channel)
        outbound = OutboundEvent(self._seq, partition, event, accepted, must_be_kept)
        self._waiting[self._seq] = outbound
        self._bytes += len(event.text) + _EVENT_COST_BYTES
        self._keep_bounds()
        return outbound

    def accept(self, seq: int) -> bool:
        """The broker has accepted the event with this number. Unknown numbers are ignored. Returns whether nothing
        waits any more, and something was dropped."""
        has_dropped = False
        outbound = self._waiting.pop(seq, None)
        if not self._waiting and self._dropped_before is not None:
            _log.warning(
                "what had waited is sent, without what was dropped",
                extra={"dropped": self.dropped - self._dropped_before},
            )
            self._dropped_before, has_dropped = None, True
        if outbound is not None:
            event, accepted = outbound.event, outbound.accepted
            self._bytes -= len(event.text) + _EVENT_COST_BYTES
            if accepted is not None and not accepted.done():  # `_release`, without the call
                accepted.set_result(None)
            if not self._has_subscribers(event.app_id, event.channel):
                if event.history is not None:
                    self.held.release(seq)
            elif seq > self._delivered_up_to.get(outbound.partition, 0):
                # Accepted on one connection, and on its way back on another.
                self._undelivered[seq] = outbound
        return has_dropped

    def claim_delivery(self, partition: int, seq: int) -> bool:
        """Whether this node's subscribers have not got this event of its own yet. If True, the caller must deliver
        it."""
        if self._undelivered:
            self._undelivered.pop(seq, None)
        if seq <= self._delivered_up_to.get(partition, 0):
            return self.held.release(seq)
        self.held.release(seq)
        self._delivered_up_to[partition] = seq
        return True

    def claim_alone(self, outbound: OutboundEvent) -> bool:
        """As `claim_delivery` of an event, without the broker: one that gets a position from it is held."""
        if outbound.event.history is None:
            return self.claim_delivery(outbound.partition, outbound.seq)
        if outbound.seq > self._delivered_up_to.get(outbound.partition, 0):
            self.held.hold(outbound.seq)
            if outbound.must_be_kept:
                self._unkept.append(outbound)
        else:  # it has come back, so the broker has it
            _release(outbound)
        return False

    def refuse_unkept(self) -> None:
        """The broker stays away: what has to be kept is taken back, and its publishers are told."""
        unkept, self._unkept = self._unkept, []
        for outbound in unkept:
            if self._waiting.pop(outbound.seq, None) is not None:
                self._bytes -= len(outbound.event.text) + _EVENT_COST_BYTES
                self.held.release(outbound.seq)
                _release(outbound, UNAVAILABLE)

    def disconnected(self) -> None:
        """The broker cannot be reached: what this node's subscribers have not got is to be settled."""
        self._unkept.clear()  # as far as they wait still, they are settled anew
        self._unsettled.extend((*self._undelivered.values(), *self._waiting.values()))

    @property
    def is_settling(self) -> bool:
        """Whether there are events to be settled, ahead of every one that is published now."""
        return bool(self._unsettled)

    def settle_later(self, outbound: OutboundEvent) -> None:
        """Settle an event behind the others."""
        self._unsettled.append(outbound)

    def settle(self) -> Iterator[PublishedEvent]:
        """Let the publishers go on of all events that are to be settled. Returns those that this node's subscribers
        have not got and that need no position; the caller must deliver them. Events may be added meanwhile."""
        while self._unsettled:
            outbound = self._unsettled.popleft()
            if not outbound.must_be_kept:
                _release(outbound)
            if self.claim_alone(outbound):
                yield outbound.event

    def unsent(self) -> Iterator[m.Publish]:
        """The events that are not accepted and have a number after `sent_up_to`, in order; also those that are added
        meanwhile."""
        while (outbound := self._next_unsent()) is not None:
            self.sent_up_to = outbound.seq
            yield outbound.message()

    def _next_unsent(self) -> OutboundEvent | None:
        following = self._waiting.get(self.sent_up_to + 1)
        if following is not None or not self._waiting:
            return following
        oldest = next(iter(self._waiting))
        if oldest > self.sent_up_to:
            return self._waiting[oldest]
        return next((self._waiting[seq] for seq in self._waiting if seq > self.sent_up_to), None)

    def close(self) -> None:
        """The process ends: what the broker has not accepted is lost to the others, which is counted and logged."""
        if not self._waiting:
            return
        self.dropped += len(self._waiting)
        _log.warning(
            "the process ends while events wait for the bus: others never get them",
            extra={"dropped": len(self._waiting)},
        )
        for outbound in self._waiting.values():
            self._lose(outbound)
        self._waiting.clear()

    def _keep_bounds(self) -> None:
        while len(self._waiting) > MAX_WAITING or self._bytes > MAX_WAITING_BYTES:
            self._drop()
            outbound = self._waiting.pop(next(iter(self._waiting)))
            self._lose(outbound)
            if outbound.must_be_kept:
                self.held.release(outbound.seq)  # its publisher knows
            elif outbound.event.history is not None:
                self.held.drop(outbound.seq, outbound.event, outbound.event.history)

    def _drop(self) -> None:
        if self._dropped_before is None:
            self._dropped_before = self.dropped
            _log.warning("too many events wait for the bus: the oldest are dropped, others never get them")
        self.dropped += 1

    def _lose(self, outbound: OutboundEvent) -> None:
        self._bytes -= len(outbound.event.text) + _EVENT_COST_BYTES
        _release(outbound, UNAVAILABLE if outbound.must_be_kept else None)


def _release(outbound: OutboundEvent, refused: str | None = None) -> None:
    """Let the publisher go on."""
    if outbound.accepted is not None and not outbound.accepted.done():
        outbound.accepted.set_result(refused)
