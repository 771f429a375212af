"""The request that a target gets: its body and headers. Pusher docs, "Webhooks", "Webhook format" and "Security".

The body is `{"time_ms":1327078148132,"events":[{"name":"channel_occupied","channel":"room"}]}`, and its signature the
one that Pusher's SDKs check. Fields are those that Pusher documents for each event, with texts where Pusher has texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from revurb.apps import App
from revurb.pusher import facts
from revurb.pusher.facts import Fact
from revurb.version import __version__

REQUEST_ID = "X-Revurb-Webhook-Id"
KEY = "X-Pusher-Key"
SIGNATURE = "X-Pusher-Signature"
FRAME_BYTES = 64  # of a body, beside its events

_encode = msgspec.json.Encoder().encode


def event_of(fact: Fact) -> bytes:
    """The JSON of one event of a body."""
    event: dict[str, object] = {"name": fact.kind, "channel": fact.channel}
    if fact.kind in (facts.MEMBER_ADDED, facts.MEMBER_REMOVED):
        event["user_id"] = fact.user_id
    elif fact.kind == facts.SUBSCRIPTION_COUNT:
        event["subscription_count"] = fact.count
    elif fact.kind == facts.CLIENT_EVENT:
        event["event"] = fact.event
        event["data"] = fact.data
        event["socket_id"] = fact.socket_id
        if fact.user_id:
            event["user_id"] = fact.user_id
    return _encode(event)


def body_of(events: Sequence[bytes], time_ms: int) -> bytes:
    """The body with these events; `time_ms` is when it was made, in ms since 1970."""
    return b'{"time_ms":%d,"events":[%s]}' % (time_ms, b",".join(events))


def headers_of(app: App, body: bytes, request_id: str) -> dict[str, str]:
    """The headers of a request, without those that are the target's own."""
    return {
        "Content-Type": "application/json",
        "User-Agent": f"revurb/{__version__}",
        REQUEST_ID: request_id,
        KEY: app.key,
        SIGNATURE: app.sign(body.decode()),
    }
