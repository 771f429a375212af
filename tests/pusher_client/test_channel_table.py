"""The channels of a client, against servers that answer as others than ours do."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from revurb import Client
from revurb.pusher_client import AppAuth, ChannelRefused, ClientState, ConnectionRefused, SubscribedChannel
from tests.cli.servers import SOCKET_ID, Peer, Script, pusher_server
from tests.conftest import Run
from tests.pusher_client.collected import APP, AT_ONCE, PATIENCE_S, Collected

CONFIRMED = "pusher_internal:subscription_succeeded"


def use(run: Run, scripts: list[Script], program: Any, auth: Any = APP) -> None:
    async def main(port: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            async with Client(f"ws://127.0.0.1:{port}", auth=auth, timing=AT_ONCE) as client:
                await program(client)

    with pusher_server(scripts) as port:
        run(main(port))


def until_it_goes(peer: Peer) -> None:
    while True:
        message = peer.receive()
        if message["event"] == "pusher:ping":
            peer.send("pusher:pong", {})


def test_a_server_that_does_not_say_which_channel_it_refuses(run: Run) -> None:
    """As Reverb: with one that waits it is clear."""

    def script(peer: Peer) -> None:
        peer.establish()
        assert peer.receive()["data"]["channel"] == "private-a"
        peer.send("pusher:error", {"code": 4009, "message": "Connection is unauthorized"})
        until_it_goes(peer)

    async def program(client: Client) -> None:
        with pytest.raises(ChannelRefused, match="Connection is unauthorized"):
            await client.subscribe("private-a")

    use(run, [script], program)


def test_a_server_that_says_which(run: Run) -> None:
    def script(peer: Peer) -> None:
        peer.establish()
        wanted = [peer.receive()["data"]["channel"] for _ in range(2)]
        peer.send("pusher:error", {"code": 4009, "message": "Connection is unauthorized"})
        peer.send(
            "pusher:subscription_error", {"type": "AuthError", "error": "no", "status": 401}, "private-a"
        )
        assert "private-b" in wanted
        peer.send(CONFIRMED, {}, "private-b")
        until_it_goes(peer)

    async def program(client: Client) -> None:
        refused, channel = await asyncio.gather(
            client.subscribe("private-a"), client.subscribe("private-b"), return_exceptions=True
        )
        assert isinstance(refused, ChannelRefused)
        assert (refused.reason, refused.status) == ("no", 401)
        assert isinstance(channel, SubscribedChannel)

    use(run, [script], program)


def test_a_channel_that_is_refused_after_a_reconnect(run: Run) -> None:
    def first(peer: Peer) -> None:
        peer.establish()
        peer.receive()
        peer.send(CONFIRMED, {}, "private-a")
        peer.close(4200)

    def second(peer: Peer) -> None:
        peer.establish()
        peer.receive()
        peer.send(
            "pusher:subscription_error", {"type": "AuthError", "error": "no", "status": 401}, "private-a"
        )
        assert peer.receive()["data"]["channel"] == "private-a"  # asked for anew
        peer.send(CONFIRMED, {}, "private-a")
        until_it_goes(peer)

    async def program(client: Client) -> None:
        channel, refused = await client.subscribe("private-a"), Collected()
        channel.bind("pusher:subscription_error", refused)
        (event,) = await refused.count(1)
        assert event.json() == {"type": "AuthError", "error": "no", "status": 401}
        assert client.channel("private-a") is channel
        assert not channel.is_subscribed
        assert await client.subscribe("private-a") is channel

    use(run, [first, second], program)


def test_resume_is_asked_for_as_agreed(run: Run) -> None:
    requests: list[dict[str, Any]] = []

    def confirmed(peer: Peer, more: str, events: str = "") -> None:
        peer.establish()
        requests.append(peer.receive()["data"])
        peer.socket.send(f'{{"event":"{CONFIRMED}","data":"{{}}","channel":"room"{more}}}')
        for position in events.split():
            peer.socket.send(f'{{"event":"e","data":"{position}","channel":"room","id":"{position}"}}')

    def first(peer: Peer) -> None:
        confirmed(peer, ',"id":"e-0"', "e-1 e-2")
        peer.close(4200)

    def second(peer: Peer) -> None:
        confirmed(peer, ',"id":"e-4","resumed":true', "e-3 e-4 e-4 e-5")
        peer.close(4200)

    def third(peer: Peer) -> None:
        confirmed(peer, "", "")  # a server without history
        peer.close(4000, "the end")

    async def program(client: Client) -> None:
        channel, seen = await client.subscribe("room"), Collected()
        channel.bind_all(seen)
        with pytest.raises(ConnectionRefused):
            async for _ in channel:
                pass
        told = [event.data for event in seen.events if event.event != "pusher:subscription_succeeded"]
        assert told == ["e-1", "e-2", "e-3", "e-4", "e-5", '{"reason": "unsupported"}']

    use(run, [first, second, third], program)
    assert requests == [
        {"channel": "room"},
        {"channel": "room", "resume": {"id": "e-2", "socket_id": SOCKET_ID}},
        {"channel": "room", "resume": {"id": "e-5", "socket_id": SOCKET_ID}},
    ]


def test_what_is_left_is_told_to_the_server(run: Run) -> None:
    left = threading.Event()

    def script(peer: Peer) -> None:
        peer.establish()
        assert peer.receive()["event"] == "pusher:subscribe"
        assert peer.receive() == {"event": "pusher:unsubscribe", "data": {"channel": "room"}}
        left.set()
        peer.send("e", 1, "room")  # was on its way
        until_it_goes(peer)

    async def program(client: Client) -> None:
        with pytest.raises(TimeoutError):  # the server does not answer, and who subscribes gives up
            await asyncio.wait_for(client.subscribe("room"), 0.05)
        assert await asyncio.to_thread(left.wait, PATIENCE_S)
        assert client.channel("room") is None

    use(run, [script], program)


NONSENSE: list[Any] = [None, 5, "", "x", "{", [], {}, [[]], {"presence": 5}, {"presence": {"hash": [1], "ids": 5}},
    {"user_id": None}, {"user_id": {}}, {"reason": 5}, {"subscription_count": "many"}, {"events": [5, {}, {"name": 5}]},
    {"events": {}}, {"user_data": 5}, {"user_data": "["}, {"user_data": "[" * 100_000}, {"code": "x"}, {"code": 4009},
    {"code": 4302, "message": {}}, "[" * 100_000,
]  # fmt: skip
EVENTS = [
    CONFIRMED, "pusher:subscription_succeeded", "pusher_internal:member_added", "pusher_internal:member_removed",
    "pusher_internal:subscription_count", "pusher_internal:watchlist_events", "pusher_internal:unknown",
    "pusher:unknown", "pusher:signin_success", "pusher:resume_failed", "pusher:error", "pusher:pong",
    "pusher:cache_miss", "e", "",
]  # fmt: skip


CHANNELS: list[Any] = ["presence-a", "cache-a", "#server-to-user-1", 5, {}, None]
POSITIONS: list[Any] = ["e-1", 5, {}, "e-" + "9" * 5000]


def test_nonsense_hurts_nobody(run: Run) -> None:
    """Whatever a server says, the client goes on."""

    def script(peer: Peer) -> None:
        peer.establish()
        for name in ("presence-a", "cache-a"):
            peer.receive()
            peer.send(CONFIRMED, {}, name)
        for event in EVENTS:
            for data in NONSENSE:
                for channel in CHANNELS:
                    for position in POSITIONS:
                        message = {
                            "event": event,
                            "data": data,
                            "channel": channel,
                            "id": position,
                            "user_id": position,
                        }
                        peer.socket.send(json.dumps({**message, "resumed": position}))
        peer.send("last", {}, "cache-a")
        until_it_goes(peer)

    async def program(client: Client) -> None:
        await client.subscribe("presence-a")
        channel, last = await client.subscribe("cache-a"), Collected()
        channel.bind("last", last)
        await last.count(1)
        assert client.state is ClientState.CONNECTED

    auth = AppAuth(APP, user={"id": "1"})
    use(run, [script], program, auth)
