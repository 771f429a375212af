from __future__ import annotations

import json
import socket

import pytest
from aiohttp import web

from revurb.apps import WebhookTarget
from revurb.apps.webhook_target import WEBHOOK_EVENTS
from revurb.webhooks.probe import example_event, probe
from revurb.webhooks.retry_policy import Verdict
from tests.webhooks.receiver import app_with, receiving

FIELDS = {
    "channel_occupied": set(),
    "channel_vacated": set(),
    "member_added": {"user_id"},
    "member_removed": {"user_id"},
    "client_event": {"event", "data", "socket_id"},
    "cache_miss": set(),
    "subscription_count": {"subscription_count"},
}


@pytest.mark.parametrize("kind", WEBHOOK_EVENTS)
async def test_an_example_of_each_event_is_sent_and_signed(kind: str) -> None:
    async with receiving() as receiver:
        app = app_with(WebhookTarget(url=receiver.url, headers={"A": "b"}))
        event = example_event(app, kind, 0)
        result = await probe(app, app.webhooks[0], [event], allow_private=True)
    assert (result.outcome.verdict, result.outcome.address) == (Verdict.DELIVERED, "127.0.0.1")
    assert result.outcome.body == b"ok"
    assert result.took_s > 0
    (request,) = receiver.requests
    assert app.signed(request.body.decode(), request.headers["X-Pusher-Signature"])
    assert request.headers["A"] == "b"
    (sent,) = request.events
    assert sent["channel"].endswith("revurb-webhooks-test")
    assert sent.keys() == {"name", "channel"} | FIELDS[kind]


async def test_no_event_at_all() -> None:
    async with receiving() as receiver:
        receiver.answers = [web.Response(status=404, text="who?")]
        app = app_with(receiver.url)
        result = await probe(app, app.webhooks[0], [], allow_private=True)
    assert json.loads(receiver.requests[0].body)["events"] == []
    assert (result.outcome.status, result.outcome.body) == (404, b"who?")


async def test_the_address_that_did_not_answer() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        app = app_with(f"http://127.0.0.1:{sock.getsockname()[1]}/")
        result = await probe(app, app.webhooks[0], [], allow_private=True)
    assert (result.outcome.verdict, result.outcome.address) == (Verdict.RETRY, "127.0.0.1")
