"""`revurb.Client` on a real server: what users see."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
from typing import Any

import pytest

import revurb
from revurb import App, Client, Server
from revurb.pusher_client import (
    CannotConnect,
    ChannelRefused,
    ClientClosed,
    ClientError,
    ClientState,
    ConnectionRefused,
    ConnectionTiming,
    Event,
    StateChange,
)
from tests.pusher_client.collected import APP, AT_ONCE, PATIENCE_S, Collected


async def test_events_meet_handlers_and_loops() -> None:
    async with Server(apps=[APP], port=0) as server, Client(server.ws_url, key=APP.key) as client:
        assert client.state.value == "connected"
        assert client.socket_id
        everything, shipped, anywhere = Collected(), Collected(), Collected()
        client.bind("order.shipped", anywhere)
        channel = await client.subscribe("orders")
        assert await client.subscribe("orders") is channel is client.channel("orders")
        channel.bind_all(everything)
        channel.bind("order.shipped", shipped)
        await server.trigger("orders", "order.shipped", {"n": 1})
        await server.trigger("orders", "order.lost", "plain")
        await everything.count(3)
        assert everything.names == ["pusher:subscription_succeeded", "order.shipped", "order.lost"]
        assert everything.events[2] == Event("order.lost", "orders", "plain")
        assert shipped.data == anywhere.data == [{"n": 1}]
        channel.unbind("order.shipped", shipped)
        async with asyncio.timeout(PATIENCE_S):
            loop = aiter(channel)
            await server.trigger("orders", "order.shipped", {"n": 2})
            assert (await anext(loop)).json() == {"n": 2}
        assert len(shipped.events) == 1
        await channel.unsubscribe()
        assert [event async for event in channel] == []
        assert client.channel("orders") is None
        await client.unsubscribe("orders")
    assert client.state.value == "closed"


async def test_what_comes_before_the_first_handler_waits_for_it() -> None:
    async with Server(apps=[APP], port=0) as server, Client(server.ws_url, key=APP.key) as client:
        channel, seen = await client.subscribe("orders"), Collected()
        client.bind_all(seen)
        for number in range(3):
            await server.trigger("orders", "e", number)
        await seen.count(3)
        first, second = Collected(), Collected()
        channel.bind("e", first)
        channel.bind("e", second)
        assert [event.json() for event in await second.count(3)] == [0, 1, 2]
        assert first.events == second.events == seen.events


async def test_asynchronous_handlers_may_use_the_client() -> None:
    """One that subscribes waits for what the client has yet to read."""
    async with Server(apps=[APP], port=0) as server, Client(server.ws_url, key=APP.key) as client:
        channel, done = await client.subscribe("orders"), asyncio.Event()

        async def follow(event: Event) -> None:
            await client.subscribe(event.data)
            done.set()

        channel.bind("see", follow)
        await server.trigger("orders", "see", "other")
        async with asyncio.timeout(PATIENCE_S):
            await done.wait()
        other = client.channel("other")
        assert other is not None
        assert other.is_subscribed


async def test_a_handler_that_raises_is_logged_and_harmless(caplog: pytest.LogCaptureFixture) -> None:
    async with Server(apps=[APP], port=0) as server, Client(server.ws_url, key=APP.key) as client:
        channel, seen = await client.subscribe("orders"), Collected()

        def fail(event: Event) -> None:
            raise KeyError(event.data)

        channel.bind("e", fail)
        channel.bind("e", seen)
        with caplog.at_level(logging.ERROR, "revurb.pusher_client"):
            for number in range(2):
                await server.trigger("orders", "e", number)
            await seen.count(2)
    messages = [
        record.getMessage() for record in caplog.records if record.name.startswith("revurb.pusher_client")
    ]
    assert messages == ["a handler has failed"] * 2


async def test_a_loop_that_is_too_slow_is_told_how_much_it_has_missed() -> None:
    async with Server(apps=[APP], port=0) as server:
        async with Client(server.ws_url, key=APP.key, max_queued=10) as client:
            client.congestion._full_wait_s = 0.01  # the default is for programs
            channel, seen = await client.subscribe("orders"), Collected()
            client.bind_all(seen)
            loop = aiter(channel)
            got: list[Event] = []
            for number in range(30):
                await server.trigger("orders", "e", number)
            await seen.until(lambda: seen.names.count("e") == 30)
            async with asyncio.timeout(PATIENCE_S):
                while len(got) < 10 or got[-1].event != "revurb:gap":
                    got.append(await anext(loop))
                await server.trigger("orders", "e", 30)
                last = await anext(loop)
            gap = got.pop().json()
            numbers = [event.json() for event in got]
            assert numbers == list(range(len(numbers)))
            assert gap == {"reason": "overflow", "lost": 30 - len(numbers)}
            assert last.json() == 30


async def test_two_clients_whisper() -> None:
    async with Server(apps=[APP], port=0) as server:
        async with Client(server.ws_url, auth=APP) as ann, Client(server.ws_url, auth=APP) as bob:
            said, heard, own = await ann.subscribe("private-a"), Collected(), Collected()
            (await bob.subscribe("private-a")).bind("client-typing", heard)
            said.bind("client-typing", own)
            assert await said.trigger("client-typing", {"text": "ä"})
            assert [event.json() for event in await heard.count(1)] == [{"text": "ä"}]
            assert own.events == []
            await said.unsubscribe()
            assert not await said.trigger("client-typing", {})
            for channel, event in (("private-a", "typing"), ("orders", "client-a")):
                with pytest.raises(ValueError, match="client"):
                    await (await ann.subscribe(channel)).trigger(event, {})


async def test_a_server_that_excludes_this_client() -> None:
    async with Server(apps=[APP], port=0) as server, Client(server.ws_url, key=APP.key) as client:
        seen = Collected()
        (await client.subscribe("orders")).bind("e", seen)
        await server.trigger("orders", "e", 1, socket_id=client.socket_id)
        await server.trigger("orders", "e", 2)
        assert [event.json() for event in await seen.count(1)] == [2]


async def test_auth_that_is_refused() -> None:
    async with Server(apps=[APP], port=0) as server:
        forger = App(id="1", key="key1", secret="another")
        async with Client(server.ws_url, auth=forger) as client, Client(server.ws_url, key="key1") as nobody:
            with pytest.raises(ChannelRefused, match="not subscribed to private-a: ") as caught:
                await client.subscribe("private-a")
            assert caught.value.channel == "private-a"
            assert client.channel("private-a") is None
            await client.subscribe("orders")  # the connection goes on
            with pytest.raises(ChannelRefused, match="private-a: it needs auth"):
                await nobody.subscribe("private-a")


async def test_an_app_that_the_server_does_not_know() -> None:
    async with Server(apps=[APP], port=0) as server:
        client = Client(server.ws_url, key="unknown")
        with pytest.raises(ConnectionRefused, match="4001") as caught:
            await client.start()
        assert caught.value.code == 4001
        assert client.state is ClientState.CLOSED
        with pytest.raises(ConnectionRefused):
            await client.subscribe("orders")


async def test_nobody_is_there(closed_port: int) -> None:
    timing = ConnectionTiming(first_patience_s=0.05, delay_s=lambda attempt: 0.01)
    with pytest.raises(CannotConnect, match=f"cannot reach ws://127.0.0.1:{closed_port}: connection refused"):
        await Client(f"ws://127.0.0.1:{closed_port}", key="k", timing=timing).start()


async def test_a_server_that_is_started_later(closed_port: int) -> None:
    changes: list[StateChange] = []
    client = Client(f"ws://127.0.0.1:{closed_port}", key=APP.key, timing=AT_ONCE)
    failed = asyncio.Event()

    def note(change: StateChange) -> None:
        changes.append(change)
        if change.current is ClientState.UNAVAILABLE:
            failed.set()

    client.bind_state(note)
    async with asyncio.timeout(PATIENCE_S):
        starting = asyncio.create_task(client.start())
        await failed.wait()
        async with Server(apps=[APP], port=closed_port):
            await starting
            await client.subscribe("orders")
            await client.close()
    assert [change.current.value for change in changes] == [
        "connecting",
        "unavailable",
        "connected",
        "closed",
    ]
    assert changes[1].reason == "connection refused"


async def test_a_client_that_is_not_open() -> None:
    client = Client("ws://127.0.0.1:1", key="k")
    with pytest.raises(ClientClosed, match="not started"):
        await client.subscribe("orders")
    await client.close()
    async with Server(apps=[APP], port=0) as server:
        again = Client(server.ws_url, key=APP.key)
        for _ in range(2):  # it may be opened again
            async with again:
                await again.subscribe("orders")
                with pytest.raises(ClientError, match="started already"):
                    await again.start()
        with pytest.raises(ClientClosed, match="the client is closed"):
            await again.subscribe("orders")


async def test_who_waits_is_told_of_the_end() -> None:
    async with Server(apps=[APP], port=0) as server:
        never = asyncio.Event()

        async def auth(socket_id: str, channel: str) -> dict[str, str]:
            await never.wait()
            return {}

        client = Client(server.ws_url, key=APP.key, auth=auth)
        await client.start()
        channel = await client.subscribe("orders")

        async def read() -> list[Event]:
            return [event async for event in channel]

        reading = asyncio.create_task(read())
        waiting = [asyncio.create_task(client.subscribe("private-a")) for _ in range(2)]
        cancelled = asyncio.create_task(client.subscribe("private-b"))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait((cancelled,))
        assert client.channel("private-b") is None
        leaving = asyncio.create_task(client.subscribe("private-c"))
        await asyncio.sleep(0)
        await client.unsubscribe("private-c")
        with pytest.raises(ChannelRefused, match="left meanwhile"):
            await leaving
        await client.close()
        assert await reading == []
        assert [type(error) for error in await asyncio.gather(*waiting, return_exceptions=True)] == [
            ClientClosed
        ] * 2


async def test_a_start_that_is_cancelled_leaves_nothing(closed_port: int) -> None:
    timing = ConnectionTiming(first_patience_s=None)
    client = Client(f"ws://127.0.0.1:{closed_port}", key="k", timing=timing)
    starting = asyncio.create_task(client.start())
    await asyncio.sleep(0)
    starting.cancel()
    await asyncio.wait((starting,))
    assert client.state is ClientState.CLOSED
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_task_that_is_cancelled_leaves_nothing() -> None:
    """Without a warning, which would fail the test."""
    async with Server(apps=[APP], port=0) as server:
        before, began = asyncio.all_tasks(), asyncio.Event()

        async def program() -> None:
            async with Client(server.ws_url, auth=APP) as client:
                channel, other = await client.subscribe("private-a"), await client.subscribe("orders")

                async def wait(event: Event) -> None:
                    began.set()
                    await asyncio.Event().wait()

                other.bind("e", wait)
                async for _ in channel:
                    pass

        task = asyncio.create_task(program())
        while not began.is_set():
            await server.trigger("orders", "e", 1)
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()
        assert asyncio.all_tasks() == before
    gc.collect()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": "http://x", "key": "k"}, "Client.url: found 'http://x'; allowed: a URL such as wss://"),
        ({"url": "ws://x?a=b", "key": "k"}, "Client.url"),
        ({"url": "ws://x:port", "key": "k"}, "Client.url"),
        ({"url": "ws://x"}, "Client.key: not given"),
        ({"url": "ws://x", "key": "k", "auth": "nowhere"}, "AuthEndpoint.url: found 'nowhere'"),
    ],
)
def test_what_cannot_be_a_client(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Client(**arguments)  # type: ignore[arg-type]


def test_it_is_loaded_when_it_is_asked_for() -> None:
    program = (
        "import revurb, sys; assert 'asyncio' not in sys.modules; "
        "revurb.Client; assert 'websockets' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
    assert revurb.Client is Client


@pytest.mark.parametrize("name", ["", "\ud800", "#server-to-user-7", None, 7])
async def test_what_is_no_name_of_a_channel_is_not_waited_for(name: Any) -> None:
    async with (
        Server(apps=[APP], port=0) as server,
        Client(server.ws_url, auth=APP) as client,
        asyncio.timeout(PATIENCE_S),
    ):
        with pytest.raises(ValueError, match=r"Client\.subscribe: found .*; allowed: the name of a channel"):
            await client.subscribe(name)
        assert client.channel(name) is None
