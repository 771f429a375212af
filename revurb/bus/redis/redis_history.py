"""History in Redis: what a new subscriber of a channel asks for, and the questions of servers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis import envelope
from revurb.bus.redis.command_queue import CommandQueue
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.pipelines import CommandArg
from revurb.bus.redis.refusals import UnusableValue
from revurb.bus.redis.scripts import Scripts
from revurb.pusher.history import (
    EXPIRED,
    MAX_PAGE_BYTES,
    UNAVAILABLE_PAGE,
    HistoryPage,
    Position,
    Replay,
    gap_text,
    read_position,
)
from revurb.pusher.ports import PublishedEvent

_log = logging.getLogger(__name__)


class RedisHistory:
    """The questions, and gaps. `kept_ms` is how long the log keeps events; `tell` gives a message to the bus. A
    question raises UnusableValue where a value in Redis is in its way."""

    def __init__(
        self,
        keys: Keys,
        scripts: Scripts,
        commands: CommandQueue,
        kept_ms: int,
        tell: Callable[[m.FromBroker], None],
    ) -> None:
        self._kept_ms = kept_ms
        self._receive = tell
        self._keys = keys
        self._scripts = scripts
        self._commands = commands
        self._is_told = False

    def enter_args(self, enter: m.Enter) -> tuple[tuple[str, str], tuple[CommandArg, ...]]:
        """The last KEYS and ARGV of the script `enter_with_history`."""
        topic, resume = self._keys.topic(enter.app_id, enter.channel), enter.resume
        keys = (topic.head, topic.events)
        if resume is None:
            return keys, ("", "", "", "", 0, 0)
        epoch, number = resume.position or ("", "")
        return keys, ("1", epoch, number, resume.socket_id, resume.max_events, resume.max_bytes)

    def read_replay(self, reply: Any) -> Replay | None:
        """What `enter_with_history` returns of the channel's history; None if Redis cannot keep one."""
        if not reply:
            self._tell()
            return None
        position, failure, events = reply
        return Replay(_position(position), events, failure.decode())

    async def page(self, app_id: str, channel: str, after: Position | None, limit: int) -> HistoryPage:
        """As `Bus.history`. Of events with more than MAX_PAGE_BYTES there are fewer."""
        topic = self._keys.topic(app_id, channel)
        epoch, number = after or ("", "")
        reply = await self._commands.ask_script(
            self._scripts.read_history, (topic.head, topic.events), (epoch, number, limit, MAX_PAGE_BYTES)
        )
        if not reply:
            self._tell()
            return UNAVAILABLE_PAGE
        position, failure, has_more, events = reply
        return HistoryPage(_position(position), events, failure.decode(), has_more=bool(has_more))

    async def forget(self, app_id: str, channel: str) -> bool:
        """As `Bus.forget_history`."""
        topic = self._keys.topic(app_id, channel)
        keys = (topic.head, topic.events, *self._keys.history_bytes(topic.partition, app_id))
        await self._commands.ask_script(self._scripts.forget_history, keys, (channel,))
        return True

    def mark_gap(self, gap: m.MarkGap) -> None:
        """Have the channel's history say that something is missing here, and its subscribers told."""
        topic = self._keys.topic(gap.app_id, gap.channel)
        event = PublishedEvent(gap.app_id, gap.channel, gap_text(gap.channel, EXPIRED))
        marked = m.Accepted([gap.number], m.MARKED_GAPS)
        self._commands.run_script(
            self._scripts.mark_gap,
            (self._keys.logs[topic.partition], topic.head, topic.events),
            (
                topic.channel,
                *envelope.pack_around("", 0, event),
                event.text,
                self._kept_ms,
                gap.history.size,
                gap.history.ttl_s * 1000,
            ),
            lambda reply: self._receive(marked),
            lambda error: self._receive(marked),
        )

    def _tell(self) -> None:
        if not self._is_told:
            self._is_told = True
            _log.warning(
                "redis does not say which server it is: channels have no history", extra={"allow": "+info"}
            )


def _position(text: bytes) -> Position:
    position = read_position(text.decode("ascii", "replace"))
    if position is None:
        raise UnusableValue(f"not a position: {text[:50]!r}")
    return position
