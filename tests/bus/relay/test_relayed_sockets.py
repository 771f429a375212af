"""The two connections that a worker seems to have: what comes on the one for subscriptions, and what does not."""

from __future__ import annotations

import itertools
from pathlib import Path

from revurb.bus.relay.relay_records import channel_bucket
from tests.bus.relay.relayed_host import RelayedHost, until, until_told
from tests.redis_server import RedisServer


async def test_what_the_next_relay_appends_is_not_for_connections_to_the_one_before(
    host: RelayedHost, server: RedisServer
) -> None:
    """Between the two something was missed: a worker that would take the later messages would not read the earlier ones
    from the logs of Redis."""
    slow, quick = await host.worker(), await host.worker()
    await slow.subscribe("news")
    await quick.subscribe("news")
    async with server.client() as client:
        await client.publish("news", "1")
        await until(lambda: slow.heard(b"news"))
        slow.gate.close()
        await client.publish("news", "2")
        await until(lambda: slow.is_held)
        await client.publish("news", "3")
        await until(lambda: quick.heard(b"news")[-1:] == [b"3"])  # so has the relay
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


async def test_a_channel_is_heard_from_the_place_on_where_it_began(
    host: RelayedHost, server: RedisServer
) -> None:
    """No message before, and each one behind, also while another worker hears the channel already."""
    first, second = await host.worker(), await host.worker()
    await first.subscribe("news")
    count, begun_at = 3000, list[int]()
    async with server.client() as client:
        for number in range(count):
            if number == count // 3:
                second.subscribe_soon("news", lambda: begun_at.append(len(first.heard(b"news"))))
            await client.publish("news", number)
        await until(lambda: len(first.heard(b"news")) == count and second.heard(b"news")[-1:] == [b"2999"])
    assert first.heard(b"news") == [b"%d" % number for number in range(count)]
    heard = second.heard(b"news")
    assert second.messages[0] == (b"+", b"news")
    assert heard == [b"%d" % number for number in range(count - len(heard), count)]
    assert 1000 <= count - len(heard) < 1500


async def test_subscriptions_of_one_turn_begin_where_messages_come_between(
    host: RelayedHost, server: RedisServer
) -> None:
    """Two workers of which one hears the channel. What is published once the second was told is for both."""
    first, second = await host.worker(), await host.worker()
    await first.subscribe("news")
    async with server.client() as client:
        for number in range(200):
            await second.subscribe("news")
            await client.publish("news", number)
            await until(lambda number=number: second.heard(b"news")[-1:] == [b"%d" % number])  # type: ignore[misc]
            second.listener.unsubscribe("news")
    assert second.heard(b"news") == first.heard(b"news") == [b"%d" % number for number in range(200)]


async def test_left_and_come_back_to_before_anything_was_confirmed(
    host: RelayedHost, server: RedisServer
) -> None:
    worker, begun = await host.worker(), list[int]()
    for number in range(3):
        worker.subscribe_soon("news", lambda number=number: begun.append(number))  # type: ignore[misc]
        worker.listener.unsubscribe("news")
    worker.subscribe_soon("news", lambda: begun.append(3))
    await until(lambda: 3 in begun)
    async with server.client() as client:
        await client.publish("news", "1")
        await until(lambda: worker.heard(b"news"))
        worker.listener.unsubscribe("news")
        await until_told(lambda: client.publish("news", "2"), lambda receivers: not receivers)
    assert worker.heard(b"news")[0] == b"1"
    assert worker.lost == []


async def test_what_is_for_another_worker_with_the_same_bucket_is_not_taken(
    host: RelayedHost, server: RedisServer
) -> None:
    by_bucket: dict[int, bytes] = {}
    for number in itertools.count():
        name = b"channel%d" % number
        other = by_bucket.setdefault(channel_bucket(name), name)
        if other != name:
            break
    first, second = await host.worker(), await host.worker()
    await first.subscribe(name.decode(), "end")
    await second.subscribe(other.decode(), "end")
    async with server.client() as client:
        await client.publish(name.decode(), "1")
        await client.publish(other.decode(), "2")
        await client.publish("end", "3")
    for worker in (first, second):
        await until(lambda worker=worker: worker.heard(b"end"))  # type: ignore[misc]
    assert [first.heard(name), first.heard(other)] == [[b"1"], []]
    assert [second.heard(name), second.heard(other)] == [[], [b"2"]]


async def test_whoever_is_held_for_long_is_told_that_something_was_overwritten(
    server: RedisServer, tmp_path: Path
) -> None:
    """And hears what came before, in order, and nothing behind the gap."""
    await server.start()
    async with RelayedHost(
        server.client, str(tmp_path / "relay.sock"), places=1 << 10, ring_bytes=1 << 20
    ) as host:
        slow, other = await host.worker(), await host.worker()
        for worker in (slow, other):
            await worker.subscribe("news")
        slow.gate.close()
        async with server.client() as client, client.pipeline(transaction=False) as pipeline:
            for start in range(0, 20_000, 500):
                for number in range(start, start + 500):
                    pipeline.publish("news", number)
                await pipeline.execute()
                await until(lambda start=start: len(other.heard(b"news")) == start + 500)  # type: ignore[misc]
        slow.gate.open()
        await until(lambda: slow.lost)
        assert "messages were overwritten before they were read" in slow.lost[0]
        heard = slow.heard(b"news")
        assert heard == [b"%d" % number for number in range(len(heard))]
        assert len(heard) < 1000
        assert other.heard(b"news") == [b"%d" % number for number in range(20_000)]


async def test_a_message_larger_than_a_record_may_be_ends_the_connections_of_those_who_want_it(
    server: RedisServer, tmp_path: Path
) -> None:
    await server.start()
    async with RelayedHost(
        server.client, str(tmp_path / "relay.sock"), places=1 << 10, ring_bytes=1 << 16
    ) as host:
        first, second = await host.worker(), await host.worker()
        await first.subscribe("news")
        await second.subscribe("other")
        async with server.client() as client:
            await client.publish("news", "small")
            await client.publish("news", b"x" * (1 << 15))
            await until(lambda: first.lost)
            await client.publish("other", "small")
            await until(lambda: second.heard(b"other"))
        assert "a record of the shared log has at most" in first.lost[0]
        assert first.heard(b"news") == [b"small"]
        assert second.lost == []


async def test_what_was_appended_before_the_relay_ended_is_heard(
    host: RelayedHost, server: RedisServer
) -> None:
    worker, other = await host.worker(), await host.worker()
    for each in (worker, other):
        await each.subscribe("news")
    worker.gate.close()
    async with server.client() as client, client.pipeline(transaction=False) as pipeline:
        for number in range(1000):
            pipeline.publish("news", number)
        await pipeline.execute()
    await until(lambda: len(other.heard(b"news")) == 1000)
    await host.stop_relay()
    await until(lambda: other.lost)
    assert worker.lost == []
    worker.gate.open()
    await until(lambda: worker.lost)
    assert worker.heard(b"news") == [b"%d" % number for number in range(1000)]
