"""The hub's side of the log of its host."""

from __future__ import annotations

import logging
import os
import secrets

from revurb._speedups.log_events import EventChannels
from revurb._speedups.shared_log import SharedLog, topic_bucket
from revurb.bus.brokered import broker_messages as m
from revurb.bus.cache import EventCache
from revurb.bus.hub.event_log import CACHED, LogDescriptors
from revurb.pusher.ports import Member, PublishedEvent

_log = logging.getLogger(__name__)

READ_RECORDS = 64  # at a time


class HubLog:
    """Attached until `close`. `epoch` is the broker's, and `cache` keeps the last events of cache channels, which the
    workers append: it has those that there were at the last `read`, from the position after `attached_at` on.

    What the hub appends is there for everyone from then on, also if the hub ends in the next moment.
    """

    __slots__ = ("_cache", "_channels", "_is_open", "_log", "_own_seq", "attached_at", "epoch")

    def __init__(self, descriptors: LogDescriptors, epoch: str, cache: EventCache) -> None:
        self._log: SharedLog = descriptors.open()
        # It is not woken: it reads a few times a second, and before it answers.
        self._log.attach(os.getpid(), CACHED, wake=False)
        self.attached_at = self._log.cursor
        self._is_open = True
        self._cache = cache
        self._channels = EventChannels(PublishedEvent)  # none: it reads those that are flagged
        self.epoch = epoch
        self._own_seq = secrets.randbits(48)  # no two brokers begin with the same

    @property
    def invalid_messages(self) -> int:
        """Events that could not be read."""
        return self._channels.invalid

    def close(self) -> None:
        """Append and read nothing any more."""
        self._is_open = False
        self._log.detach()

    def append(self, node: str, seq: int, event: PublishedEvent, partition: int) -> None:
        """Append a member event that `node` has caused, which knows it by its number."""
        message = m.BrokerEvent(node, seq, event.app_id, event.channel, event.text, None, partition)
        self._append(m.encode(message), topic_bucket(event.app_id, event.channel))

    def append_own(self, event: PublishedEvent) -> None:
        """Append a member event that the broker has caused itself."""
        self._own_seq += 1
        self.append(self.epoch, self._own_seq, event, m.BROKER_EVENTS)

    def reply(self, token: int, reply: m.EnterReply) -> None:
        """Append a reply for the process with this token alone."""
        if self._is_open:
            self._append_reply(token, reply, 0)
            self._log.wake()

    def reply_with_last_event(
        self, token: int, id: int, members: list[Member], app_id: str, channel: str
    ) -> None:
        """The same with the last event of a cache channel: at the place of the reply, so that whoever gets it misses
        none. While others append, only its place is tried again, unless there is another last event."""
        text: bytes | None = None
        position: int | None = None
        while self._is_open and not position:
            before = text
            self.read()
            cached = self._cache.get(app_id, channel)
            text = None if cached is None else cached.text
            only = self._log.cursor + 1
            if position is None or text is not before:
                position = self._append_reply(token, m.EnterReply(id, members, text), only)
            else:
                position = self._log.append_again(only)
        if position:
            self._log.wake()

    def _append_reply(self, token: int, reply: m.EnterReply, only: int) -> int:
        """Without the members, if they are too many."""
        try:
            return self._log.append(m.encode(reply), 0, 0, token, only)
        except ValueError as error:
            _log.error("a reply is too large", extra={"error": str(error), "members": len(reply.members)})
            return self._log.append(m.encode(m.EnterReply(reply.id, [], reply.cached)), 0, 0, token, only)

    def read(self) -> None:
        """Keep the last events of cache channels that were appended since the last call."""
        log = self._log
        if not self._is_open:
            return
        while events := log.read(READ_RECORDS, 0, self._channels) or log.has_unread:
            for event in events if events is not True else ():
                if type(event) is PublishedEvent and event.cache_ttl_s:
                    self._cache.put(event.app_id, event.channel, event.text, event.cache_ttl_s, log.cursor)

    def _append(self, data: bytes, bucket: int) -> None:
        if not self._is_open:
            return
        try:
            self._log.append(data, bucket)
            self._log.wake()
        except ValueError as error:
            _log.error("a member event is too large, nobody is told", extra={"error": str(error)})
