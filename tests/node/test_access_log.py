"""A line for each connection and each request, and none where it is off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from revurb import App, Server
from revurb.apps import FixedApps
from tests.client import Client, api, connect, http, signed
from tests.node.test_guarded_gateway import SlowApps

APP = App(id="1", key="app-key", secret="app-secret", max_connections=5)
Lines = Callable[[str, int], Awaitable[list[dict[str, Any]]]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """The fields of the lines with a message, as soon as there are so many."""
    caplog.set_level(logging.INFO, "revurb")

    async def found(message: str, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(5):
            while True:
                records = [vars(record) for record in caplog.records if record.getMessage() == message]
                if len(records) >= count:
                    assert len(records) == count
                    return records
                await asyncio.sleep(0.001)

    return found


async def close_normally(client: Client) -> None:
    await client.close(1000, b"bye")


async def drop(client: Client) -> None:
    await client.drop()


async def send_nonsense(client: Client) -> None:
    await client.send_bytes(b"\xff" * 20)
    await client.closed()


@pytest.mark.parametrize("slow", [False, True], ids=["apps at once", "apps awaited"])
@pytest.mark.parametrize(
    ("end", "code", "reason"),
    [(close_normally, 1000, "bye"), (drop, 1006, ""), (send_nonsense, 1002, None)],
)
async def test_a_connection(
    lines: Lines, end: Callable[[Client], Awaitable[None]], code: int, reason: str | None, slow: bool
) -> None:
    apps: dict[str, Any] = {"app_provider": SlowApps([APP])} if slow else {"apps": [APP]}
    async with Server(port=0, access_log="connections", **apps) as server:
        async with connect(server.port) as client:
            (opened,) = await lines("connection opened", 1)
            assert opened["client"].startswith("127.0.0.1:")
            assert (opened["key"], opened["socket_id"]) == ("app-key", client.socket_id)
            await end(client)
        (closed,) = await lines("connection closed", 1)
        assert (closed["client"], closed["socket_id"]) == (opened["client"], client.socket_id)
        assert closed["code"] == code
        assert reason is None or closed["reason"] == reason
        assert 0 <= closed["duration_s"] < 60
        if code != 1006:
            assert closed["bytes_in"] > 100
            assert closed["bytes_out"] > 100


async def test_the_server_ends_a_connection(lines: Lines) -> None:
    async with Server(apps=[APP], port=0, access_log="all") as server, connect(server.port) as client:
        await client.subscribe("a")
        stopping = asyncio.ensure_future(server.stop())
        assert await client.closed() == 4200
        await stopping
        (closed,) = await lines("connection closed", 1)
        assert (closed["code"], closed["reason"]) == (4200, "Server is restarting")


async def test_one_that_is_refused(lines: Lines) -> None:
    async with Server(apps=[APP], port=0, access_log="connections") as server:
        async with connect(server.port, "nope", greet=False) as client:
            await client.closed()
        (closed,) = await lines("connection closed", 1)
        assert (closed["key"], closed["refused"], closed["code"]) == ("nope", True, 4001)


async def test_requests(lines: Lines) -> None:
    async with Server(apps=[APP], port=0, access_log="all") as server, http(server.port) as connection:
        answer = await connection.request(
            "GET", signed(APP, "GET", "/apps/1/channels"), headers=[("X-Request-Id", "abc-1")]
        )
        assert (answer.status, answer.headers["x-request-id"]) == (200, "abc-1")
        (line,) = await lines("request", 1)
        assert (line["method"], line["path"], line["status"]) == ("GET", "/apps/1/channels", 200)
        assert (line["bytes"], line["request_id"]) == (len(answer.body), "abc-1")
        assert line["client"].startswith("127.0.0.1:")
        assert 0 < line["ms"] < 5000
        answer = await connection.request("GET", "/nowhere?secret=1", headers=[("X-Request-Id", "a b\tc")])
        _, line = await lines("request", 2)
        assert (line["status"], line["path"]) == (404, "/nowhere")
        assert answer.headers["x-request-id"] == line["request_id"]
        assert len(line["request_id"]) == 16
        assert (await connection.request("HEAD", "/up")).status == 200
        *_, line = await lines("request", 3)
        assert (line["method"], line["bytes"]) == ("HEAD", 0)


@pytest.mark.parametrize(("slow", "status"), [(False, 500), (True, 503)], ids=["at once", "awaited"])
async def test_requests_that_fail_and_handshakes_without_a_websocket(
    lines: Lines, slow: bool, status: int
) -> None:
    class Failing(FixedApps):
        def find_by_id(self, app_id: str) -> Any:
            if slow:
                return self._fail()
            raise OSError("no database")

        async def _fail(self) -> None:
            raise OSError("no database")

    given = [("X-Request-Id", "abc-1")]
    async with Server(app_provider=Failing([APP]), port=0, access_log="all") as server:
        async with http(server.port) as connection:
            answer = await connection.request("GET", "/apps/1/channels", headers=given)
            assert (answer.status, answer.headers["x-request-id"]) == (status, "abc-1")
        (line,) = await lines("request", 1)
        assert (line["status"], line["request_id"]) == (status, "abc-1")
        await lines("request failed", int(not slow))
        async with http(server.port) as connection:
            answer = await connection.request(
                "GET", "/app/app-key", headers=[*given, ("Connection", "Upgrade"), ("Upgrade", "websocket")]
            )
            assert (answer.status, answer.headers["x-request-id"]) == (400, "abc-1")
        _, line = await lines("request", 2)
        assert (line["status"], line["path"], line["request_id"]) == (400, "/app/app-key", "abc-1")


async def test_a_request_that_offers_another_protocol_has_its_line(lines: Lines) -> None:
    """As Java's HTTP client sends it."""
    offer = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("X-Request-Id", "abc-1")]
    async with Server(apps=[APP], port=0, access_log="all") as server, http(server.port) as connection:
        answer = await connection.request("GET", signed(APP, "GET", "/apps/1/channels"), headers=offer)
        assert (answer.status, answer.headers["x-request-id"]) == (200, "abc-1")
        (line,) = await lines("request", 1)
        assert (line["path"], line["status"]) == ("/apps/1/channels", 200)


async def test_requests_have_no_line_where_only_connections_have(lines: Lines) -> None:
    async with Server(apps=[APP], port=0, access_log="connections") as server:
        answer = await api(server.port, APP, "GET", "/channels")
        assert "x-request-id" not in answer.headers
        async with connect(server.port):
            await lines("connection opened", 1)
        assert await lines("request", 0) == []


async def test_a_part_of_them(lines: Lines) -> None:
    async with Server(apps=[APP], port=0, access_log="all", access_log_sample=0.0) as server:
        assert "x-request-id" not in (await api(server.port, APP, "GET", "/channels")).headers
        async with connect(server.port):
            pass
        assert await lines("request", 0) == await lines("connection opened", 0) == []
    half = Server(apps=[APP], port=0, access_log="all", access_log_sample=0.5)
    async with half as server, http(server.port) as connection:
        logged = 0
        for _ in range(200):
            logged += "x-request-id" in (await connection.request("GET", "/up")).headers
        assert 50 < logged < 150


async def test_off_it_is_not_there() -> None:
    async with Server(apps=[APP], port=0) as server:
        assert type(server._node._connections.handler).__name__ == "Gateway"
