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


async def test_what_was_silent_for_longest_gives_way_to_what_is_new(server: RedisServer) -> None:
    """However many channels have had one event each, and none since."""
    bounds = HistoryBounds(100, 60, 400_000)
    async with ledgers(server) as made:
        node = EventPublisher(
            "n1", KEYS, made.scripts, made.commands, 60_000, TakenEvents(), lambda seqs: None
        )
        await node.probe(made.redis)
        channels = [f"order{number}" for number in range(3000)] + ["chat"] * 20 + ["new0", "new1", "new2"]
        for seq, channel in enumerate(channels, 1):
            node.publish(m.Publish(seq, APP, channel, TEXT, None, 0, bounds))
            if seq % 100 == 0:
                await made.commands.flush()
                node._kept_bytes._look()
        await made.commands.flush()

        async def kept(channel: str) -> int:
            return int(await made.redis.xlen(KEYS.topic(APP, channel).events))

        assert [await kept(channel) for channel in ("chat", "new0", "new1", "new2")] == [20, 1, 1, 1]
        assert [await kept(f"order{number}") for number in (0, 1, 2)] == [0, 0, 0]
        sums = [KEYS.history_bytes(number, APP) for number in range(KEYS.partitions)]
        total = sum([int(await made.redis.hget(bytes_key, "") or 0) for bytes_key, _ in sums])
        assert 0.7 * bounds.app_bytes < total < 1.3 * bounds.app_bytes
        streams = [await made.redis.xlen(key) async for key in made.redis.scan_iter("*:events:*", count=1000)]
        assert sum(streams) * (len(TEXT) + 118) < total * 1.1
        for bytes_key, due in sums:
            assert await made.redis.hlen(bytes_key) - 1 in (await made.redis.zcard(due), -1)
        node.session_ended()


async def test_a_partition_always_has_some(server: RedisServer) -> None:
    """Also where a few large channels of other partitions take all, and nobody publishes there any more."""
    async with ledgers(server) as made:
        kept = KeptBytes(KEYS, made.scripts, made.commands, lambda: False)
        kept.allowed(APP, 5, 10_000)
        kept.told(APP, 3, 10_000)
        assert kept.allowed(APP, 5, 10_000) == 10_000 // (4 * KEYS.partitions)
        kept.stop()
