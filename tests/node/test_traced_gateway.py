"""`--debug` shows requests, and messages of their numbers' responses."""

from __future__ import annotations

import asyncio
import re

import pytest

from revurb import App, Server
from revurb.apps import FixedApps
from tests.client import api, connect, http

APP = App(id="1", key="app-key", secret="hush-hush")


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line[9:] for line in capsys.readouterr().out.splitlines()]


async def test_requests_publishes_and_messages_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    async with Server(apps=[APP], port=0, debug=True) as server, connect(server.port) as client:
        await client.subscribe("a")
        await api(server.port, APP, "POST", "/events", {"name": "e", "channel": "a", "data": '{"n":1}'})
        await client.expect("e")
        await server.trigger("a", "f", "x")
        await client.expect("f")
        async with http(server.port) as connection:
            await connection.request("GET", "/apps/1/channels?auth_signature=secret")
            await connection.request("GET", "/up")
    lines = shown(capsys)
    socket_id = client.socket_id
    assert re.fullmatch(rf"--- {socket_id} connected to app 1 from 127\.0\.0\.1:\d+", lines[0])
    assert lines[1:14] == [
        f'--> {socket_id} pusher:connection_established {{"socket_id":"{socket_id}","activity_timeout":30}}',
        f'<-- {socket_id} pusher:subscribe {{"channel":"a"}}',
        f"--> {socket_id} pusher_internal:subscription_succeeded a {{}}",
        '<-- http 1 POST /apps/1/events {"name":"e","channel":"a","data":{"n":1}}',
        f'--> {socket_id} e a {{"n":1}}',
        "--> http 1 200 {}",
        '<-- app 1 f a "x"',
        f'--> {socket_id} f a "x"',
        "<-- http 2 GET /apps/1/channels",
        "--> http 2 401 'Authentication signature invalid.'",
        "<-- http 3 GET /up",
        '--> http 3 200 {"health":"OK"}',
        f"--- {socket_id} disconnected",
    ]


async def test_a_response_that_has_to_be_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    class Slow(FixedApps):
        async def find_by_id(self, app_id: str) -> App | None:  # type: ignore[override]
            await asyncio.sleep(0)
            return super().find_by_id(app_id)

    async with Server(app_provider=Slow([APP]), port=0, debug=True) as server:
        assert (await api(server.port, APP, "GET", "/channels")).json() == {"channels": {}}
    assert shown(capsys) == ["<-- http 1 GET /apps/1/channels", '--> http 1 200 {"channels":{}}']
