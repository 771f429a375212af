"""The admin listener over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from revurb.console import admin_listener
from revurb.console.admin_listener import (
    MAX_BODY_BYTES,
    MAX_CONNECTIONS,
    MAX_HEAD_BYTES,
    MAX_WAITING,
    AdminListener,
)
from revurb.transport.listener import bind_tcp
from revurb.wire.http import Request
from revurb.wire.response import Response
from tests.client import Ended, http

LARGE = b"x" * 20_000_000


async def answer(request: Request) -> Response:
    match request.path:
        case "/large":
            return Response(200, LARGE)
        case "/slow":
            await asyncio.sleep(30)
        case "/fails":
            raise RuntimeError("a fault")
    return Response(200, f"{request.method} {request.path}".encode())


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[AdminListener]:
    listener = AdminListener(answer)
    await listener.start(bind_tcp(("127.0.0.1",), 0))
    try:
        yield listener
    finally:
        listener.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_requests_of_one_connection_are_answered_in_order() -> None:
    async with listening() as listener, http(listener.port) as connection:
        assert (await connection.request("GET", "/a")).body == b"GET /a"
        head = await connection.request("HEAD", "/b")
        assert (head.status, head.headers["content-length"]) == (200, "7")
        assert "date" in head.headers
        await connection.send_bytes(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await connection.response()).body == b"GET /1"
        assert (await connection.response()).body == b"GET /2"
        last = await connection.request("GET", "/c", headers=[("Connection", "close")])
        assert last.headers["connection"] == "close"
        with pytest.raises(Ended):
            await connection.response()


async def test_so_many_requests_may_wait() -> None:
    request = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
    async with listening() as listener, http(listener.port) as connection, http(listener.port) as other:
        await connection.send_bytes(request * MAX_WAITING)
        for _ in range(MAX_WAITING):
            assert (await connection.response()).status == 200
        await other.send_bytes(request * (MAX_WAITING + 1))
        with pytest.raises(Ended):
            await other.response()


async def test_a_request_in_pieces() -> None:
    async with listening() as listener, http(listener.port) as connection:
        for byte in b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n":
            await connection.send_bytes(bytes((byte,)))
        assert (await connection.response()).body == b"GET /a"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1), 413),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
            % (MAX_BODY_BYTES + 1, b"x" * (MAX_BODY_BYTES + 1)),
            413,
        ),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ],
)
async def test_what_is_no_request_is_refused_and_the_connection_closed(raw: bytes, status: int) -> None:
    async with listening() as listener, http(listener.port) as connection:
        await connection.send_bytes(raw)
        assert (await connection.response()).status == status
        with pytest.raises(Ended):
            await connection.response()
        await until(lambda: not listener.connections)


async def test_an_upgrade_is_not_taken_up() -> None:
    async with listening() as listener, http(listener.port) as connection:
        response = await connection.request(
            "GET", "/a", headers=[("Upgrade", "websocket"), ("Connection", "Upgrade")]
        )
        assert (response.status, response.headers["connection"]) == (200, "close")


async def test_a_fault_is_answered_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with listening() as listener, http(listener.port) as connection:
        response = await connection.request("GET", "/fails")
        assert (response.status, b"fault" in response.body) == (500, False)
        assert "admin request failed" in caplog.text
        assert (await connection.request("GET", "/a")).status == 200


async def test_two_addresses_are_one_listener() -> None:
    listener = AdminListener(answer)
    await listener.start(bind_tcp(("127.0.0.1", "127.0.0.2"), 0))
    for host in ("127.0.0.1", "127.0.0.2"):
        _, writer = await asyncio.open_connection(host, listener.port)
        await until(lambda: listener.connections)
        writer.close()
        await until(lambda: not listener.connections)
    listener.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.2", listener.port)


async def test_all_connections_end_with_the_listener() -> None:
    async with listening() as listener, http(listener.port) as idle, http(listener.port) as waiting:
        await idle.request("GET", "/a")
        await waiting.send_bytes(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        await until(lambda: any(connection.is_busy for connection in listener.connections))
        listener.close()
        for connection in (idle, waiting):
            with pytest.raises(Ended):
                await connection.response()
        await until(lambda: not listener.connections)


async def test_a_new_connection_takes_the_place_of_the_longest_idle() -> None:
    async with listening() as listener, contextlib.AsyncExitStack() as stack:
        held = [await stack.enter_async_context(http(listener.port)) for _ in range(MAX_CONNECTIONS)]
        for connection in held:
            await connection.request("GET", "/a")
        await held[0].request("GET", "/a")  # so that the second is the longest idle
        async with http(listener.port) as new:
            assert (await new.request("GET", "/b")).body == b"GET /b"
        with pytest.raises(Ended):
            await held[1].response()
        for connection in held[:1] + held[2:]:
            assert (await connection.request("GET", "/a")).status == 200


async def test_with_all_busy_a_new_one_is_dropped() -> None:
    async with listening() as listener, contextlib.AsyncExitStack() as stack:
        for _ in range(MAX_CONNECTIONS):
            connection = await stack.enter_async_context(http(listener.port))
            await connection.send_bytes(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        await until(lambda: sum(each.is_busy for each in listener.connections) == MAX_CONNECTIONS)
        async with http(listener.port) as new:
            with pytest.raises(Ended):
                await new.request("GET", "/a")


@pytest.mark.parametrize("sent", [b"", b"GET /a HT", b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"])
async def test_everything_has_its_time(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    for name in ("REQUEST_S", "ANSWER_S", "IDLE_S"):
        monkeypatch.setattr(admin_listener, name, 0.05)
    async with listening() as listener, http(listener.port) as connection:
        await connection.send_bytes(sent)
        with pytest.raises(Ended):
            await connection.response()
        await until(lambda: not listener.connections)


async def test_who_does_not_take_an_answer_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_listener, "ANSWER_S", 0.2)
    async with listening() as listener:
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port, limit=1)
        writer.write(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        await until(lambda: listener.connections)
        await until(lambda: not listener.connections)
        writer.close()
