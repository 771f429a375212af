"""`limits_profile="pusher"` on a server: every way in has Pusher's limits, and all of their size gets through."""

from __future__ import annotations

import asyncio
import json
import re

import pusher  # type: ignore[import-untyped]
import pytest
from pusher.errors import PusherBadRequest, PusherError  # type: ignore[import-untyped]

from revurb import App, AppLimits, Server
from revurb.apps import PUSHER_LIMITS
from tests.client import connect
from tests.pusher.test_limits import TOO_MUCH_DATA

APP = App(id="1", key="k", secret="s")


def pusher_server(*apps: App) -> Server:
    return Server(apps=apps or (APP,), port=0, limits_profile="pusher")


def client_of(server: Server) -> pusher.Pusher:
    return pusher.Pusher("1", "k", "s", host="127.0.0.1", port=server.port, ssl=False)


@pytest.mark.parametrize(
    ("channels", "event", "data", "problem"),
    [
        ("a b", "e", "", "Server.trigger.channels: Invalid channel name: 'a b' has other characters than "),
        (["c" * 165], "e", "", "Server.trigger.channels: Invalid channel name: "),
        (
            [f"c{number}" for number in range(101)],
            "e",
            "",
            "Server.trigger.channels: An event can be triggered ",
        ),
        (
            "c",
            "e" * 201,
            "",
            "Server.trigger.event: The event name has 201 characters; at most 200 are allowed.",
        ),
        ("c", "e", "x" * 10_241, f"Server.trigger.data: {TOO_MUCH_DATA}"),
        ("c", "e", ["x" * 10_240], f"Server.trigger.data: {TOO_MUCH_DATA}"),
    ],
)
async def test_trigger_refuses_what_the_api_does(
    channels: str | list[str], event: str, data: object, problem: str
) -> None:
    async with pusher_server() as server:
        with pytest.raises(ValueError, match=f"^{re.escape(problem)}"):
            await server.trigger(channels, event, data)


async def test_what_pusher_takes_gets_through() -> None:
    """10 KiB of data: by the API, however it is escaped, from the program, and of a client."""
    async with pusher_server() as server, connect(server.port, "k") as one, connect(server.port, "k") as two:
        for client in (one, two):
            await client.subscribe("private-a", APP)
        for data in ("x" * 10_240, "\x01" * 10_240):
            await asyncio.to_thread(client_of(server).trigger, "private-a", "e", data)
            assert (await one.expect("e"))["data"] == data
        await server.trigger("private-a", "e", "y" * 10_240)
        await one.expect("e")
        whisper = {"event": "client-e", "channel": "private-a", "data": "z" * 10_238}
        await one.send(whisper)
        assert [(await two.next_event())["event"] for _ in range(4)] == ["e", "e", "e", "client-e"]
        await one.send({**whisper, "data": "z" * 10_239})
        assert await one.expect_error(4301) == TOO_MUCH_DATA
        await one.expect_silence()


async def test_an_sdk_shows_the_texts() -> None:
    async with pusher_server() as server:
        sdk = client_of(server)
        with pytest.raises(PusherError) as too_large:
            await asyncio.to_thread(sdk.trigger, "a", "e", "x" * 10_241)
        assert TOO_MUCH_DATA in str(too_large.value)
        batch = [{"channel": "a", "name": "e", "data": "x"}] * 11
        with pytest.raises(PusherBadRequest, match="A maximum of 10 events"):
            await asyncio.to_thread(sdk.trigger_batch, batch)


async def test_an_app_sets_its_own() -> None:
    own = App(
        id="1", key="k", secret="s", limits=AppLimits(channel_name_charset="any", max_event_data_bytes=5)
    )
    async with pusher_server(own) as server:
        await server.trigger("a b", "e", "12345")
        with pytest.raises(ValueError, match=r"maximum \(5 bytes\)"):
            await server.trigger("a b", "e", "123456")
        with pytest.raises(ValueError, match="at most 200"):
            await server.trigger("a b", "e" * 201, "")


async def test_without_the_profile_an_app_has_what_it_sets() -> None:
    app = App(id="1", key="k", secret="s", limits=PUSHER_LIMITS)
    async with Server(apps=[app], port=0) as server, connect(server.port, "k") as client:
        await client.send({"event": "pusher:subscribe", "data": {"channel": "a b"}})
        assert (await client.expect_error(4009)).startswith("Invalid channel name: 'a b'")
        refused = await client.expect("pusher:subscription_error", "a b")
        assert json.loads(refused["data"])["type"] == "LimitReached"
