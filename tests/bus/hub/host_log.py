"""A log of a host for tests, and what somebody hears of it who wants the events of some channels."""

from __future__ import annotations

import contextlib
import os
import weakref

from revurb._speedups.log_events import EventChannels
from revurb._speedups.shared_log import SharedLog, topic_bucket
from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub.event_log import CACHED, EVERYONE, KEPT, LogDescriptors, shared_log
from revurb.pusher.ports import PublishedEvent
from tests.bus.engines import APP

SLOTS = 16


def a_log(owner: object, places: int = 1 << 12, ring_bytes: int = 1 << 20) -> LogDescriptors:
    """A log that is closed when its owner is gone."""
    stack = contextlib.ExitStack()
    descriptors = stack.enter_context(shared_log(SLOTS, places, ring_bytes))
    weakref.finalize(owner, stack.close)
    return descriptors


class LogListener:
    """A process of the host that has subscribers of `channels`."""

    def __init__(self, descriptors: LogDescriptors, *channels: str) -> None:
        self._log: SharedLog = descriptors.open()
        self._log.attach(os.getpid(), EVERYONE)
        self._channels = EventChannels(PublishedEvent)
        for channel in channels:
            self._channels.add((APP, channel))
            self._log.add_topic(topic_bucket(APP, channel))

    @property
    def token(self) -> int:
        return self._log.token

    def heard(self) -> list[m.FromBroker | PublishedEvent]:
        """What was appended since the last call, and is for this process."""
        return [
            m.read_from_broker(each) if isinstance(each, bytes) else each
            for each in self._log.read(1000, 0, self._channels)
            if each is not None
        ]

    def place(self, event: PublishedEvent) -> None:
        """Append an event, as a worker does."""
        flags = (CACHED if event.cache_ttl_s else 0) | (KEPT if event.history else 0)
        fields = event.app_id, event.channel, event.text, event.except_socket_id, event.cache_ttl_s
        self._log.append_event(*fields, flags, event.history)
        self._log.wake()
