"""The scripts on a real Redis."""

import msgspec

from revurb.bus.redis.scripts import Scripts
from tests.redis_server import RedisServer


async def test_redis_can_load_every_script_and_knows_it_by_its_sha(server: RedisServer) -> None:
    await server.start()
    async with server.client() as client:
        for scripts in (Scripts(), Scripts(sharded=True)):
            assert len(scripts.all()) == len({script.sha for script in scripts.all()}) == 38
            for script in scripts.all():
                sha = await client.execute_command("SCRIPT", "LOAD", script.source)  # type: ignore[no-untyped-call]
                assert sha == script.sha.encode()


def test_a_cluster_publishes_on_the_server_of_the_slot() -> None:
    for script in Scripts(sharded=True).all():
        assert "'PUBLISH'" not in script.source
        assert "@PUBLISH@" not in script.source


async def test_a_log_keeps_no_old_events_whatever_their_numbers_are(server: RedisServer) -> None:
    """Of a node that publishes on eight channels in turn, each gets every eighth number."""
    await server.start()
    script = Scripts().publish_batch
    async with server.client() as client:
        await client.script_load(script.source)
        for seq in range(5, 8005, 8):
            event = msgspec.msgpack.encode([(1, seq, "channel", "an event")])
            await client.evalsha(script.sha, 2, "log", "seqs", "node", "-1", event)
        assert await client.hget("seqs", "node") == b"7997"
        # By hundreds: that is how Redis stores them.
        assert await client.xlen("log") <= 200
