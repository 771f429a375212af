"""Sends one request to a target as the sender would, once and now: for `revurb webhooks test` and `revurb doctor`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import NamedTuple

from revurb.apps import App, WebhookTarget
from revurb.pusher import facts
from revurb.pusher.facts import Fact
from revurb.webhooks.http_client import HttpClient
from revurb.webhooks.payload import body_of, event_of, headers_of
from revurb.webhooks.retry_policy import Outcome

CHANNEL = "revurb-webhooks-test"


class ProbeResult(NamedTuple):
    """What came back, and after how many seconds."""

    outcome: Outcome
    took_s: float


def example_event(app: App, kind: str, now_ms: int) -> bytes:
    """An event as a target gets it, on a channel that says what it is for."""
    channel = {"member_added": "presence-", "member_removed": "presence-", "client_event": "private-"}
    fields: dict[str, dict[str, str]] = {
        facts.MEMBER_ADDED: {"user_id": "1"},
        facts.MEMBER_REMOVED: {"user_id": "1"},
        facts.CLIENT_EVENT: {"event": "client-test", "data": '{"hello":"world"}', "socket_id": "1.1"},
    }
    name = f"{channel.get(kind, 'cache-' if kind == facts.CACHE_MISS else '')}{CHANNEL}"
    count = 1 if kind == facts.SUBSCRIPTION_COUNT else 0
    return event_of(Fact(kind, app.id, name, now_ms, count=count, **fields.get(kind, {})))


async def probe(
    app: App, target: WebhookTarget, events: Sequence[bytes], *, allow_private: bool
) -> ProbeResult:
    """Send `events`, which may be none, to a target."""
    client = HttpClient(allow_private=allow_private)
    try:
        body = body_of(events, int(time.time() * 1000))
        began = time.perf_counter()
        outcome = await client.post(
            target.url, body, headers_of(app, body, secrets.token_hex(16)), target.headers
        )
        took_s = time.perf_counter() - began
    finally:
        await client.close()
    if not outcome.address:
        outcome = outcome._replace(address=client.last_address)
    return ProbeResult(outcome, took_s)
