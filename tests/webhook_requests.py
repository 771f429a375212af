"""Requests of webhooks as a node makes them, for receivers and for the validators of SDKs."""

from __future__ import annotations

import json
import time
from typing import Any

from revurb import App

# One event of each kind, with the fields that Pusher documents ("Webhooks", "Events").
ALL_KINDS: list[dict[str, Any]] = [
    {"name": "channel_occupied", "channel": "presence-room"},
    {"name": "member_added", "channel": "presence-room", "user_id": "7"},
    {"name": "subscription_count", "channel": "orders", "subscription_count": 3},
    {"name": "cache_miss", "channel": "cache-prices"},
    {
        "name": "client_event",
        "channel": "presence-room",
        "event": "client-typing",
        "data": '{"text":"é\\u2028\\"</script>"}',
        "socket_id": "1.2",
        "user_id": "7",
    },
    {"name": "member_removed", "channel": "presence-room", "user_id": "7"},
    {"name": "channel_vacated", "channel": "presence-room"},
]


def webhook_request(
    app: App, events: list[dict[str, Any]], request_id: str = "id-1", time_ms: int | None = None
) -> tuple[dict[str, str], bytes]:
    """Headers and body; `time_ms`, in ms since 1970, is now unless it is given."""
    whole = {"time_ms": int(time.time() * 1000) if time_ms is None else time_ms, "events": events}
    body = json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()
    return {
        "Content-Type": "application/json",
        "X-Pusher-Key": app.key,
        "X-Pusher-Signature": app.sign(body.decode()),
        "X-Revurb-Webhook-Id": request_id,
    }, body
