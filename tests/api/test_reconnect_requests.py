"""The route by which an application has clients reconnect."""

from __future__ import annotations

from typing import Any

import pytest
from pusher import Pusher  # type: ignore[import-untyped]
from pusher.http import POST, Request  # type: ignore[import-untyped]

from revurb import App, Server
from revurb.pusher.reconnecting import ForceReconnect, survey_of
from tests.api.desk import Desk
from tests.client import api, connect

APP = App(id="1", key="key1", secret="secret")


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        (b"", ForceReconnect("app1")),
        ({}, ForceReconnect("app1")),
        ([], ForceReconnect("app1")),
        ({"channel": "news"}, ForceReconnect("app1", channel="news")),
        ({"user_id": 7, "percent": 12.5}, ForceReconnect("app1", user_id="7", percent=12.5)),
        ({"over_s": 60, "channel": None}, ForceReconnect("app1", over_s=60.0)),
    ],
)
def test_every_node_is_asked(
    desk: Desk, body: Any, asked: ForceReconnect, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[bytes] = []
    monkeypatch.setattr(desk.bus, "survey", lambda question, deadline_s: questions.append(question))
    assert desk.call("POST", "/force_reconnect", body) == (200, {})
    assert questions == [survey_of(asked)]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"chanel": "a"}, "There is no field 'chanel'; allowed: channel, user_id, percent, over_s."),
        ({"channel": "a", "user_id": "7"}, "channel and user_id are both there"),
        ({"channel": ""}, "channel must be a string that is not empty."),
        ({"channel": 7}, "channel must be a string that is not empty."),
        ({"user_id": True}, "user_id must be a string that is not empty."),
        ({"percent": 0}, "percent must be more than 0."),
        ({"percent": 101}, "percent must be a number from 0 to 100."),
        ({"percent": "50"}, "percent must be a number from 0 to 100."),
        ({"percent": True}, "percent must be a number from 0 to 100."),
        ({"over_s": -1}, "over_s must be a number from 0 to 3600."),
        (b'{"over_s":1e999}', "Bad request."),
        (b"{", "The body is not valid JSON"),
        (b"7", "The body must be a JSON object."),
    ],
)
def test_what_makes_no_sense_is_a_400_with_words(desk: Desk, body: Any, problem: str) -> None:
    status, text = desk.call("POST", "/force_reconnect", body)
    assert status == 400
    assert text.startswith("Bad request. ")
    assert problem in text


def test_only_the_app_may(desk: Desk) -> None:
    assert desk.ask("POST", "/apps/app1/force_reconnect").status == 401
    assert desk.ask("GET", "/apps/app1/force_reconnect").status == 405


def test_signed_by_an_sdk() -> None:
    with Server(apps=[APP], port=0) as server:
        sdk = Pusher(app_id="1", key="key1", secret="secret", host="127.0.0.1", port=server.port, ssl=False)
        request = Request(sdk._pusher_client, POST, "/apps/1/force_reconnect", {"percent": 50})
        assert sdk._pusher_client.http.send_request(request) == {}


async def test_clients_are_closed_with_4200_and_others_stay() -> None:
    other = App(id="2", key="key2", secret="secret")
    async with (
        Server(apps=[APP, other], port=0) as server,
        connect(server.port, "key1") as here,
        connect(server.port, "key1") as there,
        connect(server.port, "key2") as foreign,
    ):
        await there.subscribe("news")
        body = {"channel": "news"}
        assert (await api(server.port, APP, "POST", "/force_reconnect", body)).json() == {}
        assert await there.closed() == 4200
        await here.expect_silence()
        assert (await api(server.port, APP, "POST", "/force_reconnect")).status == 200
        assert await here.closed() == 4200
        await foreign.expect_silence()
