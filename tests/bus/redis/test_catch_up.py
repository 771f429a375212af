"""Reading logs that have anything in them."""

import asyncio

from revurb.bus.redis import envelope
from revurb.bus.redis.catch_up import ENTRIES_PER_READ, catch_up
from revurb.bus.redis.command_queue import CommandQueue, RedisUnavailable
from revurb.bus.redis.incoming_events import IncomingEvents
from revurb.bus.redis.invalid_values import InvalidValues
from revurb.bus.redis.keys import Keys, partition_of
from revurb.bus.redis.scripts import Scripts
from revurb.bus.redis.topic_subscriptions import TopicSubscriptions
from revurb.pusher.ports import PublishedEvent
from tests.redis_server import RedisServer


async def test_a_log_full_of_garbage_has_an_end(server: RedisServer) -> None:
    await server.start()

    def down(error: RedisUnavailable) -> None:
        raise error

    keys, received, done = Keys("revurb"), list[bytes](), asyncio.Event()
    topics, invalid = TopicSubscriptions(keys, "n1"), InvalidValues()
    channel = next(name for name in map(str, range(1000)) if partition_of("app1", name) == 7)
    topics.add("app1", channel)
    incoming = IncomingEvents(topics, invalid, lambda number, event: received.append(event.text))
    async with server.client() as redis:
        commands = CommandQueue(redis, Scripts(), keys.leases, down)
        commands.start()
        for number in range(2 * ENTRIES_PER_READ + 1):
            commands.run_command("XADD", keys.logs[7], "*", "e", b"garbage %d" % number)
        commands.run_command(
            "XADD", keys.logs[7], "*", "e", envelope.pack("a", 1, PublishedEvent("app1", channel, b"1"))
        )
        await commands.flush()
        catch_up({7}, keys, commands, incoming, done.set)
        async with asyncio.timeout(10):
            await done.wait()
        await commands.stop()
    assert received == [b"1"]
    assert invalid.count == 2 * ENTRIES_PER_READ + 1
