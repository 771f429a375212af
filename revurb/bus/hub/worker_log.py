"""A worker's side of the log of its host."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

import msgspec

from revurb._speedups.log_events import EventChannels
from revurb._speedups.shared_log import topic_bucket
from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub import log_reader
from revurb.bus.hub.event_log import CACHED, EVERYONE, KEPT, RING_BYTES, LogDescriptors
from revurb.bus.hub.log_reader import LogReader
from revurb.bus.ledger import ChannelKey
from revurb.pusher.ports import PublishedEvent

_logger = logging.getLogger(__name__)

MUCH_BYTES = RING_BYTES // 8
_EVENT_BYTES = 100  # beside its text; with that, MUCH_BYTES are a twelfth of PLACES


class WorkerLog(LogReader):
    """Attached from `start` to `stop`. Events that workers have published go to `deliver`, terminations and what the
    hub says to `receive`, in the log's order; those of this worker at once, if everything before was delivered.
    `deliver` may get an event that nobody here is subscribed to. `much_appended` is called whenever this process has
    appended MUCH_BYTES.

    `token` is the name by which the hub addresses its replies to this process.
    """

    def __init__(
        self,
        descriptors: LogDescriptors,
        receive: Callable[[Iterable[m.FromBroker]], None],
        deliver: Callable[[PublishedEvent], object],
        much_appended: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(descriptors)
        self._receive = receive
        self._deliver = deliver
        self._much_appended = much_appended
        self._appended_bytes = 0
        self._channels = EventChannels(PublishedEvent, descriptors.epoch.encode())
        self._is_waking = False
        self._invalid_messages = 0
        self.dropped = 0  # events that the others never get

    @property
    def invalid_messages(self) -> int:
        """Records that could not be read."""
        return self._invalid_messages + self._channels.invalid

    @property
    def received(self) -> int:
        """How many events of other workers were delivered here."""
        return self._channels.taken

    @property
    def max_event_bytes(self) -> int:
        """What an event may have: text, names and all."""
        return self._log.max_record_bytes

    def place(self, event: PublishedEvent) -> int:
        """Give an event its place in the order, and deliver it to this process's subscribers: at once, if everything
        before it has been delivered. One that is larger than `max_event_bytes` is delivered here alone, which is
        counted (`dropped`) and logged. Returns its position, or 0."""
        channel, ttl_s, kept, log = event.channel, event.cache_ttl_s, event.history, self._log
        flags = (CACHED if ttl_s else 0) if channel != m.TERMINATIONS else EVERYONE
        if kept is not None:
            flags |= KEPT
        if not self._is_attached:  # this process is about to end, and has told everyone
            self._give(event)
            return 0
        try:
            position = log.append_event(
                event.app_id, channel, event.text, event.except_socket_id, ttl_s, flags, kept
            )
        except ValueError as error:
            self._deliver_alone(event, error)
            return 0
        self._appended_bytes += len(event.text) + _EVENT_BYTES
        if self._appended_bytes >= MUCH_BYTES:
            self._appended_bytes = 0
            self._much_appended()
        if kept is not None:
            event = self._placed(event, position)
        if not self._is_waking and log.has_to_wake:
            self._is_waking = True
            self._loop.call_soon(self._wake_others)
        if self._is_reading or self._is_held:
            pass  # it is read in its turn
        elif not log.take(position):
            self._read(position, event if log.wants_own else None)
        elif not log.wants_own:
            pass
        elif channel != m.TERMINATIONS:
            self._deliver(event)
        else:
            self._give(event)
        return position

    def _placed(self, event: PublishedEvent, position: int) -> PublishedEvent:
        """The event of a channel with history, with its position."""
        text = self._channels.placed(event.text, position)
        return PublishedEvent(event.app_id, event.channel, text, event.except_socket_id)

    def _give(self, event: PublishedEvent) -> None:
        """To this node alone."""
        if event.channel != m.TERMINATIONS:
            self._deliver(event)
        else:
            self._receive((m.BrokerEvent("", 0, event.app_id, event.channel, event.text, None),))

    def _deliver_alone(self, event: PublishedEvent, error: ValueError) -> None:
        self.dropped += 1
        _logger.error(
            "an event is too large for the other workers", extra={"app": event.app_id, "error": str(error)}
        )
        self._give(event)

    def _wake_others(self) -> None:
        """At the end of the turn: what it appends is then one thing to the others."""
        self._is_waking = False
        self._log.wake()

    def add_topic(self, key: ChannelKey) -> None:
        """Read the events of a channel. Without effect if they are read already."""
        if key not in self._channels:
            self.read()  # what came before is not wanted
            self._channels.add(key)
            self._log.add_topic(topic_bucket(*key))

    def remove_topic(self, key: ChannelKey) -> None:
        """Read the events of a channel no more. Without effect if they are not read."""
        if self._channels.remove(key):
            self._log.remove_topic(topic_bucket(*key))

    def hold(self, is_held: bool) -> None:
        """Read nothing while `is_held`. What is overwritten meanwhile is missed."""
        was_held, self._is_held = self._is_held, is_held
        if was_held and not is_held:
            self.read()

    def tick(self) -> None:
        """To be called a few times a second: who was about to wake this process may have been killed or stopped, and
        nobody else would."""
        if self._is_attached:
            self.look()
            self._tell_missed()

    def _read(self, own: int = 0, own_event: PublishedEvent | None = None) -> None:
        """`own_event` is that at the position `own`, if it is wanted here."""
        log, channels, until = self._log, self._channels, time.perf_counter() + log_reader.TURN_S
        self._is_reading = True
        try:
            while True:
                for item in log.read(log_reader.READ_RECORDS, own, channels):
                    if type(item) is PublishedEvent and item.channel != m.TERMINATIONS:
                        self._deliver(item)
                    elif isinstance(item, bytes):
                        self._receive_message(item)
                    elif item is not None:
                        self._give(item)
                    elif own_event is not None:
                        self._give(own_event)
                if self._is_held or not self._is_attached or not log.has_unread:
                    break
                if time.perf_counter() >= until:
                    self._read_soon()
                    break
        finally:
            self._is_reading = False
        if log.missed != self._missed and self._next_turn is None:
            self._tell_missed()

    def _tell_missed(self) -> None:
        """Once for all that a reader passes over that has been away for long."""
        if missed := self._newly_missed():
            self._receive((m.EventsMissed(missed),))

    def _receive_message(self, data: bytes) -> None:
        try:
            message = m.read_from_broker(data)
        except (msgspec.MsgspecError, RecursionError):
            self._invalid_messages += 1
            return
        # Another channel may have the same bucket.
        if not isinstance(message, m.BrokerEvent) or (message.app_id, message.channel) in self._channels:
            self._receive((message,))
