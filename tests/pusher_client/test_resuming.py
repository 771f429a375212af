"""A client whose connections are cut, on one process and on workers: each event once and in order, or a gap told."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pusher  # type: ignore[import-untyped]
import pytest

from revurb import Client, HistoryRule, Server
from revurb.pusher.socket_id import process_of
from revurb.pusher_client import AppAuth, ClientState, SubscribedChannel
from tests.client import Ended, api
from tests.processes.serving import serving
from tests.pusher_client.collected import APP, AT_ONCE, KEPT, PATIENCE_S, Collected
from tests.pusher_client.cutting_proxy import CuttingProxy, cutting_proxy

Publish = Callable[[str, object], Awaitable[None]]
EVENTS = 200


class Away:
    """Waits until a client has its connection back, with its channel."""

    def __init__(self, client: Client, proxy: CuttingProxy) -> None:
        self._client = client
        self._proxy = proxy

    async def cut(
        self, channel: SubscribedChannel, meanwhile: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Cut the connection, do something while there is none, and wait until the channel is back."""
        back, gone = asyncio.Event(), asyncio.Event()

        def confirmed(event: object) -> None:
            back.set()

        self._client.bind_state(lambda change: gone.set())
        channel.bind("pusher:subscription_succeeded", confirmed)
        port_behind, self._proxy.port_behind = (
            self._proxy.port_behind,
            1 if meanwhile else self._proxy.port_behind,
        )
        self._proxy.cut()
        async with asyncio.timeout(PATIENCE_S):
            await gone.wait()
            if meanwhile is not None:
                await meanwhile()
                self._proxy.port_behind = port_behind
            back.clear()
            await back.wait()
        channel.unbind("pusher:subscription_succeeded", confirmed)


@contextlib.asynccontextmanager
async def behind_proxy(server: Server, **options: Any) -> AsyncIterator[tuple[Client, CuttingProxy, Away]]:
    async with cutting_proxy(server.port) as proxy:
        async with Client(
            proxy.url, auth=AppAuth(APP, user={"id": "me"}), timing=AT_ONCE, **options
        ) as client:
            yield client, proxy, Away(client, proxy)


async def cut_again_and_again(port: int, publish: Publish, channel_name: str) -> None:
    async with cutting_proxy(port) as proxy, Client(proxy.url, auth=APP, timing=AT_ONCE) as client:
        channel, seen, looped = await client.subscribe(channel_name), Collected(), Collected()
        connected = asyncio.Event()

        def note(change: Any) -> None:
            (connected.set if change.current is ClientState.CONNECTED else connected.clear)()

        client.bind_state(note)
        connected.set()
        channel.bind("e", seen)
        channel.bind("revurb:gap", seen)

        async def loop() -> None:
            async for event in channel:
                looped(event)

        looping = asyncio.create_task(loop())
        async with asyncio.timeout(60):
            for number in range(EVENTS):
                await publish(channel_name, number)
                if number % 7 == 6:
                    proxy.cut()
                    connected.clear()
                if number % 3 == 2:
                    await connected.wait()
            await seen.until(lambda: bool(seen.events) and seen.events[-1].data == str(EVENTS - 1))
            await looped.until(lambda: bool(looped.events) and looped.events[-1].data == str(EVENTS - 1))
        assert seen.data == list(range(EVENTS))
        assert looped.data == list(range(EVENTS))
        assert proxy.accepted > 15
        await client.close()
        await looping


@pytest.mark.parametrize("channel", ["room-1", "private-room-1"])
async def test_each_event_once_and_in_order(channel: str) -> None:
    async with Server(apps=[APP], port=0) as server:

        async def publish(channel: str, data: object) -> None:
            await server.trigger(channel, "e", data)

        await cut_again_and_again(server.port, publish, channel)


HISTORY = {"REVURB_APP_HISTORY_CHANNELS": ",".join(KEPT), "REVURB_APP_HISTORY_SIZE": "500"}


async def test_each_event_once_and_in_order_with_workers(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", environment=HISTORY) as server:

        async def publish(channel: str, data: object) -> None:
            body = {"name": "e", "channel": channel, "data": str(data)}
            assert (await api(server.port, APP, "POST", "/events", body)).status == 200

        await cut_again_and_again(server.port, publish, "room-1")


async def test_workers_that_are_replaced(tmp_path: Path) -> None:
    """Every connection is closed with 4200, and comes back to a worker of the next generation."""
    with serving(tmp_path, "--workers", "2", "--drain-timeout", "1", environment=HISTORY) as server:
        async with Client(f"ws://127.0.0.1:{server.port}", auth=APP, timing=AT_ONCE) as client:
            seen, back = Collected(), Collected()
            channel = await client.subscribe("room-1")
            channel.bind("e", seen)
            channel.bind("revurb:gap", seen)
            channel.bind("pusher:subscription_succeeded", back)
            server.signal(signal.SIGHUP)
            number = 0
            async with asyncio.timeout(60):
                while len(back.events) < 2 or number < 50:
                    body = {"name": "e", "channel": "room-1", "data": str(number)}
                    with contextlib.suppress(
                        OSError
                    ):  # the worker of this request has gone before it answered
                        if (await api(server.port, APP, "POST", "/events", body)).status == 200:
                            number += 1
                await seen.until(lambda: bool(seen.events) and seen.events[-1].data == str(number - 1))
            assert seen.data == list(range(number))


async def test_a_worker_that_is_killed(tmp_path: Path) -> None:
    """What was answered with 200 comes once and in order; of a request that got no answer nobody knows."""
    with serving(tmp_path, "--workers", "2", environment=HISTORY) as server:
        async with Client(f"ws://127.0.0.1:{server.port}", auth=APP, timing=AT_ONCE) as client:
            seen, back = Collected(), Collected()
            channel = await client.subscribe("room-1")
            channel.bind("e", seen)
            channel.bind("revurb:gap", seen)
            channel.bind("pusher:subscription_succeeded", back)
            accepted, number = [], 0
            async with asyncio.timeout(60):
                for round_ in range(1, 3):
                    pid = process_of(client.socket_id)
                    while len(back.events) <= round_ or number < 60 * round_:
                        if number == 60 * round_ - 30:
                            os.kill(pid, signal.SIGKILL)
                        body = {"name": "e", "channel": "room-1", "data": str(number)}
                        with contextlib.suppress(OSError, Ended):
                            if (await api(server.port, APP, "POST", "/events", body)).status == 200:
                                accepted.append(number)
                        number += 1
                await seen.until(lambda: bool(seen.events) and seen.events[-1].data == str(accepted[-1]))
            assert "revurb:gap" not in seen.names
            assert seen.data == sorted(set(seen.data))
            assert set(accepted) <= set(seen.data)


async def test_a_server_that_has_started_anew_is_a_gap() -> None:
    async with Server(apps=[APP], port=0) as first, behind_proxy(first) as (client, proxy, away):
        seen, anywhere = Collected(), Collected()
        channel = await client.subscribe("room-1")
        channel.bind_all(seen)
        client.bind("revurb:gap", anywhere)
        await first.trigger("room-1", "e", 1)
        await seen.until(lambda: "e" in seen.names)
        async with Server(apps=[APP], port=0) as second:
            proxy.port_behind = second.port
            await away.cut(channel)
            await second.trigger("room-1", "e", 2)
            await seen.until(lambda: seen.names.count("e") == 2)
            told = [name for name in seen.names if name != "pusher:subscription_succeeded"]
            assert told == ["e", "revurb:gap", "e"]
            assert anywhere.data == [{"reason": "epoch"}]
            assert anywhere.events[0].channel == "room-1"


async def test_a_history_that_is_too_short_is_a_gap_for_loops_too() -> None:
    short = replace(APP, history=(HistoryRule(channels=("room-*",), size=5),))
    async with Server(apps=[short], port=0) as server, behind_proxy(server) as (client, _, away):
        channel = await client.subscribe("room-1")
        loop = aiter(channel)
        await server.trigger("room-1", "e", 0)
        assert (await anext(loop)).json() == 0

        async def publish() -> None:
            for number in range(1, 11):
                await server.trigger("room-1", "e", number)

        await away.cut(channel, publish)
        await server.trigger("room-1", "e", 11)
        async with asyncio.timeout(PATIENCE_S):
            gap, event = await anext(loop), await anext(loop)
        assert (gap.event, gap.json()) == ("revurb:gap", {"reason": "expired"})
        assert event.json() == 11


async def test_on_a_channel_without_history_nothing_changes() -> None:
    async with Server(apps=[APP], port=0) as server, behind_proxy(server) as (client, _, away):
        seen, channel = Collected(), await client.subscribe("plain")
        channel.bind("e", seen)
        channel.bind("revurb:gap", seen)
        await server.trigger("plain", "e", 0)
        await seen.count(1)
        await away.cut(channel, lambda: server.trigger("plain", "e", 1))
        await server.trigger("plain", "e", 2)
        assert [event.json() for event in await seen.count(2)] == [0, 2]
        assert seen.events[0].id is None


async def test_own_whispers_are_not_repeated_after_several_connections() -> None:
    async with Server(apps=[APP], port=0) as server, behind_proxy(server) as (client, _, away):
        channel, seen = await client.subscribe("private-room-1"), Collected()
        for name in ("client-a", "e", "revurb:gap"):
            channel.bind(name, seen)
        await server.trigger("private-room-1", "e", 0, socket_id=client.socket_id)
        for number in range(3):
            assert await channel.trigger("client-a", {})
            await client.subscribe(f"plain-{number}")  # its answer comes after all that was asked before
            await away.cut(channel)
        await away.cut(channel, lambda: server.trigger("private-room-1", "e", 1))
        await server.trigger("private-room-1", "e", 2)
        await seen.until(lambda: seen.data[-1:] == [2])
        assert seen.data == [1, 2]


async def test_who_came_and_went_meanwhile_is_told() -> None:
    async with Server(apps=[APP], port=0) as server, behind_proxy(server) as (client, _, away):
        channel, seen = await client.subscribe("presence-room-1"), Collected()
        assert channel.me is not None
        assert channel.me.id == "me"
        for name in ("pusher:member_added", "pusher:member_removed", "e"):
            channel.bind(name, seen)
        ann = Client(server.ws_url, auth=AppAuth(APP, user={"id": "ann", "user_info": {"tab": 1}}))
        bob = Client(server.ws_url, auth=AppAuth(APP, user={"id": "bob"}))
        await ann.start()
        await ann.subscribe("presence-room-1")
        await seen.count(1)
        assert {member.id for member in channel.members} == {"me", "ann"}

        async def change() -> None:
            await ann.close()
            await bob.start()
            await bob.subscribe("presence-room-1")
            await server.trigger("presence-room-1", "e", 1)

        await away.cut(channel, change)
        await seen.until(lambda: "e" in seen.names)
        assert [(event.event, event.json()) for event in seen.events] == [
            ("pusher:member_added", {"user_id": "ann", "user_info": {"tab": 1}}),
            ("pusher:member_removed", {"user_id": "ann", "user_info": {"tab": 1}}),
            ("pusher:member_added", {"user_id": "bob", "user_info": None}),
            ("e", 1),
        ]
        assert {member.id for member in channel.members} == {"me", "bob"}
        await bob.close()
        await seen.until(lambda: seen.names[-1] == "pusher:member_removed")


async def test_a_cache_channel_gives_its_last_event_once() -> None:
    async with Server(apps=[APP], port=0) as server, behind_proxy(server) as (client, _, away):
        await server.trigger("cache-room-1", "e", 1)
        channel, seen = await client.subscribe("cache-room-1"), Collected()
        channel.bind("e", seen)
        assert [event.json() for event in await seen.count(1)] == [1]
        await away.cut(channel)
        await away.cut(channel, lambda: server.trigger("cache-room-1", "e", 2))
        await server.trigger("cache-room-1", "e", 3)
        await seen.until(lambda: seen.data[-1] == 3)
        assert seen.data == [1, 2, 3]


async def test_encrypted_events_are_resumed_too() -> None:
    master_key = base64.b64encode(bytes(range(32))).decode()
    name = "private-encrypted-room-1"
    async with Server(apps=[APP], port=0) as server, cutting_proxy(server.port) as proxy:
        sdk = pusher.Pusher(
            APP.id, APP.key, APP.secret, host="127.0.0.1", port=server.port, ssl=False,
            encryption_master_key_base64=master_key,
        )  # fmt: skip
        auth = AppAuth(APP, encryption_master_key_base64=master_key)
        async with Client(proxy.url, auth=auth, timing=AT_ONCE) as client:
            channel, seen = await client.subscribe(name), Collected()
            channel.bind("e", seen)

            async def publish(number: int) -> None:
                await asyncio.to_thread(sdk.trigger, name, "e", {"n": number})

            await publish(1)
            await seen.count(1)
            await Away(client, proxy).cut(channel, lambda: publish(2))
            await publish(3)
            assert [event.json() for event in await seen.count(3)] == [{"n": 1}, {"n": 2}, {"n": 3}]


async def test_leaving_forgets_the_position() -> None:
    async with Server(apps=[APP], port=0) as server, behind_proxy(server) as (client, _, _away):
        await client.subscribe("room-1")
        await client.unsubscribe("room-1")
        await client.subscribe("plain")  # the server has read it by then
        await server.trigger("room-1", "e", 1)
        channel, seen = await client.subscribe("room-1"), Collected()
        channel.bind_all(seen)
        await server.trigger("room-1", "e", 2)
        await seen.until(lambda: "e" in seen.names)
        assert seen.names == ["pusher:subscription_succeeded", "e"]
        assert seen.data[-1] == 2
