"""Several nodes behave like one to every client and every SDK, whichever node each of them talks to."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from revurb.apps import App
from revurb.node.node import Node
from tests.client import Client, api, connect
from tests.conftest import Need
from tests.node.together import hub, nodes, redis

APP = App(id="app-id", key="app-key", secret="app-secret", max_connections=6)
ROOM = "presence-room"

Cluster = Callable[[int], contextlib.AbstractAsyncContextManager[list[Node]]]


@pytest.fixture(params=["hub", "redis"])
def cluster(request: pytest.FixtureRequest, need: Need, tmp_path: Path) -> Cluster:
    @contextlib.asynccontextmanager
    async def opened(number: int) -> AsyncIterator[list[Node]]:
        bus = redis(need("redis-server"), tmp_path) if request.param == "redis" else hub(tmp_path)
        async with bus as join, nodes(number, join, APP) as started:
            yield started

    return opened


async def trigger(node: Node, event: str, channel: str, data: str = "x", **more: Any) -> Any:
    body = {"name": event, "channel": channel, "data": data, **more}
    response = await api(node.port, APP, "POST", "/events", body)
    assert response.status == 200, response.text
    return json.loads(response.text)


async def get(node: Node, path: str, **query: str) -> Any:
    response = await api(node.port, APP, "GET", path, query=query)
    return json.loads(response.text)


def user(name: str, **info: object) -> dict[str, object]:
    return {"user_id": name, "user_info": info}


async def test_events_cross_and_the_sender_is_left_out(cluster: Cluster) -> None:
    async with cluster(2) as (one, two), connect(one.port) as here, connect(two.port) as there:
        await here.subscribe("news")
        await there.subscribe("news")
        await trigger(one, "both", "news")
        await here.expect("both")
        await there.expect("both")
        await trigger(one, "not-there", "news", socket_id=there.socket_id)
        await here.expect("not-there")
        await there.expect_silence()


async def test_an_event_after_the_subscription_is_never_missed(cluster: Cluster) -> None:
    async with cluster(2) as (one, two), connect(two.port) as there:
        for number in range(30):
            await there.subscribe(f"c{number}")
            await trigger(one, "e", f"c{number}")
            await there.expect("e", f"c{number}")


async def test_order_is_that_of_the_answers(cluster: Cluster) -> None:
    async with cluster(3) as all_three, connect(all_three[2].port) as listener:
        await listener.subscribe("news")
        for number in range(60):
            await trigger(all_three[number % 3], "e", "news", str(number))
        assert [(await listener.expect("e"))["data"] for _ in range(60)] == [str(n) for n in range(60)]


async def test_whispers_cross(cluster: Cluster) -> None:
    async with cluster(2) as (one, two), connect(one.port) as here, connect(two.port) as there:
        await here.subscribe(ROOM, APP, user("ann"))
        await there.subscribe(ROOM, APP, user("bob"))
        await here.expect("pusher_internal:member_added")
        await here.send({"event": "client-typing", "channel": ROOM, "data": {"n": 1}})
        whisper = await there.expect("client-typing", ROOM)
        assert whisper["data"] == {"n": 1}
        assert whisper["user_id"] == "ann"
        await here.expect_silence()


async def test_a_member_is_a_user_however_many_tabs_on_however_many_nodes(cluster: Cluster) -> None:
    async with cluster(3) as (one, two, three), connect(one.port) as bob:
        await bob.subscribe(ROOM, APP, user("bob"))
        async with connect(two.port) as tab, connect(three.port) as other_tab:
            seen = await tab.subscribe(ROOM, APP, user("ann", n=1))
            assert seen == {
                "presence": {"count": 2, "ids": ["bob", "ann"], "hash": {"bob": {}, "ann": {"n": 1}}}
            }
            added = await bob.expect("pusher_internal:member_added")
            assert json.loads(added["data"]) == user("ann", n=1)
            again = await other_tab.subscribe(ROOM, APP, user("ann", n=2))
            assert again == seen
            assert await get(one, f"/channels/{ROOM}/users") == {"users": [{"id": "bob"}, {"id": "ann"}]}
            assert await get(three, f"/channels/{ROOM}", info="user_count") == {
                "occupied": True,
                "user_count": 2,
            }
            await tab.close()
            await trigger(two, "still-two", ROOM)
            await bob.expect("still-two")
        removed = await bob.expect("pusher_internal:member_removed")
        assert json.loads(removed["data"]) == {"user_id": "ann"}


async def test_the_last_event_is_there_for_everyone(cluster: Cluster) -> None:
    async with cluster(2) as (one, two), connect(two.port) as late:
        await trigger(one, "e", "cache-news", "1")
        await trigger(one, "e", "cache-news", "2")
        await late.subscribe("cache-news")
        assert (await late.expect("e"))["data"] == "2"
        answer = await get(two, "/channels/cache-news", info="cache")
        assert answer["cache"]["data"] == "2"


async def test_the_api_tells_of_all(cluster: Cluster) -> None:
    async with cluster(2) as (one, two), connect(one.port) as here, connect(two.port) as there:
        await here.subscribe("news")
        await there.subscribe("news")
        await there.subscribe("other")
        for node in (one, two):
            assert await get(node, "/connections") == {"connections": 2}
            assert await get(node, "/channels", info="subscription_count") == {
                "channels": {"news": {"subscription_count": 2}, "other": {"subscription_count": 1}}
            }
            told = await trigger(node, "e", "news", info="subscription_count")
            assert told == {"channels": {"news": {"subscription_count": 2}}}


async def test_users_are_ended_everywhere(cluster: Cluster) -> None:
    async with cluster(2) as (one, two), connect(one.port) as here, connect(two.port) as there:
        await here.subscribe(ROOM, APP, user("ann"))
        await there.subscribe(ROOM, APP, user("ann"))
        response = await api(one.port, APP, "POST", "/users/ann/terminate_connections")
        assert response.status == 200
        for client in (here, there):
            await client.expect_error(4009)
            assert await client.closed() == 4009


async def test_the_apps_limit_counts_on_all_nodes(cluster: Cluster) -> None:
    async with cluster(3) as started, contextlib.AsyncExitStack() as stack:
        ports = [node.port for node in started]
        clients = await asyncio.gather(
            *(stack.enter_async_context(connect(ports[i % 3], greet=False)) for i in range(12))
        )
        told = await asyncio.gather(*(client.next_event() for client in clients))
        events = [message["event"] for message in told]
        assert events.count("pusher:connection_established") == 6
        assert events.count("pusher:error") == 6
        seated = clients[events.index("pusher:connection_established")]
        await seated.close()

        async def admitted() -> bool:
            async with connect(ports[0], greet=False) as client:
                return bool((await client.next_event())["event"] == "pusher:connection_established")

        async with asyncio.timeout(5):
            while not await admitted():
                pass


async def test_what_is_said_while_a_subscription_is_on_its_way_waits(cluster: Cluster) -> None:
    async with cluster(2) as (one, two), connect(one.port) as here, connect(two.port) as there:
        await there.subscribe(ROOM, APP, user("bob"))
        await pipelined(here, there)


async def pipelined(here: Client, there: Client) -> None:
    """Subscribe, whisper, leave and come back in one breath."""
    from tests.client import TEXT, channel_auth, encode_frame

    data = json.dumps(user("ann"))
    auth = channel_auth(APP, here.socket_id, ROOM, data)
    subscribe = {
        "event": "pusher:subscribe",
        "data": {"channel": ROOM, "auth": auth, "channel_data": data},
    }
    said = [
        subscribe,
        {"event": "client-hi", "channel": ROOM, "data": 1},
        {"event": "pusher:unsubscribe", "data": {"channel": ROOM}},
        subscribe,
        {"event": "client-hi", "channel": ROOM, "data": 2},
    ]
    await here.send_bytes(b"".join(encode_frame(TEXT, json.dumps(message).encode()) for message in said))
    for _ in range(2):
        await here.expect("pusher_internal:subscription_succeeded", ROOM)
    await there.expect("pusher_internal:member_added")
    assert (await there.expect("client-hi"))["data"] == 1
    await there.expect("pusher_internal:member_removed")
    await there.expect("pusher_internal:member_added")
    assert (await there.expect("client-hi"))["data"] == 2


async def test_clients_of_all_nodes_reconnect(cluster: Cluster) -> None:
    async with cluster(2) as (one, two), contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(connect(node.port, "app-key"))
            for node in (one, two)
            for _ in range(2)
        ]
        await clients[1].subscribe("news")
        await clients[2].subscribe("news")
        body = {"channel": "news", "over_s": 0.1}
        assert (await api(one.port, APP, "POST", "/force_reconnect", body)).status == 200
        assert [await client.closed() for client in clients[1:3]] == [4200, 4200]
        for client in (clients[0], clients[3]):
            await client.expect_silence()


async def test_all_nodes_read_apps_again(cluster: Cluster) -> None:
    async with cluster(2) as (one, two):
        assert await one.operations.reload_apps("app-id") == 2
        assert await two.operations.reload_apps(None) == 2
