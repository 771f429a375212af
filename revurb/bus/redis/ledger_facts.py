"""What the scripts of the ledger in Redis are told of facts, and the counts that subscribers and servers are told."""

from __future__ import annotations

import asyncio
from typing import TypeAlias

from revurb.bus.ledger import ChannelKey
from revurb.bus.member_events import MemberEvents
from revurb.bus.redis import envelope
from revurb.bus.redis.command_queue import CommandQueue
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.scripts import Scripts
from revurb.bus.subscription_counts import MANY, MANY_EVERY_S
from revurb.pusher.facts import COUNT_EVENTS, COUNTS, WantedFacts, wanted_of
from revurb.pusher.ports import PublishedEvent

FactArgs: TypeAlias = tuple[tuple[str, ...], tuple[str | int, ...]]
"""The last keys of a script, and its last arguments."""

_NOTHING: FactArgs = ((), ())
_NO_TEXT_BYTES = 3  # at the end of an envelope without a text


class LedgerFacts:
    """`wanted` are the facts that are wanted; `kept_ms` is how long the log keeps events."""

    def __init__(
        self,
        wanted: WantedFacts,
        keys: Keys,
        scripts: Scripts,
        commands: CommandQueue,
        events: MemberEvents,
        kept_ms: int,
    ) -> None:
        self._wanted = wanted
        self._keys = keys
        self._scripts = scripts
        self._commands = commands
        self._events = events
        self._kept_ms = kept_ms
        self._loop = asyncio.get_running_loop()
        self._due: dict[ChannelKey, asyncio.TimerHandle] = {}

    def wanted(self, app_id: str, channel: str) -> int:
        """What is wanted of the channel."""
        return wanted_of(self._wanted.get(app_id, 0), channel)

    def args(self, app_id: str, channel: str, wanted: int | None = None, *, missed: bool = False) -> FactArgs:
        """For a script that changes the ledger; nothing if nothing is wanted. With `missed` also the key of a cache
        miss."""
        if not self._wanted:  # nearly always
            return _NOTHING
        if wanted is None:
            wanted = self.wanted(app_id, channel)
        if not wanted:
            return _NOTHING
        topic = self._keys.topic(app_id, channel)
        queue = self._keys.facts[topic.partition]
        return (queue, topic.missed) if missed else (queue,), (app_id, wanted)

    def count_changed(self, app_id: str, channel: str) -> None:
        """The channel's number of subscribers may have changed: tell it, now or when it is due."""
        wanted = self.wanted(app_id, channel)
        if not wanted & (COUNTS | COUNT_EVENTS):
            return
        topic = self._keys.topic(app_id, channel)
        head = envelope.pack("", 0, PublishedEvent(app_id, channel, b""))[:-_NO_TEXT_BYTES]
        before, after = self._events.count_text(channel)
        self._commands.run_script(
            self._scripts.tell_count,
            (
                self._keys.logs[topic.partition],
                topic.counts,
                topic.told,
                self._keys.facts[topic.partition],
            ),
            (
                wanted,
                app_id,
                channel,
                topic.channel,
                head,
                before,
                after,
                self._kept_ms,
                MANY,
                int(MANY_EVERY_S * 1000),
            ),
            lambda wait_ms: self._told(app_id, channel, wait_ms),
        )

    def tell_vacated(self, app_id: str, channel: str) -> None:
        """Tell that the channel has no subscribers any more, unless it has some, to a Redis that knows nothing of
        it."""
        keys, args = self.args(app_id, channel)
        if keys:
            counts = self._keys.topic(app_id, channel).counts
            self._commands.run_script(self._scripts.tell_vacated, (counts, *keys), (channel, *args))

    def stop(self) -> None:
        """Tell nothing any more."""
        for timer in self._due.values():
            timer.cancel()
        self._due.clear()

    def _told(self, app_id: str, channel: str, wait_ms: int) -> None:
        key = (app_id, channel)
        if wait_ms > 0 and key not in self._due:
            self._due[key] = self._loop.call_later(wait_ms / 1000, self._tell_due, key)

    def _tell_due(self, key: ChannelKey) -> None:
        del self._due[key]
        self.count_changed(*key)
