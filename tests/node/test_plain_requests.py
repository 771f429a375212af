"""Plain publishes on a node: answered with the same bytes as those that are read, wherever they come in."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from revurb import App, SentEvent, Server
from revurb.api.answers import EMPTY
from revurb.api.endpoint import Api
from revurb.api.plain_publishes import PlainPublishes
from revurb.apps.request_signing import signed_target
from revurb.wire.response import encode_response
from tests.client import connect, http

APP = App(id="app-id", key="app-key", secret="app-secret")
BODY = json.dumps({"name": "e", "channel": "a", "data": "x"}).encode()


def a_publish(server: Server, fields: str = "") -> bytes:
    target = signed_target(APP, "POST", "/apps/app-id/events", BODY, server_now_s())
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\n{fields}Content-Length: {len(BODY)}\r\n\r\n"
    return head.encode() + BODY


def server_now_s() -> int:
    return int(time.time())


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of requests that have been read."""
    paths: list[str] = []
    answer = Api.answer

    def noting(self: Api, request: object) -> object:
        paths.append(request.path)  # type: ignore[attr-defined]
        return answer(self, request)  # type: ignore[arg-type]

    monkeypatch.setattr(Api, "answer", noting)
    return paths


async def test_the_answer_is_that_of_one_that_is_read(read: list[str]) -> None:
    async with Server(apps=[APP], port=0) as server, connect(server.port) as client:
        await client.subscribe("a")
        async with http(server.port) as connection:
            answers = []
            for fields in ("", "Expect: 100-continue\r\n", "X-More: 1\r\n"):
                await connection.send_bytes(a_publish(server, fields))
                answers.append(await connection.response())
                assert (await client.expect("e"))["data"] == "x"
        first, *others = [(answer.status, {**answer.headers, "date": ""}, answer.text) for answer in answers]
        assert others == [first, first]
        assert (first[0], first[2]) == (200, "{}")
    assert read == ["/apps/app-id/events"]


async def test_the_bytes_are_encoded_once_for_each_date() -> None:
    async with Server(apps=[APP], port=0) as server:
        connections = server._node._connections
        for date in ("", "Mon, 02 Jan 2006 15:04:05 GMT"):
            connections.date = date
            assert connections.usual_answer_bytes == encode_response(EMPTY, keep_alive=True, date=date)


async def test_a_node_that_drains_closes_behind_the_answer(read: list[str]) -> None:
    async with Server(apps=[APP], port=0) as server, http(server.port) as connection:
        await connection.send_bytes(a_publish(server))
        assert "connection" not in (await connection.response()).headers
        assert read == []
        server._node._connections.draining = True
        await connection.send_bytes(a_publish(server))
        assert (await connection.response()).headers["connection"] == "close"
        assert len(read) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"cors_origins": ["https://a.example"]},
        {"access_log": "all"},
        {"max_connections_per_address": 5},
    ],
)
async def test_where_something_has_to_see_each_request_all_are_read(
    read: list[str], settings: dict[str, Any]
) -> None:
    async with Server(apps=[APP], port=0, **settings) as server, http(server.port) as connection:
        await connection.send_bytes(a_publish(server))
        assert (await connection.response()).status == 200
        assert len(read) == 1


async def test_without_openssl_all_are_read(read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise RuntimeError("OpenSSL refuses MD5")

    monkeypatch.setattr("revurb.api.plain_publishes.Md5", refused)
    async with Server(apps=[APP], port=0) as server, http(server.port) as connection:
        await connection.send_bytes(a_publish(server))
        assert (await connection.response()).status == 200
        assert len(read) == 1


async def test_a_fault_is_answered_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(self: PlainPublishes, data: bytes) -> None:
        if data.startswith(b"POST "):
            raise ValueError("a fault of ours")

    monkeypatch.setattr(PlainPublishes, "answer", failing)
    async with Server(apps=[APP], port=0) as server, http(server.port) as connection:
        await connection.send_bytes(a_publish(server))
        assert (await connection.response()).status == 500
        assert (await connection.request("GET", "/up")).status == 200
    assert "request failed" in caplog.text


async def test_it_is_recorded(read: list[str]) -> None:
    async with Server(apps=[APP], port=0, record_events=True) as server, http(server.port) as connection:
        await connection.send_bytes(a_publish(server))
        await connection.response()
        assert server.sent == [SentEvent("app-id", ("a",), "e", "x", None)]
    assert read == []


async def test_many_at_a_time_and_in_pieces(read: list[str]) -> None:
    """Only what comes alone and whole is plain, and all is answered in order."""
    async with Server(apps=[APP], port=0) as server, http(server.port) as connection:
        whole = a_publish(server)
        await connection.send_bytes(whole + whole)
        await connection.send_bytes(whole[:-1])
        for _ in range(2):
            assert (await connection.response()).status == 200
        await connection.send_bytes(whole[-1:])
        assert (await connection.response()).status == 200
        await connection.send_bytes(whole)
        assert (await connection.response()).status == 200
        assert server._node.counters.http_requests_total == 4
