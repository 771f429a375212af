"""A peer is answered no faster than it reads, and nobody faster than all read together. On a node with real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from pathlib import Path

import pytest
import trustme

from revurb import App, Server
from revurb.transport import transport_buffers
from tests.client import PATIENCE_S, Client, api, close_payload, connect, encode_frame, handshake
from tests.conftest import Run
from tests.processes.test_single_node import write_certificate

# What they repeat is not held to a rate here.
APP = App(id="app-id", key="app-key", secret="app-secret", max_subscriptions_per_second=10_000)
LARGE = "x" * 9000


def subscription(channel: str) -> bytes:
    return encode_frame(1, json.dumps({"event": "pusher:subscribe", "data": {"channel": channel}}).encode())


async def publish(server: Server, channel: str) -> None:
    answer = await api(server.port, APP, "POST", "/events", {"name": "e", "channel": channel, "data": LARGE})
    assert answer.status == 200, answer.text


def total_bytes(server: Server) -> int:
    fanout = server._node._connections.fanout
    return fanout.queued_bytes + fanout.transport_bytes


async def never_more_than(server: Server, limit_bytes: int, until: asyncio.Task[None]) -> None:
    while not until.done():
        assert total_bytes(server) <= limit_bytes
        await asyncio.sleep(0)


async def count_replies(client: Client, wanted: int) -> None:
    got = 0
    while got < wanted:
        got += (await client.next_event())["event"] == "e"


@pytest.mark.parametrize("over", ["tcp", "tls"])
def test_a_peer_is_not_answered_faster_than_it_reads(run: Run, tmp_path: Path, over: str) -> None:
    """18 MB of replies to 160 kB: it gets them all, at its own pace, and they never wait here at the same time."""
    client_tls, cert, key = None, None, None
    if over == "tls":
        authority = trustme.CA()
        cert, key = write_certificate(tmp_path, authority)
        client_tls = ssl.create_default_context()
        authority.configure_trust(client_tls)

    async def main() -> None:
        async with Server(apps=[APP], port=0, max_queued_bytes=100_000, tls_cert=cert, tls_key=key) as server:
            await server.trigger("cache-x", "e", LARGE)
            async with connect(server.port, tls=client_tls) as client:
                await client.send_bytes(subscription("cache-x") * 2000)
                await client.send({"event": "pusher:ping"})
                reading = asyncio.ensure_future(count_replies(client, 2000))
                await never_more_than(server, 1_000_000, reading)
                await reading
                await client.expect("pusher:pong")
                assert slow_consumers(server) == 0

    run(main())


def test_a_close_behind_much_to_answer_is_answered_behind_it(run: Run) -> None:
    """Also where it came with the message whose answer is too much to go on: more than the kernel takes at once."""

    async def main() -> None:
        async with Server(apps=[APP], port=0) as server:
            await server.trigger("cache-x", "e", "x" * 8_000_000)
            for count in (1, 2):
                async with connect(server.port) as client:
                    closing = encode_frame(8, close_payload(1000))
                    await client.send_bytes(subscription("cache-x") * count + closing)
                    await count_replies(client, count)
                    assert await client.closed() == 1000

    run(main())


def test_one_that_was_answered_much_keeps_no_state_machine(run: Run) -> None:
    """Nor does it when it has taken the answer. Each of a herd that joins a large presence channel is one of these."""

    async def main() -> None:
        async with Server(apps=[APP], port=0) as server:
            await server.trigger("cache-x", "e", "x" * 8_000_000)
            async with connect(server.port) as client:
                await client.send_bytes(encode_frame(10, b"") + subscription("cache-x"))
                await count_replies(client, 1)
                assert len(server._node._connections.spare_websockets) == 1

    run(main())


def test_one_that_reads_slowly_is_not_taken_for_dead(run: Run) -> None:
    """Its pongs cannot be read while it has not taken its replies; that it takes them is the sign that it lives."""

    async def main() -> None:
        app = App(id="p", key="pinged", secret="s", ping_interval_s=1, max_subscriptions_per_second=10_000)
        async with Server(apps=[app], port=0, pong_timeout_s=0.5) as server:
            answer = await api(
                server.port, app, "POST", "/events", {"name": "e", "channel": "cache-x", "data": LARGE}
            )
            assert answer.status == 200
            loop = asyncio.get_running_loop()
            with socket.socket() as slow:
                slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                slow.setblocking(False)
                await loop.sock_connect(slow, ("127.0.0.1", server.port))
                await loop.sock_sendall(slow, handshake("/app/pinged") + subscription("cache-x") * 400)
                until = loop.time() + 3.0
                got = 0
                while loop.time() < until:  # 100 kB a second
                    got += len(await loop.sock_recv(slow, 4096))
                    await asyncio.sleep(0.04)
                assert server._node.counters.unresponsive_total == 0
                while server._node.counters.unresponsive_total == 0:  # now it reads no more
                    assert loop.time() < until + 10
                    await asyncio.sleep(0.05)

    run(main())


def test_while_more_waits_than_may_no_input_is_handled(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clients that do not read, each within its own limit, are together over that of all: a publisher waits until
    they have read, or one that goes on not reading is closed."""
    monkeypatch.setattr(transport_buffers, "STALLED_S", 60.0)

    async def main() -> None:
        async with Server(apps=[APP], port=0, max_queued_total_bytes=1_048_576) as server:
            readers, loop = [], asyncio.get_running_loop()
            for _ in range(2):
                reader = socket.socket()
                reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                reader.setblocking(False)
                await loop.sock_connect(reader, ("127.0.0.1", server.port))
                await loop.sock_sendall(reader, handshake("/app/app-key") + subscription("news"))
                readers.append(reader)
            while server._node.connection_count < 2 or not await is_occupied(server, 2):
                await asyncio.sleep(0)
            node = server._node
            while not is_full(server):
                publishing = asyncio.ensure_future(publish(server, "news"))
                while not publishing.done() and not is_full(server):
                    await asyncio.sleep(0)
            held = asyncio.ensure_future(publish(server, "other"))
            for _ in range(100):
                await asyncio.sleep(0.001)
            assert not held.done(), "input waits while the node is full"
            assert node.connection_count == 2
            reading = [asyncio.ensure_future(discard(reader)) for reader in readers]
            async with asyncio.timeout(PATIENCE_S):
                await held
                await publishing
            assert slow_consumers(server) == 0
            for task in reading:
                task.cancel()
            await asyncio.wait(reading)
            monkeypatch.setattr(transport_buffers, "STALLED_S", 0.5)
            while not is_full(server):
                filling = asyncio.ensure_future(publish(server, "news"))
                while not filling.done() and not is_full(server):
                    await asyncio.sleep(0)
            async with asyncio.timeout(PATIENCE_S):
                await publish(server, "other")  # is answered once those who take nothing have been ended
            assert slow_consumers(server) > 0
            for reader in readers:
                reader.close()

    run(main())


async def discard(sock: socket.socket) -> None:
    while True:
        await asyncio.get_running_loop().sock_recv(sock, 1 << 20)


def is_full(server: Server) -> bool:
    return server._node._connections.fanout.is_full


def slow_consumers(server: Server) -> int:
    return server._node.counters.slow_consumers_total


async def is_occupied(server: Server, count: int) -> bool:
    answer = await api(server.port, APP, "GET", "/channels/news", query={"info": "subscription_count"})
    return bool(answer.json().get("subscription_count") == count)
