"""The `pusher` SDK for Python against the HTTP API, and Python clients on the other side."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pusher.errors  # type: ignore[import-untyped]
import pysher  # type: ignore[import-untyped]
import pytest
import websockets

from tests.client import connect
from tests.e2e.conftest import APP, serve, server_sdk


async def test_triggering_and_asking() -> None:
    async with (
        serve() as server,
        connect(server.port, APP.key) as ann,
        connect(server.port, APP.key) as bob,
    ):
        sdk = server_sdk(server.port)
        await ann.subscribe("news")
        await ann.subscribe("presence-room", APP, {"user_id": "1"})
        await bob.subscribe("presence-room", APP, {"user_id": "2"})
        await ann.expect("pusher_internal:member_added")

        await asyncio.to_thread(sdk.trigger, ["news", "presence-room"], "e", {"a": "é/ü"}, bob.socket_id)
        assert json.loads((await ann.expect("e", "news"))["data"]) == {"a": "é/ü"}
        await ann.expect("e", "presence-room")
        await bob.expect_silence()

        batch = [
            {"channel": "news", "name": "one", "data": "1"},
            {"channel": "presence-room", "name": "two", "data": {"n": 2}, "socket_id": ann.socket_id},
        ]
        assert await asyncio.to_thread(sdk.trigger_batch, batch) == {}
        await ann.expect("one")
        await ann.expect_silence()
        assert json.loads((await bob.expect("two"))["data"]) == {"n": 2}

        assert await asyncio.to_thread(sdk.channels_info) == {"channels": {"news": {}, "presence-room": {}}}
        assert await asyncio.to_thread(sdk.channels_info, "presence-", ["user_count"]) == {
            "channels": {"presence-room": {"user_count": 2}}
        }
        assert await asyncio.to_thread(sdk.channel_info, "news", ["subscription_count"]) == {
            "occupied": True,
            "subscription_count": 1,
        }
        assert await asyncio.to_thread(sdk.users_info, "presence-nobody") == {"users": []}
        with pytest.raises(pusher.errors.PusherBadRequest, match="Only presence channels"):
            await asyncio.to_thread(sdk.users_info, "news")
        assert await asyncio.to_thread(sdk.channel_info, "nobody") == {"occupied": False}
        assert await asyncio.to_thread(sdk.users_info, "presence-room") == {
            "users": [{"id": "1"}, {"id": "2"}]
        }


async def test_calls_as_large_as_pusher_documents() -> None:
    async with serve() as server, connect(server.port, APP.key) as client:
        sdk = server_sdk(server.port)
        await client.subscribe("news")
        data = "é" * 5_000  # 10 KB
        batch = [{"channel": "news", "name": "batched", "data": data} for _ in range(10)]
        await asyncio.to_thread(sdk.trigger_batch, batch)
        for _ in range(10):
            assert (await client.expect("batched"))["data"] == data
        channels = [f"{number:0>200}" for number in range(99)]
        await asyncio.to_thread(sdk.trigger, [*channels, "news"], "wide", data)
        assert (await client.expect("wide"))["data"] == data
        with pytest.raises(pusher.errors.PusherBadStatus, match="REVERB_MAX_REQUEST_SIZE"):
            await asyncio.to_thread(sdk.trigger, "news", "single", data * 2)


async def test_a_wrong_secret_is_told() -> None:
    async with serve() as server:
        sdk = pusher.Pusher(APP.id, APP.key, "wrong", host="127.0.0.1", port=server.port, ssl=False)
        with pytest.raises(pusher.errors.PusherBadAuth, match=r"Authentication signature invalid\."):
            await asyncio.to_thread(sdk.trigger, "news", "e", "x")


async def test_the_sdk_leaves_the_app_out_of_a_path() -> None:
    """Which docs/python.md says."""
    async with serve() as server:
        with pytest.raises(pusher.errors.PusherBadStatus, match="404"):
            await asyncio.to_thread(server_sdk(server.port).terminate_user_connections, "7")


async def test_what_the_sdk_signs_is_accepted() -> None:
    async with serve() as server, connect(server.port, APP.key) as client:
        sdk = server_sdk(server.port)
        user = {"user_id": "1", "user_info": {"name": "Ann"}}
        for channel, member in (("private-a", None), ("presence-a", user)):
            data: dict[str, Any] = sdk.authenticate(channel, client.socket_id, member)
            await client.send({"event": "pusher:subscribe", "data": {"channel": channel, **data}})
            await client.expect("pusher_internal:subscription_succeeded", channel)


async def test_pysher() -> None:
    loop = asyncio.get_running_loop()
    heard: asyncio.Queue[str] = asyncio.Queue()

    def tell(word: str) -> None:
        loop.call_soon_threadsafe(heard.put_nowait, word)

    async with serve() as server:
        client = pysher.Pusher(APP.key, secure=False, custom_host="127.0.0.1", port=server.port)
        client.connection.bind("pusher:connection_established", lambda _: tell("connected"))
        client.connect()
        try:
            async with asyncio.timeout(10):
                assert await heard.get() == "connected"
                channel = client.subscribe("news")
                channel.bind("pusher_internal:subscription_succeeded", lambda _: tell("subscribed"))
                channel.bind("e", tell)
                assert await heard.get() == "subscribed"
                await asyncio.to_thread(server_sdk(server.port).trigger, "news", "e", "hello")
                assert await heard.get() == "hello"
        finally:
            # It joins its thread, which sleeps for 10 s and more where the close was no clean one; a daemon.
            await asyncio.to_thread(client.disconnect, timeout=1)


async def test_websockets() -> None:
    url = "ws://127.0.0.1:{}/app/app-key?protocol=7"
    async with serve() as server:
        async with websockets.connect(url.format(server.port)) as client:
            assert json.loads(await client.recv())["event"] == "pusher:connection_established"
            await client.send('{"event":"pusher:subscribe","data":{"channel":"news"}}')
            assert json.loads(await client.recv())["event"] == "pusher_internal:subscription_succeeded"
            await server.trigger("news", "e", "x")
            assert json.loads(await client.recv()) == {"event": "e", "channel": "news", "data": "x"}
