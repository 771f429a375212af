"""The subscribing connection to one server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from revurb.bus.redis import pubsub_listener
from revurb.bus.redis.command_queue import RedisUnavailable
from revurb.bus.redis.pubsub_listener import MAX_CHANNELS_AT_ONCE, MAX_MESSAGES_AT_ONCE, PubSubListener
from revurb.bus.redis.receiving_gate import ReceivingGate
from tests.redis_server import RedisServer


class Handler:
    """Keeps what a listener reports."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()
        self.lost: asyncio.Queue[RedisUnavailable] = asyncio.Queue()

    def on_message(self, channel: bytes, data: bytes) -> None:
        self.messages.put_nowait((channel, data))

    def on_lost(self, error: RedisUnavailable) -> None:
        self.lost.put_nowait(error)


@contextlib.asynccontextmanager
async def listening(server: RedisServer, *channels: str) -> AsyncIterator[tuple[PubSubListener, Handler]]:
    await server.start()
    handler = Handler()
    async with server.client() as redis, asyncio.timeout(10):
        listener = PubSubListener(redis, handler)
        await listener.open(channels)
        yield listener, handler
        await listener.close()


async def test_nothing_is_missed_once_a_channel_is_subscribed_to(server: RedisServer) -> None:
    async with listening(server, "a") as (listener, handler), server.client() as client:
        assert await client.publish("a", "1") == 1
        subscribed = asyncio.Event()
        also: list[str] = []
        for then in (subscribed.set, lambda: also.append("b")):
            listener.subscribe("b", then)
        await subscribed.wait()
        assert also == ["b"]
        assert await client.publish("b", "2") == 1
        assert [await handler.messages.get() for _ in range(2)] == [(b"a", b"1"), (b"b", b"2")]
        at_once: list[str] = []
        listener.subscribe("a", lambda: at_once.append("a"))
        assert at_once == ["a"]
        assert listener.server_of("a") == server.socket


async def test_a_channel_can_be_left_and_come_back_to_before_redis_has_said_anything(
    server: RedisServer,
) -> None:
    async with listening(server) as (listener, handler), server.client() as client:
        subscribed = asyncio.Event()
        said: list[str] = []
        listener.subscribe("a", lambda: said.append("first"))
        listener.unsubscribe("a")
        listener.subscribe("a", lambda: said.append("second"))
        listener.subscribe("b", subscribed.set)
        await subscribed.wait()
        assert said == ["first", "second"]
        assert await client.publish("a", "1") == 1
        assert await handler.messages.get() == (b"a", b"1")


async def test_a_channel_that_is_left_before_redis_has_said_anything_is_left(server: RedisServer) -> None:
    async with listening(server) as (listener, _), server.client() as client:
        left, again = asyncio.Event(), asyncio.Event()
        listener.subscribe("a", lambda: None)
        listener.unsubscribe("a")
        listener.subscribe("b", left.set)
        await left.wait()
        assert await client.publish("a", "1") == 0
        listener.subscribe("a", again.set)
        await again.wait()
        assert await client.publish("a", "2") == 1


async def test_a_channel_can_be_left_and_come_back_to(server: RedisServer) -> None:
    async with listening(server, "a") as (listener, handler), server.client() as client:
        listener.unsubscribe("a")
        subscribed = asyncio.Event()
        listener.subscribe("b", subscribed.set)
        await subscribed.wait()
        assert await client.publish("a", "1") == 0
        subscribed.clear()
        listener.subscribe("a", subscribed.set)
        await subscribed.wait()
        assert await client.publish("a", "2") == 1
        assert await handler.messages.get() == (b"a", b"2")


async def test_what_was_sent_before_the_server_was_killed_is_read(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 1000
    monkeypatch.setattr(pubsub_listener, "MAX_MESSAGES_AT_ONCE", 2)
    async with listening(server, "a") as (listener, handler), server.client() as client:
        await client.eval(f"for i = 1, {count} do redis.call('PUBLISH', 'a', i) end", 0)
        await client.ping()  # behind that it has written everything
        await server.kill()
        assert handler.messages.qsize() < count
        await listener.read_rest()
        assert [int(handler.messages.get_nowait()[1]) for _ in range(count)] == list(range(1, count + 1))


async def test_the_rest_of_a_server_that_lives_is_read_and_no_more(server: RedisServer) -> None:
    async with listening(server, "a") as (listener, handler), server.client() as client:
        await client.publish("a", "1")
        await listener.read_rest()
        assert handler.messages.get_nowait() == (b"a", b"1")
        assert handler.lost.empty()


async def test_what_comes_while_it_is_held_comes_when_it_is_let_go(server: RedisServer) -> None:
    await server.start()
    async with server.client() as redis, server.client() as client, asyncio.timeout(10):
        handler, gate = Handler(), ReceivingGate()
        listener = PubSubListener(redis, handler, gate)
        await listener.open(("a",))
        gate.close()
        for number in range(3):
            assert await client.publish("a", b"%d" % number) == 1
        listener.subscribe("b", lambda: handler.messages.put_nowait((b"", b"subscribed")))
        while await client.pubsub_numsub("b") != [(b"b", 1)]:
            pass
        assert handler.messages.empty()
        for _ in range(2):
            gate.open()
            gate.close()
        gate.open()
        expected = [(b"a", b"0"), (b"a", b"1"), (b"a", b"2"), (b"", b"subscribed")]
        assert [await handler.messages.get() for _ in range(4)] == expected
        await client.publish("b", "x")
        assert await handler.messages.get() == (b"b", b"x")
        await listener.close()


async def test_whoever_is_closed_is_subscribed_to_nothing(server: RedisServer) -> None:
    """Also while it is held up and does not read."""
    await server.start()
    async with server.client() as redis, server.client() as client, asyncio.timeout(10):
        handler, gate = Handler(), ReceivingGate()
        listener = PubSubListener(redis, handler, gate)
        await listener.open(("a",))
        gate.close()
        await client.publish("a", "x")
        await listener.close()
        assert await redis.ping()  # its client can still be used
        while await client.pubsub_numsub("a") != [(b"a", 0)]:
            pass
        gate.open()
        await redis.ping()
        assert handler.messages.empty()
        assert handler.lost.empty()


async def test_a_message_that_cannot_be_handled_costs_no_other(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(server, "a") as (_, handler), server.client() as client:
        take = handler.on_message

        def on_message(channel: bytes, data: bytes) -> None:
            take(channel, data)
            assert data != b"1"

        handler.on_message = on_message  # type: ignore[method-assign]
        for data in ("1", "2"):
            await client.publish("a", data)
        assert [await handler.messages.get() for _ in range(2)] == [(b"a", b"1"), (b"a", b"2")]
        assert [record.message for record in caplog.records] == ["message not handled"]
        assert handler.lost.empty()


async def test_many_channels_take_few_commands_which_keep_their_order(server: RedisServer) -> None:
    async with listening(server, "a") as (listener, _), server.client() as client:
        subscribed = asyncio.Event()
        for number in range(2 * MAX_CHANNELS_AT_ONCE):
            listener.subscribe(f"b{number}", lambda: None)
        listener.unsubscribe("a")
        listener.unsubscribe("b0")
        listener.subscribe("a", subscribed.set)
        await subscribed.wait()
        assert len(await client.pubsub_channels()) == 2 * MAX_CHANNELS_AT_ONCE
        assert await client.publish("b0", "x") == 0
        stats = await client.info("commandstats")
        assert stats["cmdstat_subscribe"]["calls"] == 1 + 2 + 1
        assert stats["cmdstat_unsubscribe"]["calls"] == 1


async def test_however_much_comes_others_have_their_turn(server: RedisServer) -> None:
    await server.start()
    async with server.client() as redis, server.client() as client, asyncio.timeout(10):
        handler, gate, turns, at = Handler(), ReceivingGate(), 0, list[int]()
        listener = PubSubListener(redis, handler, gate)
        handler.on_message = lambda channel, data: at.append(turns)  # type: ignore[method-assign]
        await listener.open(("a",))
        gate.close()
        pipeline = client.pipeline()
        for _ in range(10 * MAX_MESSAGES_AT_ONCE):
            pipeline.publish("a", b"x")
        await pipeline.execute()
        gate.open()
        while len(at) < 10 * MAX_MESSAGES_AT_ONCE:
            turns += 1
            await asyncio.sleep(0)
        assert max(at.count(turn) for turn in set(at)) <= MAX_MESSAGES_AT_ONCE
        await listener.close()


async def test_a_lost_connection_is_reported(server: RedisServer) -> None:
    async with listening(server, "a") as (_, handler):
        await server.kill()
        assert str(await handler.lost.get())


async def test_a_server_that_is_not_there_cannot_be_opened(server: RedisServer) -> None:
    async with server.client() as redis:
        listener = PubSubListener(redis, Handler())
        with pytest.raises(RedisUnavailable):
            await listener.open(("a",))
        await listener.close()


async def test_a_channel_that_an_acl_forbids_is_reported_in_its_words(server: RedisServer) -> None:
    await server.start()
    async with server.client() as client:
        await client.acl_setuser("default", enabled=True, reset_channels=True, channels=["a"])
        handler = Handler()
        async with server.client() as redis, asyncio.timeout(10):
            listener = PubSubListener(redis, handler)
            await listener.open(("a",))
            listener.subscribe("b", lambda: None)
            assert str(await handler.lost.get()).startswith("NOPERM ")
            await client.publish("a", "too late")
            await listener.close()
        assert handler.lost.empty()
        assert handler.messages.empty()


async def test_subscriptions_that_cannot_be_sent_are_reported(server: RedisServer) -> None:
    """Otherwise a node would believe that events of the channel still come."""

    def slot_of(channel: str) -> int:
        raise ValueError(f"no slot for {channel}")

    await server.start()
    handler = Handler()
    async with server.client() as redis, asyncio.timeout(10):
        listener = PubSubListener(redis, handler, slot_of=slot_of)
        await listener.open(())
        listener.subscribe("a", lambda: None)
        assert str(await handler.lost.get()) == "no slot for a"
        await listener.close()
