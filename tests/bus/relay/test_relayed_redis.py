"""A worker's connection to the relay of its host."""

from __future__ import annotations

from tests.bus.relay.relayed_host import RelayedHost


async def test_commands_go_on_behind_a_script_that_was_loaded(host: RelayedHost) -> None:
    """As where Redis has forgotten the scripts: what was sent before is sent again over what it was sent over."""
    worker = await host.worker()
    await worker.run(("SET", "a", "1"))
    await worker.redis.script_load("return redis.call('GET', KEYS[1])")
    sha = await worker.redis.execute_command("SCRIPT", "LOAD", "return redis.call('GET', KEYS[1])")
    assert await worker.run(("EVALSHA", sha, 1, "a")) == [b"1"]
