"""The hub's side of the log of its host."""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable

from revurb._speedups.log_events import EventChannels
from revurb._speedups.shared_log import SharedLog, topic_bucket
from revurb.bus.brokered import broker_messages as m
from revurb.bus.cache import EventCache
from revurb.bus.history_store import HistoryStore
from revurb.bus.hub.event_log import CACHED, KEPT, LogDescriptors
from revurb.pusher.history import LIMIT, Replay
from revurb.pusher.ports import PublishedEvent

_log = logging.getLogger(__name__)

READ_RECORDS = 64  # at a time


class HubLog:
    """Attached until `close`. `epoch` is the broker's, and `cache` keeps the last events of cache channels, which the
    workers append: it has those that there were at the last `read`, from the position after `attached_at` on. So has
    `history` those of channels with history; `clock` gives monotonic seconds.

    What the hub appends is there for everyone from then on, also if the hub ends in the next moment.
    """

    __slots__ = (
        "_cache",
        "_channels",
        "_is_open",
        "_log",
        "_missed",
        "_own_seq",
        "attached_at",
        "epoch",
        "history",
    )

    def __init__(
        self,
        descriptors: LogDescriptors,
        epoch: str,
        cache: EventCache,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log: SharedLog = descriptors.open()
        # It is not woken: it reads a few times a second, before it answers, and when a worker has appended much.
        self._log.attach(os.getpid(), CACHED | KEPT, wake=False)
        self.attached_at = self._log.cursor
        self.history = HistoryStore(descriptors.epoch, clock, self.attached_at)
        self._missed = 0
        self._is_open = True
        self._cache = cache
        # None: it reads those that are flagged.
        self._channels = EventChannels(PublishedEvent, descriptors.epoch.encode())
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

    def reply_at_end(self, token: int, make: Callable[[], m.EnterReply]) -> None:
        """The same with what is kept of events: at the place of the reply, so that whoever gets it misses none. While
        others append, only its place is tried again, unless `make` returns another reply."""
        reply: m.EnterReply | None = None
        position: int | None = None
        while self._is_open and not position:
            before = reply
            self.read()
            reply = make()
            only = self._log.cursor + 1
            if position is None or reply != before:
                position = self._append_reply(token, reply, only)
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
            reply = m.EnterReply(reply.id, [], reply.cached, replay=_without_events(reply.replay))
            return self._log.append(m.encode(reply), 0, 0, token, only)

    def read(self) -> None:
        """Keep the last events of cache channels, and those of channels with history, that were appended since the last
        call."""
        log = self._log
        if not self._is_open:
            return
        while events := log.read(READ_RECORDS, 0, self._channels) or log.has_unread:
            for event in events if events is not True else ():
                if type(event) is not PublishedEvent:
                    continue
                if event.cache_ttl_s:
                    self._cache.put(event.app_id, event.channel, event.text, event.cache_ttl_s, log.cursor)
                if event.history is not None:
                    self.history.keep(event, event.history)
        if log.missed != self._missed:  # while this process stood still
            self._missed = log.missed
            self.history.lose(log.cursor)
        self.history.newest = log.cursor

    def _append(self, data: bytes, bucket: int) -> None:
        if not self._is_open:
            return
        try:
            self._log.append(data, bucket)
            self._log.wake()
        except ValueError as error:
            _log.error("a member event is too large, nobody is told", extra={"error": str(error)})


def _without_events(replay: Replay | None) -> Replay | None:
    """What is said of a history that is too large for a reply."""
    return None if replay is None or not replay.events else Replay(replay.position, (), LIMIT)
