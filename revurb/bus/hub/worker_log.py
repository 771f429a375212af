"""A worker's side of the log of its host."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator

import msgspec

from revurb._speedups.shared_log import SharedLog, topic_bucket
from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub.event_log import CACHED, EVERYONE, LogDescriptors
from revurb.bus.ledger import ChannelKey
from revurb.pusher.ports import DeliverableEvent, PublishedEvent

_logger = logging.getLogger(__name__)

READ_RECORDS = 64  # at a time
TURN_S = 0.004  # what takes longer is read on in the next turn of the loop


class WorkerLog:
    """Attached from `start` to `stop`. What is read goes to `receive`, in the log's order; an event of this worker goes
    to `deliver`, if it can be delivered at once.

    `token` is the name by which the hub addresses its replies to this process.
    """

    def __init__(
        self,
        descriptors: LogDescriptors,
        receive: Callable[[Iterable[m.FromBroker]], None],
        deliver: Callable[[PublishedEvent], object],
    ) -> None:
        self._log: SharedLog = descriptors.open()
        self._wakes = descriptors.wakes
        self._receive = receive
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._wake = -1
        self._topics: set[ChannelKey] = set()
        self._is_attached = self._is_held = self._is_reading = self._is_waking = False
        self._next_turn: asyncio.Handle | None = None
        self._missed = 0
        self.invalid_messages = 0
        self.dropped = 0  # events that the others never get

    def start(self) -> None:
        """Read what is appended from now on. Raises OSError if too many processes do already."""
        self._wake = self._wakes[self._log.attach(os.getpid(), EVERYONE)]
        self._is_attached = True
        self._loop.add_reader(self._wake, self._on_wake)

    def stop(self) -> None:
        """Read nothing any more."""
        if self._is_attached:
            self._is_attached = False
            self._loop.remove_reader(self._wake)
            self._log.detach()
        if self._next_turn is not None:
            self._next_turn.cancel()

    @property
    def token(self) -> int:
        return self._log.token

    @property
    def max_event_bytes(self) -> int:
        """What an event may have: text, names and all."""
        return self._log.max_record_bytes

    def place(self, event: PublishedEvent) -> int:
        """Give an event its place in the order, and deliver it to this process's subscribers: at once, if everything
        before it has been delivered. One that is larger than `max_event_bytes` is delivered here alone, which is
        counted (`dropped`) and logged. Returns its position, or 0."""
        app_id, channel = event.app_id, event.channel
        flags = (EVERYONE if channel == m.TERMINATIONS else 0) | (CACHED if event.cache_ttl_s else 0)
        message = m.BrokerEvent(
            0, "", 0, app_id, channel, event.text, event.except_socket_id, 0, event.cache_ttl_s
        )
        log = self._log
        if not self._is_attached:  # this process is about to end, and has told everyone
            self._deliver(event)
            return 0
        try:
            position = log.append(m.encode(message), topic_bucket(app_id, channel), flags)
        except ValueError as error:
            self._deliver_alone(event, error)
            return 0
        if log.has_to_wake and not self._is_waking:
            self._is_waking = True
            self._loop.call_soon(self._wake_others)
        if self._is_reading or self._is_held:
            pass  # it is read in its turn
        elif not log.take(position):
            self._read(position, event)
        elif self._is_topic(event):
            self._deliver(event)
        return position

    def _deliver_alone(self, event: PublishedEvent, error: ValueError) -> None:
        self.dropped += 1
        _logger.error(
            "an event is too large for the other workers", extra={"app": event.app_id, "error": str(error)}
        )
        self._deliver(event)

    def _wake_others(self) -> None:
        """At the end of the turn: what it appends is then one thing to the others."""
        self._is_waking = False
        self._log.wake()

    def add_topic(self, key: ChannelKey) -> None:
        """Read the events of a channel. Without effect if they are read already."""
        if key not in self._topics:
            self.read()  # what came before is not wanted
            self._topics.add(key)
            self._log.add_topic(topic_bucket(*key))

    def remove_topic(self, key: ChannelKey) -> None:
        """Read the events of a channel no more. Without effect if they are not read."""
        if key in self._topics:
            self._topics.remove(key)
            self._log.remove_topic(topic_bucket(*key))

    def hold(self, is_held: bool) -> None:
        """Read nothing while `is_held`. What is overwritten meanwhile is missed."""
        was_held, self._is_held = self._is_held, is_held
        if was_held and not is_held:
            self.read()

    def read(self) -> None:
        """Read what there is, for a while."""
        if self._is_attached and not self._is_held and not self._is_reading and self._log.has_unread:
            self._read()

    def tick(self) -> None:
        """To be called a few times a second: who was about to wake this process may have been killed or stopped, and
        nobody else would."""
        if self._is_attached:
            self._on_wake()
            self._tell_missed()

    def _on_wake(self) -> None:
        self._log.woken()
        self.read()

    def _read(self, own: int = 0, own_event: PublishedEvent | None = None) -> None:
        """`own_event` is that at the position `own`."""
        log, until = self._log, time.perf_counter() + TURN_S
        self._is_reading = True
        try:
            while records := log.read(READ_RECORDS, own) or log.has_unread:
                if records is not True:
                    self._receive(self._decode(records, own_event))
                if self._is_held or not self._is_attached:
                    break
                if time.perf_counter() >= until:
                    self._read_soon()
                    break
        finally:
            self._is_reading = False
        if self._next_turn is None:
            self._tell_missed()

    def _tell_missed(self) -> None:
        """Once for all that a reader passes over that has been away for long."""
        missed, self._missed = self._log.missed - self._missed, self._log.missed
        if missed:
            self._receive((m.EventsMissed(missed),))

    def _read_soon(self) -> None:
        if self._next_turn is None:
            self._next_turn = self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._next_turn = None
        self.read()

    def _decode(
        self, records: list[bytes | None], own_event: PublishedEvent | None
    ) -> Iterator[m.FromBroker]:
        for data in records:
            if data is None:
                assert own_event is not None
                if self._is_topic(own_event):  # another one may have the same bucket
                    self._deliver(own_event)
                continue
            try:
                message = m.read_from_broker(data)
            except (msgspec.MsgspecError, RecursionError):
                self.invalid_messages += 1
                continue
            if not isinstance(message, m.BrokerEvent) or self._is_topic(message):
                yield message

    def _is_topic(self, event: DeliverableEvent) -> bool:
        return event.channel == m.TERMINATIONS or (event.app_id, event.channel) in self._topics
