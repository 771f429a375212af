"""The counts that this node holds, in one session with Redis: it listens for questions about them, and says when it has
told them."""

from __future__ import annotations

from collections.abc import Callable

from revurb.bus.brokered import broker_messages as m
from revurb.bus.ledger import ChannelKey
from revurb.bus.redis.command_queue import CommandQueue
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.scripts import Scripts

_MAX_DIGITS = 16  # of a round, which is a time in ms


class CountDemand:
    """`subscribe` and `unsubscribe` are the listener's. `wanted` is told of each question."""

    def __init__(
        self,
        keys: Keys,
        scripts: Scripts,
        commands: CommandQueue,
        subscribe: Callable[[str, Callable[[], None]], None],
        unsubscribe: Callable[[str], None],
        wanted: Callable[[m.CountWanted], None],
    ) -> None:
        self._keys = keys
        self._scripts = scripts
        self._commands = commands
        self._subscribe = subscribe
        self._unsubscribe = unsubscribe
        self._wanted = wanted
        self._held: dict[bytes, ChannelKey] = {}  # by the channel in Redis on which they are asked for

    def hold(self, held: m.CountHeld) -> None:
        """Listen for questions about a count, or do not any more."""
        channel = self._keys.count_demand(held.app_id, held.channel).untold
        if held.is_held:
            self._held[channel.encode()] = (held.app_id, held.channel)
            self._subscribe(channel, lambda: None)
        else:
            self._held.pop(channel.encode(), None)
            self._unsubscribe(channel)

    def told(self, told: m.CountTold) -> None:
        """Say that this node has told a count."""
        asked = self._keys.count_demand(told.app_id, told.channel).asked
        self._commands.run_script(self._scripts.count_told, (asked,), (told.round,))

    def on_message(self, channel: bytes, data: bytes) -> bool:
        """Something was published on a channel. Returns whether it is one of those on which counts are asked for."""
        key = self._held.get(channel)
        if key is None:
            return False
        if data.isdigit() and len(data) <= _MAX_DIGITS:
            self._wanted(m.CountWanted(*key, int(data)))
        return True
