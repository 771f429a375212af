"""The scripts on a real Redis."""

from revurb.bus.redis.scripts import Scripts
from tests.redis_server import RedisServer


async def test_redis_can_load_every_script_and_knows_it_by_its_sha(server: RedisServer) -> None:
    await server.start()
    async with server.client() as client:
        for scripts in (Scripts(), Scripts(sharded=True)):
            assert len(scripts.all()) == len({script.sha for script in scripts.all()}) == 25
            for script in scripts.all():
                sha = await client.execute_command("SCRIPT", "LOAD", script.source)  # type: ignore[no-untyped-call]
                assert sha == script.sha.encode()


def test_a_cluster_publishes_on_the_server_of_the_slot() -> None:
    for script in Scripts(sharded=True).all():
        assert "'PUBLISH'" not in script.source
        assert "@PUBLISH@" not in script.source
