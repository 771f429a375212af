"""Signing in, on a real server."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from revurb import Client, Server
from revurb.pusher_client import AppAuth, AuthRefused, ChannelRefused, UserRefused
from tests.pusher_client.collected import APP, AT_ONCE, PATIENCE_S, Collected
from tests.pusher_client.cutting_proxy import cutting_proxy


def client_of(server: Server, user_id: str, *watchlist: str) -> Client:
    user = {"id": user_id, "watchlist": list(watchlist)}
    return Client(server.ws_url, auth=AppAuth(APP, user=user), timing=AT_ONCE)


async def test_what_the_user_is_sent_and_who_comes_and_goes() -> None:
    async with Server(apps=[APP], port=0) as server, client_of(server, "ann", "bob") as ann:
        seen, everything, online, offline = Collected(), Collected(), Collected(), Collected()
        ann.user.bind("note", seen)
        ann.user.bind_all(everything)
        ann.watchlist.bind("online", online)
        ann.watchlist.bind("offline", offline)
        await ann.sign_in()
        await ann.sign_in()  # is done already
        assert ann.user.id == "ann"
        async with client_of(server, "bob") as bob:
            await bob.sign_in()
            assert (await online.count(1))[0].json()["user_ids"] == ["bob"]
        assert (await offline.count(1))[0].json()["user_ids"] == ["bob"]
        await server.trigger("#server-to-user-ann", "note", {"n": 1})
        assert [event.json() for event in await seen.count(1)] == [{"n": 1}]
        assert everything.names == ["note"]
        ann.user.unbind("note", seen)
        ann.watchlist.unbind()
        await server.trigger("#server-to-user-ann", "note", {"n": 2})
        await everything.count(2)
        assert len(seen.events) == 1
    assert ann.user.id is None


async def test_it_is_done_again_on_each_connection() -> None:
    async with Server(apps=[APP], port=0) as server, cutting_proxy(server.port) as proxy:
        auth = AppAuth(APP, user={"id": "ann"})
        async with Client(proxy.url, auth=auth, timing=AT_ONCE) as client:
            await client.sign_in()
            channel, back, seen = await client.subscribe("orders"), Collected(), Collected()
            channel.bind("pusher:subscription_succeeded", back)
            client.user.bind("note", seen)
            proxy.cut()
            await back.count(2)
            await client.user.settled()
            await server.trigger("#server-to-user-ann", "note", 1)
            await seen.count(1)


async def test_a_presence_channel_of_the_user_who_has_signed_in() -> None:
    """Its auth has no channel_data then."""

    def auth(socket_id: str, channel: str) -> dict[str, str]:
        return {"auth": f"{APP.key}:{APP.sign(f'{socket_id}:{channel}')}"}

    def user_auth(socket_id: str) -> dict[str, str]:
        return APP.authenticate_user(socket_id, {"id": "ann"})

    async with Server(apps=[APP], port=0) as server:
        async with Client(server.ws_url, key=APP.key, auth=auth, user_auth=user_auth) as client:
            with pytest.raises(ChannelRefused, match="no channel_data, and nobody is signed in"):
                await client.subscribe("presence-a")
            await client.sign_in()
            channel = await client.subscribe("presence-a")
            assert channel.me is not None
            assert channel.me.id == "ann"


async def test_auth_that_refuses_or_fails() -> None:
    async def refuse(socket_id: str) -> dict[str, Any]:
        raise AuthRefused("not you")

    def fail(socket_id: str) -> dict[str, Any]:
        raise KeyError("user")

    async with Server(apps=[APP], port=0) as server:
        for user_auth, reason in (
            (refuse, "not you"),
            (fail, "'user'"),
            (None, "signing in needs user_auth"),
        ):
            async with Client(server.ws_url, key=APP.key, user_auth=user_auth) as client:
                told = Collected()
                client.user.bind("pusher:signin_error", told)
                with pytest.raises(UserRefused, match=reason):
                    await client.sign_in()
                assert len(told.events) == (user_auth is not None)
                await client.subscribe("orders")  # the connection goes on


async def test_what_the_server_refuses() -> None:
    """The connection goes on, and a channel that is refused meanwhile is told apart."""
    async with Server(apps=[APP], port=0) as server:
        forger = AppAuth(replace(APP, secret="another"), user={"id": "ann"})
        async with Client(server.ws_url, auth=forger) as client, asyncio.timeout(PATIENCE_S):
            with pytest.raises(UserRefused, match="not signed in: Connection is unauthorized"):
                await client.sign_in()
            signing_in = asyncio.create_task(client.sign_in())
            with pytest.raises(ChannelRefused):
                await client.subscribe("private-a")
            with pytest.raises(UserRefused):
                await signing_in
        many = {"id": "ann", "watchlist": [str(number) for number in range(101)]}
        async with Client(server.ws_url, auth=AppAuth(APP, user=many)) as client, asyncio.timeout(PATIENCE_S):
            with pytest.raises(UserRefused, match="watchlist"):
                await client.sign_in()


async def test_who_asks_again_after_a_refusal_that_nobody_has_waited_for() -> None:
    """A refusal on a later connection, say."""
    calls = 0

    def auth(socket_id: str) -> dict[str, Any]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise AuthRefused("not now")
        return dict(APP.authenticate_user(socket_id, {"id": "ann"}))

    async with Server(apps=[APP], port=0) as server, cutting_proxy(server.port) as proxy:
        async with Client(proxy.url, key=APP.key, user_auth=auth, timing=AT_ONCE) as client:
            told = Collected()
            client.user.bind("pusher:signin_error", told)
            await client.sign_in()
            proxy.cut()
            await told.count(1)
            async with asyncio.timeout(PATIENCE_S):
                await client.sign_in()
            assert client.user.id == "ann"


async def test_an_answer_that_cannot_be_sent() -> None:
    def auth(socket_id: str) -> dict[str, Any]:
        return {"auth": "key:signature", "user_data": b'{"id":"ann"}'}

    async with Server(apps=[APP], port=0) as server:
        async with Client(server.ws_url, key=APP.key, user_auth=auth) as client, asyncio.timeout(PATIENCE_S):
            with pytest.raises(UserRefused, match="user_data"):
                await client.sign_in()
