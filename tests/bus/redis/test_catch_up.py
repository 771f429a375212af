"""Reading logs that have anything in them."""

import asyncio

from revurb.bus.redis import envelope
from revurb.bus.redis.catch_up import AT_ONCE, catch_up
from revurb.bus.redis.command_queue import CommandQueue, RedisUnavailable
from revurb.bus.redis.incoming_events import IncomingEvents
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.scripts import Scripts
from revurb.pusher.ports import PublishedEvent
from tests.redis_server import RedisServer


async def test_a_log_full_of_garbage_has_an_end(server: RedisServer) -> None:
    await server.start()

    def down(error: RedisUnavailable) -> None:
        raise error

    keys, heard, done = Keys("revurb"), list[bytes](), asyncio.Event()
    incoming = IncomingEvents(lambda number, position, event: heard.append(event.text))
    async with server.client() as redis:
        commands = CommandQueue(redis, Scripts(), keys.nodes, down)
        commands.start()
        for number in range(2 * AT_ONCE + 1):
            commands.plain("XADD", keys.logs[7], "*", "e", b"garbage %d" % number)
        commands.plain(
            "XADD", keys.logs[7], "*", "e", envelope.pack("a", 1, PublishedEvent("app1", "news", b"1"))
        )
        await commands.flush()
        catch_up({7}, keys, commands, incoming, done.set)
        async with asyncio.timeout(10):
            await done.wait()
        await commands.stop()
    assert heard == [b"1"]
    assert incoming.refused == 2 * AT_ONCE + 1
