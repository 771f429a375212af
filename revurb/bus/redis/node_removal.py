"""Removing from the ledger what a node holds, in slices: a few partitions at a time, of each some channels."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from revurb.bus.ledger import ChannelKey
from revurb.bus.redis.command_queue import CommandQueue
from revurb.bus.redis.invalid_values import InvalidValues
from revurb.bus.redis.keys import Keys, read_topic_id, topic_id
from revurb.bus.redis.ledger_facts import LedgerFacts
from revurb.bus.redis.ledger_values import read_entries
from revurb.bus.redis.pace import Pace, SparingPace
from revurb.bus.redis.redis_ledger import RedisLedger
from revurb.bus.redis.refusals import UnusableValue
from revurb.bus.redis.scripts import Scripts

PARTITIONS_AT_ONCE = 4
CHANNELS_PER_SCRIPT = 50  # 0.5 ms, during which Redis does nothing else
MEMBERS_PER_STEP = 100  # 3 ms of Redis, which others share

Keep: TypeAlias = Callable[[ChannelKey], bool]


class NodeRemoval:
    """Works through `ledger`, which publishes who has left. Values that cannot be used are reported to `invalid`, and
    are passed over. `facts` are made with the changes."""

    def __init__(
        self,
        keys: Keys,
        scripts: Scripts,
        commands: CommandQueue,
        ledger: RedisLedger,
        invalid: InvalidValues,
        facts: LedgerFacts,
    ) -> None:
        self._facts = facts
        self._keys = keys
        self._scripts = scripts
        self._commands = commands
        self._ledger = ledger
        self._invalid = invalid

    async def remove(self, node: str, keep: Keep = lambda key: False, *, entirely: bool) -> None:
        """Remove what a node holds, except for the channels that it is to `keep`; with `entirely` also the numbers of
        its events. Returns when everything is removed. Every step sets something absolute, so that it can be repeated.
        """
        partitions, pace = iter(range(self._keys.partitions)), Pace(self._commands)
        workers = [
            self._remove_partitions(partitions, pace, node, keep, entirely) for _ in range(PARTITIONS_AT_ONCE)
        ]
        await asyncio.gather(*workers)
        await self._commands.flush()

    async def bury(self, node: str) -> None:
        """Remove everything that a dead node held, step by step with pauses, so that neither Redis nor this node is
        held up. What was removed stays so if this node dies before the end: another may go on."""
        pace = SparingPace(self._commands)
        await self._remove_partitions(iter(range(self._keys.partitions)), pace, node, lambda key: False, True)
        await self._commands.flush()

    async def _remove_partitions(
        self, partitions: Iterator[int], pace: Pace, node: str, keep: Keep, entirely: bool
    ) -> None:
        for number in partitions:
            await pace.step()
            held = self._keys.node_topics(number, node)
            keys, is_idle = (held, self._keys.holders[number], self._keys.seqs[number]), False
            try:
                if entirely:
                    topic_ids = await self._commands.ask_script(self._scripts.list_held, keys, (node,))
                    is_idle = not topic_ids
                else:
                    topic_ids = await self._commands.ask("SMEMBERS", held)
            except UnusableValue:
                topic_ids = ()
            for start in range(0, len(topic_ids), CHANNELS_PER_SCRIPT):
                await pace.step()
                some = topic_ids[start : start + CHANNELS_PER_SCRIPT]
                await self._remove_topics(number, node, held, some, keep, pace)
            if entirely and not is_idle:
                self._commands.run_command("HDEL", self._keys.seqs[number], node)
                # Whoever is listed as a holder and holds nothing is none.
                self._commands.run_script(
                    self._scripts.remove_counts, (held, self._keys.holders[number]), (node,)
                )

    async def _remove_topics(
        self, number: int, node: str, held: str, topic_ids: Sequence[bytes], keep: Keep, pace: Pace
    ) -> None:
        removed: list[ChannelKey] = []
        for raw in topic_ids:
            key = read_topic_id(raw.decode("utf-8", "replace"))
            if keep(key):
                continue
            if topic_id(*key).encode() != raw or self._keys.partition_of(*key) != number:
                self._invalid.report(held, f"{raw[:50]!r} is not a channel of this partition")
                self._commands.run_command("SREM", held, raw)
            elif key[1]:
                removed.append(key)
            else:
                self._ledger.set_connections(key[0], 0, node)
        if not removed:
            return
        keys: list[str] = [held, self._keys.holders[number], self._keys.facts[number]]
        args: list[str | int] = [node]
        for app_id, channel in removed:
            topic = self._keys.topic(app_id, channel)
            keys += (topic.counts, self._keys.occupied(number, app_id), topic.members)
            args += (topic.id, channel, app_id, self._facts.wanted(app_id, channel))
        # Whatever the channels' values are, the script goes on with the next one.
        rest = await self._commands.ask_script(self._scripts.remove_counts, keys, args)
        for key in removed:
            self._facts.count_changed(*key)
        for index in rest:
            await self._remove_members(node, removed[index - 1], pace)

    async def _remove_members(self, node: str, of: ChannelKey, pace: Pace) -> None:
        app_id, channel = of
        key, cursor = self._keys.topic(app_id, channel).members, 0
        while True:
            await pace.step()
            try:
                next_cursor, pairs = await self._commands.ask("HSCAN", key, cursor, "COUNT", MEMBERS_PER_STEP)
            except UnusableValue:
                break
            here = [entry for entry in read_entries(pairs, key, self._invalid) if node in entry.nodes]
            for number, entry in enumerate(here):  # of a small hash Redis gives all at once
                if number and not number % MEMBERS_PER_STEP:
                    await pace.step()
                self._ledger.leave(app_id, channel, entry.member, node=node)
            cursor = int(next_cursor)
            if not cursor:
                break
        self._ledger.set_count(app_id, channel, 0, node)
