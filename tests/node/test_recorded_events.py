"""The record of what was sent."""

from __future__ import annotations

import json

import pytest

from revurb import App, SentEvent, Server
from revurb.node import recorded_events
from tests.client import api, connect

APP = App(id="app-id", key="app-key", secret="app-secret")


async def test_events_from_here_and_over_http_are_recorded_and_delivered() -> None:
    async with Server(apps=[APP], port=0, record_events=True) as server, connect(server.port) as client:
        await client.subscribe("a")
        await server.trigger(["a", "b", "a"], "e", {"n": 1}, socket_id="1.2")
        response = await api(server.port, APP, "POST", "/events", {"name": "f", "channel": "a", "data": "x"})
        batch = {"batch": [{"name": "g", "channel": "c", "data": "y"}]}
        assert (response.status, (await api(server.port, APP, "POST", "/batch_events", batch)).status) == (
            200,
            200,
        )
        assert server.sent == [
            SentEvent("app-id", ("a", "b"), "e", '{"n":1}', "1.2"),
            SentEvent("app-id", ("a",), "f", "x", None),
            SentEvent("app-id", ("c",), "g", "y", None),
        ]
        assert json.loads((await client.expect("e"))["data"]) == {"n": 1}
        await client.expect("f")
    assert len(server.sent) == 3  # also after the end


async def test_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revurb.node.embedding.MAX_RECORDED_EVENTS", 2)
    assert recorded_events.MAX_RECORDED_EVENTS == 10_000
    async with Server(apps=[APP], port=0, record_events=True) as server:
        for number in range(3):
            await server.trigger("a", f"e{number}", {})
        assert [event.event for event in server.sent] == ["e1", "e2"]


def test_without_it_the_error_says_how() -> None:
    with pytest.raises(RuntimeError, match="record_events=True"):
        _ = Server(apps=[APP]).sent
