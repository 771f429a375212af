"""The bytes of an app's events in Redis are bounded, over all partitions."""

from __future__ import annotations

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis.event_publisher import EventPublisher
from revurb.bus.redis.kept_bytes import KeptBytes
from revurb.bus.redis.taken_events import TakenEvents
from revurb.pusher.history import HistoryBounds
from tests.bus.redis.ledgers import APP, KEYS, ledgers
from tests.redis_server import RedisServer

BOUNDS = HistoryBounds(1000, 60, 50_000)
TEXT = b'{"event":"e","data":"%s"}' % (b"x" * 100)


async def test_the_bound_is_that_of_all_partitions(server: RedisServer) -> None:
    """Two nodes publish in 20 channels, and look after each 20 events: so much they may exceed the bound."""
    async with ledgers(server) as one, ledgers(server) as other:
        nodes = [
            EventPublisher(name, KEYS, made.scripts, made.commands, 60_000, TakenEvents(), lambda seqs: None)
            for name, made in (("n1", one), ("n2", other))
        ]
        await nodes[0].probe(one.redis)
        await nodes[1].probe(other.redis)
        for seq in range(1, 1001):
            channel = f"room{seq % 19}"  # each node in all of them
            nodes[seq % 2].publish(m.Publish(seq, APP, channel, TEXT, None, 0, BOUNDS))
            if seq % 20 == 0:
                await one.commands.flush()
                await other.commands.flush()
                for node in nodes:
                    node._kept_bytes._look()
        kept = sum([await one.redis.xlen(KEYS.topic(APP, f"room{number}").events) for number in range(19)])
        event_bytes = len(TEXT) + 120
        assert BOUNDS.app_bytes / 4 < kept * event_bytes < BOUNDS.app_bytes + 20 * event_bytes
        for node in nodes:
            node.session_ended()


async def test_what_has_ended_is_not_counted(server: RedisServer) -> None:
    async with ledgers(server) as made:
        bytes_key, due = KEYS.history_bytes(3, APP)
        await made.redis.hset(bytes_key, mapping={"": 300, "old": 200, "new": 100})
        await made.redis.zadd(due, {"old": 1, "new": 10**14})
        kept = KeptBytes(KEYS, made.scripts, made.commands, lambda: False)
        kept.allowed(APP, 5, 1000)
        await made.commands.flush()
        assert kept.allowed(APP, 5, 1000) == 900
        assert kept.allowed(APP, 3, 1000) == 1000
        assert await made.redis.hgetall(bytes_key) == {b"": b"100", b"new": b"100"}
        assert await made.redis.zcard(due) == 1
        kept.told(APP, 5, 50)
        assert kept.allowed(APP, 3, 1000) == 950
        kept.stop()
