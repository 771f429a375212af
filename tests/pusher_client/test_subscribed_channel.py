"""One channel of a client, on a real server and with Pusher's SDK."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace

import pusher  # type: ignore[import-untyped]
import pytest

from revurb import Client, Server
from revurb.pusher_client import AppAuth, AuthRefused, Event
from revurb.pusher_client.subscribed_channel import is_cache
from tests.pusher_client.collected import APP, PATIENCE_S, Collected

NAME = "private-encrypted-orders"
KEYS = [base64.b64encode(bytes([number]) * 32).decode() for number in range(2)]


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("cache-a", True),
        ("private-cache-a", True),
        ("presence-cache-a", True),
        ("private-encrypted-cache-a", True),
        ("a-cache-b", False),
        ("private-a", False),
        ("cachea", False),
    ],
)
def test_cache_channels(name: str, is_one: bool) -> None:
    assert is_cache(name) is is_one


async def test_members_come_and_go() -> None:
    async with Server(apps=[APP], port=0) as server:
        async with Client(server.ws_url, auth=AppAuth(APP, user={"id": "ann", "user_info": {"n": 1}})) as ann:
            room, seen = await ann.subscribe("presence-a"), Collected()
            room.bind_all(seen)
            assert room.me is not None
            assert (room.me.id, room.me.info) == ("ann", {"n": 1})
            async with Client(server.ws_url, auth=AppAuth(APP, user={"id": "bob"})) as bob:
                theirs = await bob.subscribe("presence-a")
                assert [member.id for member in theirs.members] == ["ann", "bob"]
                assert await theirs.trigger("client-hi", 1)
                await seen.until(lambda: "client-hi" in seen.names)
                assert seen.events[-1] == Event("client-hi", "presence-a", "1", "bob")
                assert "bob" in room.members
            await seen.until(lambda: seen.names[-1] == "pusher:member_removed")
            assert "bob" not in room.members


async def test_the_number_of_subscribers_is_told() -> None:
    counting = replace(APP, subscription_count_events=True)
    async with Server(apps=[counting], port=0) as server, Client(server.ws_url, key=APP.key) as client:
        channel, seen = await client.subscribe("orders"), Collected()
        channel.bind("pusher:subscription_count", seen)
        await seen.until(lambda: bool(seen.events))
        assert seen.data[-1] == {"subscription_count": 1}
        assert channel.subscription_count == 1


async def test_a_key_that_has_changed_is_asked_for() -> None:
    """And events come in their order meanwhile."""
    key, asked = KEYS[0], 0

    async def auth(socket_id: str, channel: str) -> dict[str, str]:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        if key == "":
            raise AuthRefused("no key any more")
        return AppAuth(APP, encryption_master_key_base64=key)(socket_id, channel)

    async with Server(apps=[APP], port=0) as server, Client(server.ws_url, key=APP.key, auth=auth) as client:
        sdks = [
            pusher.Pusher(
                APP.id, APP.key, APP.secret, host="127.0.0.1", port=server.port, ssl=False,
                encryption_master_key_base64=key,
            )
            for key in KEYS
        ]  # fmt: skip
        channel, seen = await client.subscribe(NAME), Collected()
        channel.bind("e", seen)
        channel.bind("revurb:decryption_failed", seen)
        with pytest.raises(ValueError, match="no client events"):
            await channel.trigger("client-a", {})
        await asyncio.to_thread(sdks[0].trigger, NAME, "e", "first")
        await seen.count(1)
        key = KEYS[1]
        for text in ("second", "third"):
            await asyncio.to_thread(sdks[1].trigger, NAME, "e", text)
        await seen.count(3)
        assert asked == 2
        key = ""
        await asyncio.to_thread(sdks[0].trigger, NAME, "e", "lost")
        await server.trigger(NAME, "e", "not encrypted")
        await seen.count(5)
        key = KEYS[0]
        await asyncio.to_thread(sdks[0].trigger, NAME, "e", "last")
        await seen.until(lambda: seen.events[-1].data == "last")
        failed = "revurb:decryption_failed"
        assert seen.names == ["e", "e", "e", failed, failed, "e"]
        assert [event.data for event in seen.events if event.event == "e"] == [
            "first",
            "second",
            "third",
            "last",
        ]


async def test_two_loops_share_the_events() -> None:
    async with Server(apps=[APP], port=0) as server, Client(server.ws_url, key=APP.key) as client:
        channel, done = await client.subscribe("orders"), Collected()

        async def loop() -> None:
            async for event in channel:
                done(event)

        loops = [asyncio.create_task(loop()) for _ in range(2)]
        for number in range(10):
            await server.trigger("orders", "e", number)
        await done.count(10)
        assert sorted(done.data) == list(range(10))
        await channel.unsubscribe()
        await asyncio.gather(*loops)


async def test_a_loop_that_is_left_and_begun_again_misses_nothing() -> None:
    async with Server(apps=[APP], port=0) as server, Client(server.ws_url, key=APP.key) as client:
        channel = await client.subscribe("orders")
        got = []
        for number in range(6):
            await server.trigger("orders", "e", number)
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(3):
                async for event in channel:
                    got.append(event.json())
                    if len(got) % 2 == 0:
                        break
        assert got == list(range(6))
