"""Reading the ledger in Redis, in slices: neither Redis nor this process's event loop is held up by many channels.

A count that changes often is told once a second by the nodes that it changes on (held_counts.py). Reading it makes them
tell it, and it is read again until they have: a count that is asked for is at most 50 ms old, or as old as the slowest
node lets it be, for which nobody waits longer than the sum of ASK_AGAIN_S.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from revurb.bus.redis.command_queue import CommandQueue
from revurb.bus.redis.invalid_values import InvalidValues
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.ledger_values import read_members
from revurb.bus.redis.scripts import Scripts
from revurb.pusher.ports import CachedEvent, ChannelState, Member

CHANNELS_PER_SCRIPT = 100  # 0.7 ms, during which Redis does nothing else
SCRIPTS_AT_ONCE = 4
PARTITIONS_AT_ONCE = 64  # 2 ms to ask them
_NAMES_PER_SLICE = 2000
ASK_AGAIN_S = (0.002, 0.004, 0.008, 0.016, 0.032)  # nodes tell within 1 ms, if they have nothing else to do

_EMPTY = ChannelState()


class LedgerQueries:
    """The questions. Each raises UnusableValue where a value in Redis is in its way that belongs to all of the answer;
    one that belongs to a part of it is reported to `invalid`, and the part is missing."""

    def __init__(self, keys: Keys, scripts: Scripts, commands: CommandQueue, invalid: InvalidValues) -> None:
        self._keys = keys
        self._scripts = scripts
        self._commands = commands
        self._invalid = invalid

    async def channels(self, app_id: str, prefix: str) -> dict[str, ChannelState]:
        """The app's channels that have subscribers and whose names begin with `prefix`."""
        found: dict[str, ChannelState] = {}
        names: list[str] = []
        partitions = self._keys.partitions
        for first in range(0, partitions, PARTITIONS_AT_ONCE):
            some = range(first, min(first + PARTITIONS_AT_ONCE, partitions))
            keys = [self._keys.occupied(number, app_id) for number in some]
            replies = [self._commands.ask("SMEMBERS", key) for key in keys]
            for key, reply in zip(keys, replies, strict=True):
                members = await reply
                for start in range(0, len(members), _NAMES_PER_SLICE):
                    names += self._names(key, members[start : start + _NAMES_PER_SLICE], prefix)
                    await asyncio.sleep(0)
        states = await self.states(app_id, names)
        for start in range(0, len(names), _NAMES_PER_SLICE):
            end = start + _NAMES_PER_SLICE
            for name, state in zip(names[start:end], states[start:end], strict=True):
                if state.subscription_count:
                    found[name] = state
            await asyncio.sleep(0)
        return found

    async def states(self, app_id: str, channels: Sequence[str]) -> list[ChannelState]:
        """The states of the channels, in their order."""
        states = [_EMPTY] * len(channels)
        untold = await self._read_states(app_id, channels, range(len(channels)), states)
        for pause_s in ASK_AGAIN_S:
            if not untold:
                break
            await asyncio.sleep(pause_s)
            untold = await self._read_states(app_id, channels, untold, states)
        return states

    async def members(self, app_id: str, channel: str) -> list[Member]:
        """The members, in order of joining."""
        key = self._keys.topic(app_id, channel).members
        return read_members(await self._commands.ask("HGETALL", key), key, self._invalid)

    async def connections(self, app_id: str) -> int:
        """The number of connections of the app on all nodes."""
        key, demand = self._keys.connections(app_id), self._keys.count_demand(app_id, "")
        keys, args = (key, demand.asked), (demand.untold,)
        count, untold = await self._commands.ask_script(self._scripts.count_connections, keys, args)
        for pause_s in ASK_AGAIN_S:
            if untold <= 0:
                break
            await asyncio.sleep(pause_s)
            count, untold = await self._commands.ask_script(self._scripts.count_connections, keys, args)
        try:
            return int(count or 0)
        except ValueError as error:
            self._invalid.report(key, error)
            return 0

    async def _read_states(
        self, app_id: str, channels: Sequence[str], wanted: Sequence[int], states: list[ChannelState]
    ) -> list[int]:
        """Read the states of those channels whose indexes are `wanted`. Returns the indexes of those whose counts were
        not told by all nodes."""
        by_partition: dict[int, list[int]] = {}
        for number, index in enumerate(wanted, 1):
            by_partition.setdefault(self._keys.topic(app_id, channels[index]).partition, []).append(index)
            if not number % CHANNELS_PER_SCRIPT:
                await asyncio.sleep(0)
        slices = [
            indexes[start : start + CHANNELS_PER_SCRIPT]
            for indexes in by_partition.values()
            for start in range(0, len(indexes), CHANNELS_PER_SCRIPT)
        ]
        untold: list[int] = []
        for start in range(0, len(slices), SCRIPTS_AT_ONCE):
            now = slices[start : start + SCRIPTS_AT_ONCE]
            replies = await asyncio.gather(*[self._ask_states(app_id, channels, indexes) for indexes in now])
            for indexes, reply in zip(now, replies, strict=True):
                for index, state in zip(indexes, reply, strict=True):
                    states[index] = self._read_state(app_id, channels[index], state)
                    if not isinstance(state, bytes) and state[4] > 0:
                        untold.append(index)
        return untold

    def _names(self, key: str, members: Sequence[bytes], prefix: str) -> list[str]:
        names = []
        for member in members:
            try:
                name = member.decode()
            except UnicodeDecodeError as error:
                self._invalid.report(key, error)
                continue
            if name.startswith(prefix):
                names.append(name)
        return names

    def _ask_states(
        self, app_id: str, channels: Sequence[str], indexes: Sequence[int]
    ) -> asyncio.Future[Any]:
        keys: list[str] = []
        args: list[str] = []
        for index in indexes:
            topic = self._keys.topic(app_id, channels[index])
            demand = self._keys.count_demand(app_id, channels[index])
            keys += (topic.counts, topic.members, topic.cached, demand.asked)
            args.append(demand.untold)
        return self._commands.ask_script(self._scripts.channel_states, keys, args)

    def _read_state(self, app_id: str, channel: str, reply: Any) -> ChannelState:
        if isinstance(reply, bytes):
            key = self._keys.topic(app_id, channel).counts
            self._invalid.report(key, reply.decode("utf-8", "backslashreplace"))
            return _EMPTY
        count, users, cached, ttl_ms, _ = reply
        return ChannelState(count, users, None if cached is None else CachedEvent(cached, ttl_ms / 1000))
