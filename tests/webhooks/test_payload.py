from __future__ import annotations

import json
from typing import Any

import pytest
from pusher import Pusher  # type: ignore[import-untyped]

from revurb.apps import App
from revurb.pusher.facts import Fact
from revurb.version import __version__
from revurb.webhooks.payload import FRAME_BYTES, body_of, event_of, headers_of

APP = App(id="1", key="the-key", secret="the-secret")


def fact(kind: str, **fields: Any) -> Fact:
    return Fact(kind, "1", "presence-room", 1_700_000_000_000, **fields)


@pytest.mark.parametrize(
    ("told", "event"),
    [
        (fact("channel_occupied"), {}),
        (fact("channel_vacated"), {}),
        (fact("cache_miss"), {}),
        (fact("member_added", user_id="7"), {"user_id": "7"}),
        (fact("member_removed", user_id="é"), {"user_id": "é"}),
        (fact("subscription_count", count=3), {"subscription_count": 3}),
        (
            fact("client_event", event="client-x", data='{"a":1}', socket_id="1.2", user_id="7"),
            {"event": "client-x", "data": '{"a":1}', "socket_id": "1.2", "user_id": "7"},
        ),
        (
            fact("client_event", event="client-x", data="hello", socket_id="1.2"),
            {"event": "client-x", "data": "hello", "socket_id": "1.2"},
        ),
    ],
)
def test_an_event_has_the_fields_that_pusher_documents(told: Fact, event: dict[str, Any]) -> None:
    assert json.loads(event_of(told)) == {"name": told.kind, "channel": "presence-room", **event}


def test_the_python_sdk_accepts_the_request() -> None:
    body = body_of([event_of(fact("channel_occupied")), event_of(fact("member_added", user_id="é"))], 5)
    headers = headers_of(APP, body, "id-1")
    sdk = Pusher(app_id="1", key="the-key", secret="the-secret")
    read = sdk.validate_webhook(headers["X-Pusher-Key"], headers["X-Pusher-Signature"], body.decode())
    assert read is None or read["time_ms"] == 5  # None: the SDK finds it too old
    assert headers == {
        "Content-Type": "application/json",
        "User-Agent": f"revurb/{__version__}",
        "X-Revurb-Webhook-Id": "id-1",
        "X-Pusher-Key": "the-key",
        "X-Pusher-Signature": APP.sign(body.decode()),
    }


def test_a_body_is_what_pusher_writes() -> None:
    event = event_of(fact("cache_miss"))
    assert body_of([event, event], 1327078148132) == b'{"time_ms":1327078148132,"events":[%s,%s]}' % (
        event,
        event,
    )
    assert body_of([], 1) == b'{"time_ms":1,"events":[]}'
    assert len(body_of([], 10**15)) <= FRAME_BYTES
