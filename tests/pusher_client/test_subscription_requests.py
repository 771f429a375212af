"""Asking for subscriptions: auth that refuses, fails and comes back."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from typing import Any

import pytest

from revurb import Client, Server
from revurb.pusher_client import AuthRefused, ChannelRefused, subscription_requests
from tests.cli.servers import api_server
from tests.pusher_client.collected import APP, AT_ONCE, PATIENCE_S, Collected
from tests.pusher_client.cutting_proxy import cutting_proxy


async def refuse(socket_id: str, channel: str) -> dict[str, str]:
    raise AuthRefused("not you", 403)


def fail(socket_id: str, channel: str) -> dict[str, str]:
    raise KeyError("user")


def nothing(socket_id: str, channel: str) -> dict[str, str]:
    return {}


@pytest.mark.parametrize(
    ("auth", "reason"),
    [(refuse, "not you"), (fail, "'user'"), (nothing, "the auth function gave no"), (None, "it needs auth")],
)
async def test_who_may_not(auth: Any, reason: str) -> None:
    async with Server(apps=[APP], port=0) as server, Client(server.ws_url, key=APP.key, auth=auth) as client:
        with pytest.raises(ChannelRefused, match=f"not subscribed to private-a: {reason}") as caught:
            await client.subscribe("private-a")
        assert caught.value.status == (403 if auth is refuse else None)
        await client.subscribe("orders")


async def test_an_endpoint_that_forbids() -> None:
    with api_server() as api:
        api.status = 403
        async with Server(apps=[APP], port=0) as server:
            async with Client(server.ws_url, key=APP.key, auth=f"http://127.0.0.1:{api.port}/auth") as client:
                with pytest.raises(ChannelRefused, match="the auth endpoint answered 403") as caught:
                    await client.subscribe("private-a")
                assert caught.value.status == 403


async def test_auth_that_fails_after_a_reconnect_is_asked_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The application may be restarting as well."""
    monkeypatch.setattr(subscription_requests, "backoff_delay_s", lambda attempt: 0.01)
    calls = 0

    async def auth(socket_id: str, channel: str) -> dict[str, str]:
        nonlocal calls
        calls += 1
        if calls in (2, 3):
            raise ConnectionError("no database")
        return APP.authorize_channel(socket_id, channel)

    async with Server(apps=[APP], port=0) as server, cutting_proxy(server.port) as proxy:
        async with Client(proxy.url, key=APP.key, auth=auth, timing=AT_ONCE) as client:
            channel, back = await client.subscribe("private-a"), Collected()
            channel.bind("pusher:subscription_succeeded", back)
            proxy.cut()
            await back.count(2)
    assert calls == 4
    messages = [record.getMessage() for record in caplog.records]
    assert messages.count("auth of a channel has failed, trying again") == 2


async def test_not_everybody_at_once() -> None:
    asking = most = 0

    async def auth(socket_id: str, channel: str) -> dict[str, str]:
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        await asyncio.sleep(0)
        asking -= 1
        return APP.authorize_channel(socket_id, channel)

    async with Server(apps=[APP], port=0) as server, Client(server.ws_url, key=APP.key, auth=auth) as client:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*(client.subscribe(f"private-{number}") for number in range(100)))
    assert most == subscription_requests.AUTHS_AT_ONCE


async def test_an_encrypted_channel_without_pynacl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nacl.secret", None)
    async with Server(apps=[APP], port=0) as server, Client(server.ws_url, auth=APP) as client:
        with pytest.raises(ChannelRefused, match=r"pip install 'revurb\[encryption\]'"):
            await client.subscribe("private-encrypted-a")


async def test_an_encrypted_channel_without_a_key(caplog: pytest.LogCaptureFixture) -> None:
    def auth(socket_id: str, channel: str) -> dict[str, str]:
        return {"auth": f"{APP.key}:{APP.sign(f'{socket_id}:{channel}')}"}

    with caplog.at_level(logging.ERROR):
        async with Server(apps=[APP], port=0) as server:
            async with Client(server.ws_url, key=APP.key, auth=auth) as client:
                with pytest.raises(ChannelRefused, match="shared_secret"):
                    await client.subscribe("private-encrypted-a")


async def test_auth_that_fails_with_a_value_error_after_a_reconnect_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where the application answers with a page of its proxy instead of JSON."""
    monkeypatch.setattr(subscription_requests, "backoff_delay_s", lambda attempt: 0.01)
    calls = 0

    async def auth(socket_id: str, channel: str) -> dict[str, str]:
        nonlocal calls
        calls += 1
        if calls == 2:
            json.loads("<html>")
        return APP.authorize_channel(socket_id, channel)

    async with Server(apps=[APP], port=0) as server, cutting_proxy(server.port) as proxy:
        async with Client(proxy.url, key=APP.key, auth=auth, timing=AT_ONCE) as client:
            channel, told = await client.subscribe("private-a"), Collected()
            channel.bind_all(told)
            await told.count(1)
            proxy.cut()
            await told.count(2)
    assert told.names == ["pusher:subscription_succeeded"] * 2


async def test_an_answer_of_auth_that_cannot_be_sent() -> None:
    def auth(socket_id: str, channel: str) -> dict[str, Any]:
        return {"auth": "key:signature", "channel_data": b'{"user_id":"7"}'}

    async with Server(apps=[APP], port=0) as server, Client(server.ws_url, key=APP.key, auth=auth) as client:
        async with asyncio.timeout(PATIENCE_S):
            for name in ("private-a", "presence-a"):
                with pytest.raises(ChannelRefused, match="channel_data"):
                    await client.subscribe(name)


async def test_auth_that_is_cancelled_by_itself() -> None:
    """Something in it was, and not the client."""

    async def auth(socket_id: str, channel: str) -> dict[str, str]:
        raise asyncio.CancelledError

    async with Server(apps=[APP], port=0) as server, Client(server.ws_url, key=APP.key, auth=auth) as client:
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(ChannelRefused, match="was cancelled"):
                await client.subscribe("private-a")
