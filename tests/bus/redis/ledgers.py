"""Ledgers of several nodes on one real Redis of any kind, and what they answer and publish."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from redis.asyncio import RedisCluster

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis import envelope
from revurb.bus.redis.command_queue import CommandQueue, RedisUnavailable
from revurb.bus.redis.invalid_values import InvalidValues
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.ledger_facts import LedgerFacts
from revurb.bus.redis.ledger_queries import LedgerQueries
from revurb.bus.redis.node_removal import NodeRemoval
from revurb.bus.redis.pipelines import AnyRedis
from revurb.bus.redis.redis_history import RedisHistory
from revurb.bus.redis.redis_ledger import RedisLedger
from revurb.bus.redis.scripts import Scripts
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import PublishedEvent
from tests.bus.redis_engines import Server

APP = "app1"
KEYS = Keys("revurb")


class Ledgers:
    """`published` holds the member events that the ledgers reported to have published."""

    def __init__(self, redis: AnyRedis) -> None:
        def down(error: RedisUnavailable) -> None:
            raise error

        self.redis = redis
        self.published: list[PublishedEvent] = []
        self.told: list[m.FromBroker] = []
        self.scripts = Scripts(sharded=isinstance(redis, RedisCluster))
        self.invalid = InvalidValues()
        self.commands = CommandQueue(redis, self.scripts, KEYS.leases, down, self.invalid)
        self.history = RedisHistory(KEYS, self.scripts, self.commands, 60_000, self.told.append)
        self.queries = LedgerQueries(KEYS, self.scripts, self.commands, self.invalid)
        self.events = MEMBER_EVENTS._replace(on_published=self.published.append)
        self.facts = LedgerFacts({}, KEYS, self.scripts, self.commands, self.events, 60_000)

    def of(self, node: str) -> RedisLedger:
        return RedisLedger(
            node,
            KEYS,
            self.scripts,
            self.commands,
            self.events,
            60_000,
            self.invalid,
            self.facts,
            self.history,
        )

    def removal(self, node: str) -> NodeRemoval:
        return NodeRemoval(KEYS, self.scripts, self.commands, self.of(node), self.invalid, self.facts)

    async def answer(self, ask: Callable[[Callable[[Any], None]], None]) -> Any:
        """What `ask` gives its callback; everything asked before is done by then."""
        reply = asyncio.get_running_loop().create_future()
        ask(reply.set_result)
        return await reply

    async def logged(self, channel: str) -> list[bytes]:
        """The texts of the channel's events in the log."""
        await self.commands.flush()
        entries: Any = await self.redis.xrange(KEYS.logs[KEYS.topic(APP, channel).partition])
        envelopes = [envelope.unpack(fields[b"e"]) for _, fields in entries]
        return [each.text for each in envelopes if each.channel == channel]


@contextlib.asynccontextmanager
async def ledgers(server: Server) -> AsyncIterator[Ledgers]:
    await server.start()
    async with server.client() as redis, asyncio.timeout(10):
        made = Ledgers(redis)
        await made.commands.load()
        made.commands.start()
        yield made
        await made.commands.stop()
