"""Requests of webhooks as a node makes them, for receivers and for the validators of SDKs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from revurb import App
from revurb.pusher import facts
from revurb.pusher.facts import Fact
from revurb.webhooks.payload import body_of, event_of, headers_of

ROOM = "presence-room"
DATA = '{"text":"é\\u2028\\"</script>"}'


def fact(kind: str, channel: str, **fields: Any) -> Fact:
    return Fact(kind, "1", channel, 1_700_000_000_000, **fields)


# One fact of each kind, and what Pusher documents for it ("Webhooks", "Events").
ALL_KINDS: list[tuple[Fact, dict[str, Any]]] = [
    (fact(facts.CHANNEL_OCCUPIED, ROOM), {"name": "channel_occupied", "channel": ROOM}),
    (
        fact(facts.MEMBER_ADDED, ROOM, user_id="7"),
        {"name": "member_added", "channel": ROOM, "user_id": "7"},
    ),
    (
        fact(facts.SUBSCRIPTION_COUNT, "orders", count=3),
        {"name": "subscription_count", "channel": "orders", "subscription_count": 3},
    ),
    (fact(facts.CACHE_MISS, "cache-prices"), {"name": "cache_miss", "channel": "cache-prices"}),
    (
        fact(facts.CLIENT_EVENT, ROOM, event="client-typing", data=DATA, socket_id="1.2", user_id="7"),
        {
            "name": "client_event",
            "channel": ROOM,
            "event": "client-typing",
            "data": DATA,
            "socket_id": "1.2",
            "user_id": "7",
        },
    ),
    (
        fact(facts.CLIENT_EVENT, "private-x", event="client-e", data="text", socket_id="1.2"),
        {
            "name": "client_event",
            "channel": "private-x",
            "event": "client-e",
            "data": "text",
            "socket_id": "1.2",
        },
    ),
    (
        fact(facts.MEMBER_REMOVED, ROOM, user_id="7"),
        {"name": "member_removed", "channel": ROOM, "user_id": "7"},
    ),
    (fact(facts.CHANNEL_VACATED, ROOM), {"name": "channel_vacated", "channel": ROOM}),
]
ALL_FACTS = [made for made, _ in ALL_KINDS]
ALL_EVENTS = [documented for _, documented in ALL_KINDS]


def webhook_request(
    app: App, told: Sequence[Fact], request_id: str = "id-1", time_ms: int | None = None
) -> tuple[dict[str, str], bytes]:
    """Headers and body; `time_ms`, in ms since 1970, is now unless it is given."""
    body = body_of([event_of(each) for each in told], int(time.time() * 1000) if time_ms is None else time_ms)
    return headers_of(app, body, request_id), body
