"""A whole node: draining, timeouts, slow consumers, rate limits, custom providers, Unix sockets."""

import asyncio
import contextlib
import json
import socket
import stat
from pathlib import Path

import pytest

from revurb import App, RateLimit, Server
from revurb.apps import FixedApps
from revurb.transport.listener import ListenError
from tests.client import (
    CLOSE,
    PATIENCE_S,
    PING,
    PONG,
    TEXT,
    Ended,
    api,
    connect,
    dial,
    encode_frame,
    handshake,
    http,
    signed,
)
from tests.conftest import Run

APP = App(id="app-id", key="app-key", secret="app-secret")


def test_a_taken_port_is_named(run: Run) -> None:
    async def main() -> None:
        async with Server(apps=[APP], port=0) as server:
            with pytest.raises(ListenError, match=f"127.0.0.1:{server.port}.*in use"):
                await Server(apps=[APP], port=server.port).start()

    run(main())


def test_stopping_tells_everyone_to_reconnect(run: Run) -> None:
    async def main() -> None:
        async with Server(apps=[APP], port=0) as server:
            async with connect(server.port) as one, connect(server.port) as two, http(server.port) as idle:
                await one.subscribe("a")
                stopping = asyncio.ensure_future(server.stop())
                assert [await one.closed(), await two.closed()] == [4200, 4200]
                with pytest.raises(Ended):
                    await idle.response()
                await stopping
                with pytest.raises(ConnectionError):
                    await asyncio.open_connection("127.0.0.1", server.port)

    run(main())


def test_a_request_in_flight_is_finished(run: Run) -> None:
    async def main() -> None:
        asked, answer = asyncio.Event(), asyncio.Event()

        class Slow(FixedApps):
            async def find_by_id(self, app_id: str) -> App | None:  # type: ignore[override]
                asked.set()
                await answer.wait()
                return super().find_by_id(app_id)

        async with Server(app_provider=Slow([APP]), port=0) as server, http(server.port) as connection:
            target = signed(APP, "GET", "/apps/app-id/connections")
            await connection.send_bytes(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await asked.wait()
            stopping = asyncio.ensure_future(server.stop())
            await asyncio.sleep(0)
            answer.set()
            response = await connection.response()
            assert (response.status, response.headers["connection"]) == (200, "close")
            await stopping

    run(main())


def test_a_handshake_under_way_is_answered_and_told_to_reconnect(run: Run) -> None:
    async def main() -> None:
        asked, answer = asyncio.Event(), asyncio.Event()

        class Slow(FixedApps):
            async def find_by_key(self, key: str) -> App | None:  # type: ignore[override]
                asked.set()
                await answer.wait()
                return super().find_by_key(key)

        async with Server(app_provider=Slow([APP]), port=0) as server:
            connecting = asyncio.ensure_future(dial(server.port, handshake("/app/app-key")))
            await asked.wait()
            stopping = asyncio.ensure_future(server.stop())
            await asyncio.sleep(0)
            answer.set()
            client = await connecting
            assert await client.closed() == 4200
            await client.drop()
            await stopping

    run(main())


def test_a_client_that_does_not_go_is_dropped(run: Run) -> None:
    async def main() -> None:
        async with Server(apps=[APP], port=0, drain_timeout_s=0.2, close_timeout_s=60) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /up HTTP/1.1\r\nHost: ")  # a request that never ends
            await server.stop()
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()

    run(main())


def test_a_provider_that_fails_is_a_500_and_a_line_in_the_log(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(FixedApps):
        def find_by_id(self, app_id: str) -> App | None:
            raise ZeroDivisionError("database password")

    async def main() -> None:
        async with Server(app_provider=Broken([APP]), port=0) as server:
            response = await api(server.port, APP, "GET", "/connections")
            assert (response.status, response.text) == (500, "Internal server error.")

    run(main())
    assert "request failed" in caplog.text


def test_silence_is_pinged_then_closed_for_everyone(run: Run) -> None:
    app = App(id="p", key="pinged", secret="s", ping_interval_s=1)

    async def main() -> None:
        async with Server(apps=[app], port=0, pong_timeout_s=0.5) as server:
            async with connect(server.port, "pinged") as silent, connect(server.port, "pinged") as alive:
                await alive.expect("pusher:ping")
                await alive.send({"event": "pusher:pong", "data": {}})
                await silent.expect("pusher:ping")
                assert (await silent.receive()).opcode == PING
                await silent.expect_error(4201)
                assert await silent.closed() == 4201
                await alive.expect("pusher:ping")

    run(main())


def test_a_slow_consumer_is_closed_and_the_others_do_not_notice(run: Run) -> None:
    async def main() -> None:
        async with Server(apps=[APP], port=0, max_queued_bytes=100_000, close_timeout_s=0.5) as server:
            async with connect(server.port) as fast:
                await fast.subscribe("a")
                slow = socket.socket()
                slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                slow.connect(("127.0.0.1", server.port))
                slow.sendall(
                    b"GET /app/app-key HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                )
                subscribe = json.dumps({"event": "pusher:subscribe", "data": {"channel": "a"}}).encode()
                slow.sendall(bytes([0x81, 0x80 | len(subscribe), 0, 0, 0, 0]) + subscribe)
                while (
                    await api(server.port, APP, "GET", "/channels/a", query={"info": "subscription_count"})
                ).json()["subscription_count"] != 2:
                    pass
                count = 0
                while server._node.counters.slow_consumers_total == 0:
                    await server.trigger("a", "e", "x" * 10_000)
                    await fast.expect("e")
                    count += 1
                    assert count < 5000
                response = await api(
                    server.port, APP, "GET", "/channels/a", query={"info": "subscription_count"}
                )
                assert response.json()["subscription_count"] == 1
                slow.close()

    run(main())


def test_rate_limits_reach_the_wire(run: Run) -> None:
    app = App(id="r", key="limited", secret="s", rate_limit=RateLimit(max_attempts=1, terminate=True))

    async def main() -> None:
        async with Server(apps=[app], port=0) as server, connect(server.port, "limited") as client:
            await client.send({"event": "pusher:ping"})
            await client.expect("pusher:pong")
            await client.send({"event": "pusher:ping"})
            await client.expect_error(4301)
            assert await client.closed() == 4301

    run(main())


@pytest.mark.parametrize(
    "last", [encode_frame(CLOSE, b"\x03\xe8"), b"\xff\xff"], ids=["a close", "a violation"]
)
def test_the_close_is_sent_also_where_the_peer_ends_it_in_the_same_segment(run: Run, last: bytes) -> None:
    app = App(id="r", key="limited", secret="s", rate_limit=RateLimit(max_attempts=3, terminate=True))

    async def main() -> None:
        async with Server(apps=[app], port=0) as server, connect(server.port, "limited") as client:
            ping = encode_frame(TEXT, b'{"event":"pusher:ping"}')
            await client.send_bytes(encode_frame(PING, b"p") + ping * 4 + last)
            assert (await client.receive()).opcode == PONG
            for _ in range(3):
                await client.expect("pusher:pong")
            await client.expect_error(4301)
            assert await client.closed() == 4301

    run(main())


def test_a_ping_is_answered_until_a_close_has_come(run: Run) -> None:
    """RFC 6455 5.5.2. The peer takes its time to answer ours."""
    app = App(id="r", key="limited", secret="s", rate_limit=RateLimit(max_attempts=1, terminate=True))
    wrong = encode_frame(TEXT, b'{"event":"pusher:ping"}')

    async def main() -> None:
        async with Server(apps=[app], port=0, close_timeout_s=5.0) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(handshake("/app/limited") + wrong * 2)
            async with asyncio.timeout(PATIENCE_S):
                await reader.readuntil(b"Rate limit exceeded")
                await reader.readuntil(b"Rate limit exceeded")  # the reason of the Close
                for number in range(3):
                    writer.write(encode_frame(PING, b"%d" % number) + wrong)
                    assert await reader.readexactly(3) == b"\x8a\x01%d" % number
                writer.write(encode_frame(CLOSE, b"\x10\xcd") + encode_frame(PING, b"late"))
                assert await reader.read() == b""
            writer.close()

    run(main())


def test_a_unix_socket_serves_as_well(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "revurb.sock"

    async def ask() -> bytes:
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"GET /up HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return answer

    async def main() -> None:
        async with Server(apps=[APP], port=0, unix_socket=str(path)):
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            assert b'{"health":"OK"}' in await ask()
            with pytest.raises(ListenError, match="another server"):
                await Server(apps=[APP], port=0, unix_socket=str(path)).start()
        stale = socket.socket(socket.AF_UNIX)
        path.unlink(missing_ok=True)
        stale.bind(str(path))
        stale.close()
        async with Server(apps=[APP], port=0, unix_socket=str(path)):
            assert b'{"health":"OK"}' in await ask()
        path.unlink(missing_ok=True)
        path.write_text("precious")
        with pytest.raises(ListenError, match="not a socket"):
            await Server(apps=[APP], port=0, unix_socket=str(path)).start()
        assert path.read_text() == "precious"

    run(main())
