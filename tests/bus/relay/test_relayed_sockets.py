"""The two connections that a worker seems to have: what comes on the one for subscriptions, and what does not."""

from __future__ import annotations

from tests.bus.relay.relayed_host import RelayedHost, until
from tests.redis_server import RedisServer


async def test_what_the_next_relay_appends_is_not_for_connections_to_the_one_before(
    host: RelayedHost, server: RedisServer
) -> None:
    """Between the two something was missed: a worker that would take the later messages would not read the earlier ones
    from the logs of Redis."""
    slow = await host.worker()
    await slow.subscribe("news")
    async with server.client() as client:
        await client.publish("news", "1")
        await until(lambda: slow.heard(b"news"))
        slow.gate.close()
        await client.publish("news", "2")
        await until(lambda: slow.is_held)
        await client.publish("news", "3")
        await host.stop_relay()
        await client.publish("news", "missed")
        await host.start_relay()
        other = await host.worker()
        await other.subscribe("news")
        await client.publish("news", "later")
        await until(lambda: other.heard(b"news"))
        slow.gate.open()
        await until(lambda: slow.lost)
    assert slow.heard(b"news") == [b"1", b"2", b"3"]
    assert slow.lost == ["the relay of this host ends"]
