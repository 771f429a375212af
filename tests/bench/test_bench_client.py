"""The connections of the generator, against a server of another make."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from collections.abc import Awaitable, Callable

import pytest

from revurb.apps import App
from revurb.bench.bench_client import CLIENT_EVENT, EVENT, BenchClient
from revurb.bench.bench_target import BenchError, BenchTarget
from tests.cli.servers import SOCKET_ID, Peer, api_server, pusher_server

APP = App(id="1", key="key", secret="secret")


def target(port: int) -> BenchTarget:
    return BenchTarget("127.0.0.1", port, APP)


def talk(
    port: int,
    use: Callable[[BenchClient], Awaitable[None]],
    received: Callable[[int], None] = lambda count: None,
    refused: Callable[[str], None] = lambda reason: None,
) -> None:
    """Open a connection, use it, and drop it: the servers here wait for that in threads of their own."""

    async def run() -> None:
        client = BenchClient(received, refused)
        try:
            await client.open(target(port))
            async with asyncio.timeout(10):
                await use(client)
        finally:
            client.abort()

    asyncio.run(run())


async def nothing(client: BenchClient) -> None:
    pass


def test_events_are_counted_whatever_their_size_and_order_of_keys() -> None:
    said: list[object] = []

    def script(peer: Peer) -> None:
        peer.establish()
        request = peer.receive()
        assert request["data"]["auth"] == APP.authorize_channel(SOCKET_ID, "private-a")["auth"]
        peer.send("pusher_internal:subscription_succeeded", {}, "private-a")
        for size in (1, 200, 70_000):
            peer.socket.send(json.dumps({"channel": "private-a", "event": EVENT, "data": "x" * size}))
        peer.socket.send(f'{{"event":"{CLIENT_EVENT}","data":"x"}}')
        peer.send("other", {}, "private-a")
        peer.socket.ping()
        peer.send("pusher:ping", {})
        answer = peer.receive()["event"]
        assert peer.socket.ping().wait(10)  # it answers
        said.append(answer)  # last: the client leaves when it is there

    counts: list[int] = []

    async def use(client: BenchClient) -> None:
        assert client.socket_id == SOCKET_ID
        await client.subscribe(target(port), "private-a")
        while sum(counts) < 4 or not said:
            await asyncio.sleep(0.01)

    with pusher_server([script]) as port:
        talk(port, use, counts.append)
    assert said == ["pusher:pong"]
    assert sum(counts) == 4


def test_what_is_refused_later_is_told_once_it_comes() -> None:
    def script(peer: Peer) -> None:
        peer.establish()
        peer.send("pusher:error", {"code": 4301, "message": "too many"})
        peer.close(4200, "draining")

    refused: list[str] = []

    async def use(client: BenchClient) -> None:
        while len(refused) < 2:
            await asyncio.sleep(0.01)

    with pusher_server([script]) as port:
        talk(port, use, refused=refused.append)
    assert refused == ["the server refused: 4301 too many", "the server closed a connection: 4200 draining"]


def test_an_app_that_is_not_known() -> None:
    def script(peer: Peer) -> None:
        peer.send("pusher:error", {"code": 4001, "message": "no such app"})

    with (
        pusher_server([script]) as port,
        pytest.raises(BenchError, match="the server refused: 4001 no such app"),
    ):
        talk(port, nothing)


def test_a_server_of_something_else(closed_port: int) -> None:
    with api_server() as api, pytest.raises(BenchError, match="answered '200' to a handshake"):
        talk(api.port, nothing)
    with pytest.raises(BenchError, match=f"cannot reach 127.0.0.1:{closed_port}: connection refused"):
        talk(closed_port, nothing)


async def test_what_fails_when_nobody_waits_any_more_is_not_written() -> None:
    """One client is refused, which cancels the others, whose connections end at the same time."""
    written: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: written.append(context["message"]))
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = BenchClient(lambda count: None, lambda reason: None)
        opening = asyncio.ensure_future(client.open(target(server.getsockname()[1])))
        await asyncio.sleep(0)  # it connects, and has not got to waiting for an answer
        client.connection_lost(None)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
    del opening, client
    for _ in range(3):  # turns in which the loop lets go of the connection
        await asyncio.sleep(0)
    gc.collect()
    assert written == []
